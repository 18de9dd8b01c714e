"""The request that keyword arguments ask for, or an error that names the keyword at fault."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from smoothgen.contracts import (
    MODALITIES,
    CoversRequest,
    GenerateRequest,
    Robustness,
    parameter_names,
    read_parameters,
)
from smoothgen.errors import InvalidInput

_TOP_LEVEL: Final = ("cancel_on_disconnect", "context", "output", "priority", "retention_s", "seed")
_SECTIONS: Final = ("robustness", "parameters")


def request_of(prompt: str, model: str, given: Mapping[str, Any]) -> GenerateRequest:
    """Returns a request made of keyword arguments: robustness fields, generation parameters, `output`, `priority`,
    `retention_s`, `cancel_on_disconnect` and `seed`.

    Raises TypeError for a keyword that is neither, InvalidInput for a value that no server takes.
    """
    sections: dict[str, dict[str, Any]] = {name: {} for name in _SECTIONS}
    body: dict[str, Any] = {"model": model, "prompt": prompt, **sections}
    homes = dict.fromkeys(Robustness.model_fields, "robustness")
    for modality in MODALITIES:
        homes |= dict.fromkeys(parameter_names(modality), "parameters")
    for name, value in given.items():
        if name in _TOP_LEVEL:
            body[name] = value
        elif name in homes:
            sections[homes[name]][name] = value
        else:
            raise TypeError(f"generate() takes no {name!r}; it takes {', '.join(sorted({*homes, *_TOP_LEVEL}))}")
    for modality in MODALITIES:  # the server knows which it is; a value out of range is noticed here in either
        if sections["parameters"].keys() <= parameter_names(modality):
            with _named(sections["parameters"]):
                read_parameters(modality, sections["parameters"])
    with _named(body):
        return GenerateRequest.model_validate(body)


def covers_request(prompts: Sequence[str], confidence: float | None, context: Sequence[str] | None) -> CoversRequest:
    """Returns a request to compare prompts or a context with a certificate. Raises InvalidInput."""
    given = {"prompts": [*prompts], "confidence": confidence, "context": None if context is None else [*context]}
    with _named(given):
        return CoversRequest.model_validate(given)


@contextlib.contextmanager
def _named(sent: Mapping[str, Any]) -> Iterator[None]:
    """Raises InvalidInput for a ValidationError of what was sent, naming the field, the value and what is taken."""
    try:
        yield
    except ValidationError as error:
        found = error.errors(include_url=False)
        fields = [_field(each["type"], each["loc"], sent) for each in found]
        # A value that may be of several kinds has an error for each of them.
        said = [_sentence(each) for each, field in zip(found, fields, strict=True) if field == fields[0]]
        value = f" (got {found[0]['input']!r:.80})" if fields[0] and found[0]["type"] != "missing" else ""
        where = f"{fields[0]}: " if fields[0] else ""
        raise InvalidInput(f"{where}{'; '.join(said)}{value}", field=fields[0] or None) from error


def _field(kind: str, location: tuple[int | str, ...], sent: Any) -> str:
    """Returns where an error is, with dots, as keywords name it. Pydantic's locations also have the members of a union
    that it tried; those are left out."""
    parts, here = [], sent
    for place, part in enumerate(location):
        listed = isinstance(here, list | tuple) and isinstance(part, int) and part < len(here)
        if listed or (isinstance(here, Mapping) and part in here):
            parts.append(str(part))
            here = here[part]
        elif place == len(location) - 1 and kind in ("missing", "extra_forbidden"):
            parts.append(str(part))
    return ".".join(parts[1:] if parts[:1] and parts[0] in _SECTIONS else parts)


def _sentence(error: Mapping[str, Any]) -> str:
    """Returns what is wrong with a value, and what is taken in its place."""
    if error["type"] == "missing":
        name = str(error["loc"][-1])
        return f"{error['input']!r:.80} has no {name!r}, which is required; give an object with {name!r} too"
    if error["type"] == "union_tag_invalid":
        return f"there is no {error['ctx']['tag']!r:.80}; give one of {error['ctx']['expected_tags']}"
    return str(error["msg"]).removeprefix("Value error, ")
