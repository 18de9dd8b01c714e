"""What a certificate is about: which model, metric, noise, output and threat.

The arithmetic of a certificate needs none of this; a person who reads one needs all of it. Everything is optional for
`certify` on bare distances, and complete in certificates issued by a server.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from smoothgen.errors import InvalidCertificate

Section = TypeVar("Section")
_LEAVES: Final = frozenset({str, int, float, bool, type(None)})


class _Section:
    """A frozen dataclass of JSON data."""

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form, in the order of its fields; an optional field that is None is left out."""
        optional = _optional_fields(type(self))  # type: ignore[arg-type]  # mypy doubts that a class is hashable
        # vars, not dataclasses.asdict, which copies more and takes four times as long: servers do this per request.
        return {
            name: value if type(value) in _LEAVES else _copied(value)
            for name, value in vars(self).items()
            if value is not None or name not in optional
        }


@dataclass(frozen=True)
class ModelIdentity(_Section):
    """Which generator. `digest`: sha256 over its weights, "sha256:<hex>"."""

    name: str
    revision: str
    digest: str


@dataclass(frozen=True)
class MetricIdentity(_Section):
    """Which distance between outputs, and the centre c it was measured from.

    `options` are the request's (an extraction rule, a cap); `centre` is what recomputing the distances needs.
    """

    name: str
    description: str
    cap: float | None
    options: dict[str, Any]
    centre: dict[str, Any]


@dataclass(frozen=True)
class Sampling(_Section):
    """Where the random numbers came from (`smoothgen.noise`). The seed is a 128-bit hexadecimal number.

    precision: what the model computed in, "float32", "bfloat16" or "float16". batch_size: the fixed batch of a model
    whose outputs depend on it; None where samples were drawn in batches of any size. batch_sensitivity: the share of
    probe rows whose output changed with the batch size when the model was loaded; None where it was not measured.
    snap: sha256 ("sha256:<hex>") of the table whose nearest rows the model read in place of the noisy embeddings; None
    where it read the noisy ones.
    """

    seed: str
    seed_origin: Literal["server", "client"]
    noise_scheme: str
    randomness: str
    selection_samples: int
    precision: str | None = None
    batch_size: int | None = None
    batch_sensitivity: float | None = None
    snap: str | None = None


@dataclass(frozen=True)
class OutputIdentity(_Section):
    """The output handed to the client. `digest` is over its exact bytes.

    `distance_to_centre` is rounded up; None where no centre was chosen (a certificate without samples).
    """

    kind: str
    media_type: str
    digest: str
    distance_to_centre: float | None


@dataclass(frozen=True)
class Threat(_Section):
    """What is attacked, in which units, and what is outside the threat because it is held fixed."""

    attack_on: str
    dimension: int
    embedding_norm: float
    noise_norm: float
    held_fixed: tuple[str, ...]


@dataclass(frozen=True)
class RequestIdentity(_Section):
    """What was asked, without the prompt's text: its sha256 ("sha256:<hex>"), and the generation parameters.

    Whoever holds the prompt can run the job again from this, the seed and σ, and compare the distances.
    template: sha256 ("sha256:<hex>") of the rendered chat template around the prompt; None where there is none.
    context_digest: sha256 ("sha256:<hex>") of the request's passages, a list of strings in canonical JSON; None where
    it has none.
    """

    prompt_digest: str
    parameters: dict[str, Any]
    template: str | None = None
    context_digest: str | None = None


@dataclass(frozen=True)
class Provenance:
    """The six sections, each None where nothing is known."""

    request: RequestIdentity | None = None
    model: ModelIdentity | None = None
    metric: MetricIdentity | None = None
    sampling: Sampling | None = None
    output: OutputIdentity | None = None
    threat: Threat | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form, empty sections left out."""
        return {name: section.to_dict() for name, section in vars(self).items() if section is not None}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Provenance:
        """Reads the sections present. Raises InvalidCertificate naming the field that does not fit."""
        classes = {
            "request": RequestIdentity,
            "model": ModelIdentity,
            "metric": MetricIdentity,
            "sampling": Sampling,
            "output": OutputIdentity,
            "threat": Threat,
        }
        return cls(**{name: _read(kind, document[name], name) for name, kind in classes.items() if name in document})


def _copied(value: Any) -> Any:
    """Returns a copy of JSON data: whoever changes a document does not change the certificate it was made from."""
    if isinstance(value, dict):
        return {k: v if type(v) in _LEAVES else _copied(v) for k, v in value.items()}
    return [*map(_copied, value)] if isinstance(value, list | tuple) else value


_type_hints = functools.cache(typing.get_type_hints)  # a server reads thousands a second


@functools.cache
def _optional_fields(kind: type[_Section]) -> frozenset[str]:
    """Returns the fields that came with certificate/v2, and are left out of a document where nothing is known of
    them."""
    return frozenset(f.name for f in dataclasses.fields(kind) if f.default is None)  # type: ignore[arg-type]


def _read(kind: type[Section], document: Any, where: str) -> Section:
    fields = _type_hints(kind)  # type: ignore[arg-type]  # mypy doubts that a class is hashable
    required = set(fields) - _optional_fields(kind)  # type: ignore[arg-type]
    if not isinstance(document, Mapping) or not required <= set(document) <= set(fields):
        raise InvalidCertificate(f"{where} must be an object with exactly {sorted(required)}, got {document!r:.200}")
    stated = {name: hint for name, hint in fields.items() if name in document}
    return kind(**{name: _convert(document[name], hint, f"{where}.{name}") for name, hint in stated.items()})


def _convert(value: Any, hint: Any, where: str) -> Any:
    if typing.get_origin(hint) is Literal:
        if value in typing.get_args(hint):
            return value
        raise InvalidCertificate(f"{where} must be one of {typing.get_args(hint)}, got {value!r:.200}", field=where)
    accepted = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if typing.get_origin(hint) is tuple and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return tuple(value)
    if float in accepted and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    plain = tuple(typing.get_origin(a) or a for a in accepted)
    if isinstance(value, plain) and not (isinstance(value, bool) and bool not in plain):
        return value
    raise InvalidCertificate(f"{where} must be {getattr(hint, '__name__', hint)}, got {value!r:.200}", field=where)
