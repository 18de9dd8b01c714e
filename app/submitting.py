"""From a request to a queued job, and to its end where the client waits for it."""

from __future__ import annotations

import time

from fastapi import Request

from app.access.quota import promised
from app.http.dependencies import Gateway
from app.http.request_ids import request_id_of
from app.planned import planned
from app.replies import LOOK_AGAIN_S
from smoothgen.contracts import GenerateRequest, JobSpec, JobView, ModelRef, Progress
from smoothgen.errors import Conflict, NotReplicated, Overloaded, QueueUnavailable, QuotaExceeded
from smoothgen.planning.plan import Submission
from smoothgen.queue import Idempotency, JobState


async def submitted(
    gateway: Gateway,
    context: Request,
    tenant: str,
    request: GenerateRequest,
    idempotency: Idempotency | None,
    wait_s: float,
) -> JobState:
    """Plans and queues a job, and returns it when it ends, or as it stands after `wait_s` seconds.

    Raises what `planned` raises, Conflict for an idempotency key of another request, Overloaded, QuotaExceeded,
    NotReplicated, QueueUnavailable where it is not known to be accepted.
    """
    submission = Submission(
        tenant=tenant,
        retention_s=gateway.settings.retention_s,
        submitted_ms=await gateway.store.clock.now_ms(),
        request_id=request_id_of(context.scope),
    )
    card, spec = await planned(gateway, request, submission)
    job = await _queued(gateway, context, spec, ModelRef.of(card), idempotency, wait_s)
    context.state.job = job.id  # for the line in the log
    return await gateway.signer.signed(tenant, job)


async def _queued(
    gateway: Gateway,
    context: Request,
    spec: JobSpec,
    model: ModelRef,
    idempotency: Idempotency | None,
    wait_s: float,
) -> JobState:
    """Queues the job and waits for it. Once it is accepted, a Redis that is away gives a queued job and no error."""
    replies, submitted = gateway.replies, time.monotonic()
    with replies.expecting(spec.id) as expected:  # before it is queued: it may end at once
        try:
            gateway_id = replies.gateway_id if wait_s > 0 else ""
            job_id = await _accepted(gateway, context, spec, model, idempotency, gateway_id)
        except QuotaExceeded:
            raise
        except Overloaded:
            gateway.metrics.refused.labels(model.name).inc()
            raise
        except NotReplicated as error:
            raise NotReplicated(
                f"the job may have been accepted, and may be lost should Redis fail over: {error}; send it again under "
                f"the same Idempotency-Key, which gives the job it made{'' if idempotency else ' (this had none)'}"
            ) from error
        if job_id == spec.id:  # not an idempotency key seen before
            gateway.metrics.submitted.labels(model.name).inc()
        try:
            if wait_s > 0 and job_id == spec.id:
                await replies.heard(expected, min(wait_s, LOOK_AGAIN_S))
                if expected.state is not None:
                    return expected.state
            return await replies.until_finished(job_id, wait_s - (time.monotonic() - submitted))
        except QueueUnavailable:  # say that it is accepted, and where to find it when Redis is back
            view = JobView(id=job_id, status="queued", model=model, progress=Progress(done=0, total=spec.total_samples))
            return JobState.of(view)


async def _accepted(
    gateway: Gateway,
    context: Request,
    spec: JobSpec,
    model: ModelRef,
    idempotency: Idempotency | None,
    gateway_id: str,
) -> str:
    """Submits the job and returns its id, or that of the job which the same idempotency key made before. Its samples
    count against the quota of its key, unless it is certain that it did not come into the queue."""
    promise = await promised(gateway.usage, context.state.key, context.state.limits, spec.id, spec.total_samples)
    try:
        job_id = await gateway.store.submit(
            spec,
            model,
            idempotency=idempotency,
            gateway_id=gateway_id,
            limits=gateway.settings.limits,
            quota_of=promise.quota_of,
            refusal=promise.refusal,
        )
    except (Conflict, Overloaded):
        await promise.give_back()
        raise
    if job_id != spec.id:
        await promise.give_back()
    return job_id
