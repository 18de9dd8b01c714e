"""The object `smoothgen` of requests under /v1: all that OpenAI's interface has no words for."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from smoothgen.contracts.base import Contract
from smoothgen.contracts.parameters import TextParameters
from smoothgen.contracts.request import (
    LEAST_RETENTION_S,
    LONGEST_RETENTION_S,
    GenerateRequest,
    Priority,
    Robustness,
)
from smoothgen.contracts.turns import AttackedTurns
from smoothgen.contracts.units import Context

_OF_REQUESTS = GenerateRequest.model_fields


class Extension(Contract):
    """What a request asks of certification. Every field is one of POST /generate and means the same; `attacked_turns`
    is one of its parameters."""

    robustness: Robustness | None = None
    attacked_turns: AttackedTurns | None = Field(
        default=None, description=TextParameters.model_fields["attacked_turns"].description
    )
    context: Context | None = Field(default=None, description=_OF_REQUESTS["context"].description)
    output: Literal["representative", "sample", "majority"] | None = Field(
        default=None, description=_OF_REQUESTS["output"].description
    )
    priority: Priority | None = Field(default=None, description=_OF_REQUESTS["priority"].description)
    cancel_on_disconnect: bool | None = Field(
        default=None, description=_OF_REQUESTS["cancel_on_disconnect"].description
    )
    retention_s: int | None = Field(
        default=None,
        ge=LEAST_RETENTION_S,
        le=LONGEST_RETENTION_S,
        description=_OF_REQUESTS["retention_s"].description,
    )

    @property
    def given(self) -> dict[str, Any]:
        """Returns the fields that were given, as fields of a request to POST /generate. `attacked_turns`, which is one
        of its parameters, is left out."""
        names = self.model_fields_set - {"attacked_turns"}
        return {name: value for name in names if (value := getattr(self, name)) is not None}
