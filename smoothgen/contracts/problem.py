"""RFC 9457 problem documents."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class FieldError(BaseModel):
    """One thing wrong with a request: where (a JSON Pointer), what was sent, what to do."""

    model_config = ConfigDict(frozen=True)

    pointer: str
    value: Any = None
    detail: str


class Problem(BaseModel):
    """An error as data. `type` is a stable identifier, `detail` names the value and the remedy."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(examples=["urn:smoothgen:problem:invalid-request"])
    title: str
    status: int
    detail: str
    instance: str | None = None
    errors: list[FieldError] | None = None

    @classmethod
    def of(cls, kind: str, title: str, status: int, detail: str, **extra: Any) -> Problem:
        """Returns a problem whose type is urn:smoothgen:problem:<kind>."""
        return cls(type=f"urn:smoothgen:problem:{kind}", title=title, status=status, detail=detail, **extra)
