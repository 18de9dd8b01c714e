"""The scores that need no model, by their names in requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from smoothgen.scores.json_schema import JsonSchema
from smoothgen.scores.length import Length
from smoothgen.scores.pattern import Pattern
from smoothgen.scores.plugin import PluggedIn
from smoothgen.scores.protocol import Score

_OF_TEXTS: Final[Mapping[str, Callable[..., Score]]] = MappingProxyType(
    {"pattern": Pattern, "json_schema": JsonSchema, "length": Length}
)

TEXT_SCORES: Final = tuple(_OF_TEXTS)
"""The names of the scores that every model of texts has."""


def score_without_model(name: str, options: Mapping[str, Any]) -> Score | None:
    """Returns the score of this name and these options, None where it needs a model.

    Raises InvalidClaim or UnknownName for what the score does not take.
    """
    if name == "plugin":
        return PluggedIn(str(options["plugin"]), options["options"])
    return _OF_TEXTS[name](**options) if name in _OF_TEXTS else None
