"""Jobs that end because their client says so or goes away, and the count of those that did."""

from __future__ import annotations

from app.http.dependencies import Gateway
from smoothgen.queue import JobState


async def cancel(gateway: Gateway, job_id: str) -> JobState:
    """Cancels a job that has not ended, and returns it. Raises NotFound, QueueUnavailable."""
    return _counted(gateway, *await gateway.store.cancel(job_id))


async def abandon(gateway: Gateway, job_id: str, attendant: str) -> JobState:
    """Cancels a job that was asked to end when its clients go away, where `attendant` was the last request that
    attended it, and returns it. Raises NotFound, QueueUnavailable."""
    return _counted(gateway, *await gateway.store.cancel(job_id, leaving=attendant))


async def erase(gateway: Gateway, tenant: str, job_id: str) -> None:
    """Erases a job's content, and cancels one that has not ended. What remains of its certificate is signed again.

    Raises NotFound, QueueUnavailable.
    """
    _counted(gateway, *await gateway.store.erase(job_id, gateway.signer.of_form(tenant)))


def _counted(gateway: Gateway, job: JobState, cancelled: bool) -> JobState:
    if cancelled:
        gateway.metrics.cancelled.labels(job.view.model.name).inc()
    return job
