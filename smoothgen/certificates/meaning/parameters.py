"""Of which kind a request's generation parameters are, by name, as a server writes them into a document."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from smoothgen.errors import InvalidCertificate

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class _Kind(NamedTuple):
    """words: what a value must be, for the error. fits: whether a value is."""

    words: str
    fits: Callable[[Any], bool]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and _DIGEST.fullmatch(value) is not None


def _is_named_embeddings(value: Any) -> bool:
    if not isinstance(value, Mapping) or set(value) != {"shape", "data"}:
        return False
    shape = value["shape"]
    sides = isinstance(shape, list | tuple) and len(shape) == 2 and all(_is_whole(side) and side >= 1 for side in shape)
    return sides and _is_digest(value["data"])


def _is_stops(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) > 0 and all(isinstance(text, str) and text for text in value)


_COUNT: Final = _Kind("a whole number of at least 1", lambda value: _is_whole(value) and value >= 1)
_NOT_NEGATIVE: Final = _Kind("a number of at least 0", lambda value: _is_number(value) and value >= 0)
_SHARE: Final = _Kind("a number in (0, 1]", lambda value: _is_number(value) and 0 < value <= 1)
_DIGESTED: Final = _Kind("'sha256:<64 hexadecimal digits>'", _is_digest)
_TEXT: Final = _Kind("a text", lambda value: isinstance(value, str))
_KINDS: Final[Mapping[str, _Kind]] = MappingProxyType(
    {
        "max_new_tokens": _COUNT,
        "temperature": _NOT_NEGATIVE,
        "top_k": _COUNT,
        "top_p": _SHARE,
        "chat": _Kind("true or false", lambda value: isinstance(value, bool)),
        "history": _DIGESTED,
        "attacked_turns": _Kind("'user', or left out for the last turn", lambda value: value == "user"),
        "stop": _Kind("a list of texts that are not empty", _is_stops),
        "prompt_embeds": _Kind("an object with a shape [tokens, width] and data 'sha256:…'", _is_named_embeddings),
        "num_inference_steps": _COUNT,
        "guidance_scale": _NOT_NEGATIVE,
        "negative_prompt": _TEXT,
        "width": _COUNT,
        "height": _COUNT,
        "scheduler": _TEXT,
        "image": _DIGESTED,
        "strength": _SHARE,
    }
)


def require_parameters(stated: Mapping[str, Any]) -> None:
    """Raises InvalidCertificate for a parameter that we know by name and whose value is of another kind than ours.

    Null stands for a parameter that was left open. Names we do not know pass: a later version may have them, and a
    plug-in's model its own.
    """
    for name, value in stated.items():
        kind = _KINDS.get(name)
        if kind is not None and value is not None and not kind.fits(value):
            where = f"request.parameters.{name}"
            raise InvalidCertificate(f"{where} must be {kind.words}, got {value!r:.80}", field=where)
