"""The score "the output is JSON that meets a schema"."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.score_claims import ScoreIdentity
from smoothgen.errors import InvalidClaim
from smoothgen.scores.schema_limits import require_small
from smoothgen.scores.schema_validator import Validator

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"


class JsonSchema:
    """1 where the whole text is one JSON value that meets a schema of draft 2020-12, else 0.

    White space around it is allowed. A stranger's schema cannot hang a worker: patterns run on RE2, nothing is fetched,
    a schema whose references recur or unfold to too much is refused, and so much work on one text and no more is done.
    A text whose check fails for such a reason has no score, which a claim counts as the worst.
    """

    def __init__(self, must_meet: Mapping[str, Any]) -> None:
        """Raises InvalidClaim for what is no schema of draft 2020-12, or none that is taken here."""
        schema = without_draft(must_meet)
        [unfolded] = require_small([schema])
        self._validator = Validator(schema, unfolded)
        self.identity = ScoreIdentity("json_schema", 0.0, 1.0, two_valued=True, options={"must_meet": schema})

    def values(self, contents: Sequence[str]) -> NDArray[np.float64]:
        """Returns 1 for each text that meets the schema, 0 for one that does not or is no JSON that Python reads, and
        NaN for one that could not be checked."""
        return np.array([self._value(text) for text in contents])

    def _value(self, text: str) -> float:
        try:
            value = json.loads(text, parse_constant=_refuse)
        except (ValueError, RecursionError):
            return 0.0
        try:
            return float(self._validator.is_valid(value))
        except Exception:  # whatever the validator raises: one text without a score must not end the job
            return math.nan


def without_draft(must_meet: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the schema without the name of its draft. Raises InvalidClaim for another draft."""
    if must_meet.get("$schema", DRAFT) != DRAFT:
        raise InvalidClaim(f"$schema must be {DRAFT!r}, got {must_meet['$schema']!r:.100}; leave it out")
    return {name: value for name, value in must_meet.items() if name != "$schema"}


def require_small_together(schemas: Sequence[Mapping[str, Any]]) -> None:
    """Raises InvalidClaim for schemas of one request that are too large, each by itself or all together.

    Compiles nothing. schemas: their `must_meet`.
    """
    require_small([without_draft(schema) for schema in schemas])


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")
