"""From a request to a queued job, and to its end where the client waits for it."""

from __future__ import annotations

import time

from fastapi import Request

from app.access.quota import promised
from app.attending import Attendant, new_attendant_id
from app.http.dependencies import Gateway
from app.http.request_ids import request_id_of
from app.planned import planned
from app.replies import LOOK_AGAIN_S
from smoothgen.contracts import GenerateRequest, JobSpec, JobView, ModelRef, Progress
from smoothgen.errors import Conflict, NotReplicated, Overloaded, QueueUnavailable, QuotaExceeded
from smoothgen.planning.plan import Submission
from smoothgen.queue import Idempotency, JobState
from smoothgen.tracing import named, span, traceparent_now


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
        traceparent=traceparent_now(),
        counted_as=gateway.metrics.tenants.counted_as(context.state.caller),
    )
    with span("plan") as planning:
        card, spec = await planned(gateway, request, submission)
        planning.set_attributes(named(job=spec.id, model=card.id, mechanism=spec.mechanism, samples=spec.total_samples))
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
    """Queues the job and waits for it, or until its client goes away where the request says that this matters."""
    replies, submitted = gateway.replies, time.monotonic()
    attendant_id = new_attendant_id() if spec.request.cancel_on_disconnect and wait_s > 0 else ""
    with replies.expecting(spec.id) as expected:  # before it is queued: it may end at once
        with span("submit", job=spec.id):
            job_id = await _accepted(gateway, context, spec, model, idempotency, attendant_id, waits=wait_s > 0)

        async def until_ended() -> JobState:
            if wait_s > 0 and job_id == spec.id:
                await replies.heard(expected, min(wait_s, LOOK_AGAIN_S))
                if expected.state is not None:
                    return expected.state
            return await replies.until_finished(job_id, wait_s - (time.monotonic() - submitted), attendant_id)

        try:
            with span("wait", job=job_id):
                if attendant_id:
                    return await Attendant(gateway, job_id, attendant_id).while_connected(context, until_ended())
                return await until_ended()
        except QueueUnavailable:  # say that it is accepted, and where to find it when Redis is back
            view = JobView(id=job_id, status="queued", model=model, progress=Progress(done=0, total=spec.total_samples))
            return JobState.of(view)


async def _accepted(
    gateway: Gateway,
    context: Request,
    spec: JobSpec,
    model: ModelRef,
    idempotency: Idempotency | None,
    attendant_id: str,
    *,
    waits: bool,
) -> str:
    """Submits the job and returns its id, or that of the job which the same idempotency key made before. waits: whether
    the request waits for its end. Its samples count against the quota of its key, unless it is certain that it did not
    come into the queue."""
    promise = await promised(gateway.usage, context.state.key, context.state.limits, spec.id, spec.total_samples)
    try:
        job_id = await gateway.store.submit(
            spec,
            model,
            idempotency=idempotency,
            gateway_id=gateway.replies.gateway_id if waits else "",
            limits=gateway.settings.limits,
            quota_of=promise.quota_of,
            refusal=promise.refusal,
            attendant=attendant_id,
        )
    except (Conflict, QuotaExceeded):
        await promise.give_back()
        raise
    except Overloaded:
        gateway.metrics.refused.labels(model.name).inc()
        await promise.give_back()
        raise
    except NotReplicated as error:
        raise NotReplicated(
            f"the job may have been accepted, and may be lost should Redis fail over: {error}; send it again under "
            f"the same Idempotency-Key, which gives the job it made{'' if idempotency else ' (this had none)'}"
        ) from error
    if job_id == spec.id:  # not an idempotency key seen before
        gateway.metrics.submitted.labels(model.name).inc()
    else:
        await promise.give_back()
    return job_id
