"""A job's samples, counted against the quota of the key that asks for it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from app.access.limit_fields import Limit
from smoothgen.access.records import KeyRecord
from smoothgen.access.usage import Usage
from smoothgen.errors import QueueUnavailable, QuotaExceeded


@dataclass(frozen=True)
class Promise:
    """What a job was promised. quota_of: the key whose quota that counts against, None where it has none. refusal: what
    to raise where the quota has no room, unless the job was submitted before."""

    usage: Usage
    job_id: str
    quota_of: str | None = None
    refusal: QuotaExceeded | None = None

    async def give_back(self) -> None:
        """Gives the quota back what the job was promised, since no such job came into the queue."""
        if self.quota_of is not None:
            with contextlib.suppress(QueueUnavailable):  # whole again in the next window
                await self.usage.give_back(self.quota_of, self.job_id)


async def promised(usage: Usage, key: KeyRecord | None, limits: list[Limit], job_id: str, samples: int) -> Promise:
    """Counts the samples of a job that is about to be submitted. limits: gets what is left of the quota.

    Raises QueueUnavailable.
    """
    if key is None or key.quota is None:
        return Promise(usage, job_id)
    standing = await usage.promise_samples(key.id, key.quota, job_id, samples)
    limits.append(Limit("samples", key.quota, standing))
    if standing.granted:
        return Promise(usage, job_id, key.id)
    remedy = f"ask for fewer, or again in {standing.more_in_s} s"
    if samples > key.quota.most:
        remedy = f"ask for {key.quota.most} at most"
    said = f"this key may have {key.quota} samples, {standing.left} of them are left and this job asks for {samples}"
    return Promise(usage, job_id, None, QuotaExceeded(f"{said}; {remedy}", retry_after_s=standing.more_in_s))
