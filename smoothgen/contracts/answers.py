"""Answers that are not a job's: the models served, the readings of the fleet, the verdict on a certificate."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from smoothgen.contracts.fleet import PoolFields
from smoothgen.contracts.model_card import ModelCard


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ServedModel(ModelCard):
    """A model as GET /models lists it."""

    workers: int = Field(ge=0, description="How many workers serve it now.")


class ModelsView(_View):
    """The answer of GET /models."""

    data: list[ServedModel]


class PoolView(PoolFields):
    """A pool and its name, as `fleet.pool` of a job has it."""

    id: str


class FleetReadingView(_View):
    """What is certified of one pool in one window of time."""

    window: str = Field(examples=["hour:2026-11-23T22"])
    start: datetime
    end: datetime
    pool: PoolView
    certificate: dict[str, Any] = Field(description="A fleet certificate: `smoothgen.FleetCertificate` reads it.")


class FleetReadings(_View):
    """The answer of GET /fleet."""

    data: list[FleetReadingView]
    uncounted: dict[str, int] = Field(description="By window: requests that were served and are in no certificate.")


class CheckView(_View):
    """One thing that was checked, and what was found."""

    name: str
    passed: bool
    detail: str


class VerdictView(_View):
    """The answer of POST /certificates/verify."""

    valid: bool = Field(description="Whether every check passed.")
    meaning: Literal["checked", "not checked"] = Field(
        description='"not checked" where the words are a plug-in\'s, or the document names no model and metric.'
    )
    checks: list[CheckView]
