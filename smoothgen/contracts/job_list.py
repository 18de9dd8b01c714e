"""The latest jobs of a tenant: the answer of GET /jobs."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from smoothgen.contracts.job import Status


class JobSummary(BaseModel):
    """A job in a list. GET /jobs/{id} has the rest."""

    model_config = ConfigDict(frozen=True)

    id: str
    model: str
    status: Status
    submitted_at: datetime
    has_certificate: bool = Field(description="Whether a certificate was issued for it and is still kept.")


class JobList(BaseModel):
    """Jobs of one tenant, the latest submitted first."""

    model_config = ConfigDict(frozen=True)

    data: list[JobSummary]
