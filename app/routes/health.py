"""Liveness, readiness, metrics."""

from __future__ import annotations

import math
from typing import Literal

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from redis.exceptions import RedisError

from app.description.responses import problems
from app.http.dependencies import Gateway, GatewayDep
from app.http.problems import problem_response
from smoothgen.contracts import Problem
from smoothgen.errors import QueueUnavailable
from smoothgen.queue import keys

router = APIRouter(tags=["operations"])


class Alive(BaseModel):
    """The answer of GET /livez."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """The answer of GET /readyz."""

    status: Literal["ready"] = "ready"
    ledger: str | None = Field(default=None, description="Why certificates cannot be recorded now.")


async def _why_not_ready(gateway: Gateway) -> str | None:
    """Returns why a job could not be accepted and answered now; None where Redis takes writes, replies are being read
    and every configured model has been served."""
    try:
        await gateway.store.require_writable()
        missing = await gateway.cards.never_served(gateway.settings.model_names)
    except (QueueUnavailable, RedisError) as error:  # Redis gone, or one that refuses to serve us
        return str(error).partition("\n")[0]
    if not gateway.replies.alive:
        return "replies are not being read from Redis yet"
    return f"no worker has loaded {', '.join(missing)} yet" if missing else None


@router.get("/livez", responses=problems(key=False))
async def livez() -> Alive:
    """The process runs."""
    return Alive()


@router.get(
    "/readyz",
    response_model=Ready,
    responses=problems("not-ready", key=False),
)
async def readyz(gateway: GatewayDep) -> Response:
    """The gateway can accept and answer jobs.

    `ledger` is there where certificates cannot be recorded now. They wait, and jobs go on.
    """
    why_not = await _why_not_ready(gateway)
    if why_not is None:
        waits = gateway.ledger.trouble
        ready = Ready(ledger=None if waits is None else f"entries wait: {waits}")
        return JSONResponse(ready.model_dump(exclude_none=True))
    return problem_response(Problem.of("not-ready", "Not ready", 503, why_not))


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        **problems(key=False),
    },
)
async def metrics(gateway: GatewayDep) -> Response:
    """Prometheus metrics; the queue is measured when asked, and fleet certificates are computed beside it."""
    instruments = gateway.metrics
    instruments.ready.set(await _why_not_ready(gateway) is None)
    try:
        models = [served.card.id for served in await gateway.store.models()]
        for model, measured in (await gateway.store.measures.of_models(models)).items():
            instruments.queued.labels(model).set(measured.work_items)
            instruments.owed.labels(model).set(measured.samples_owed)
            instruments.rate.labels(model).set(measured.samples_a_second)
            instruments.workers.labels(model).set(measured.workers)
            instruments.oldest.labels(model).set(measured.oldest_waiting_s)
            instruments.dead_letters.labels(model).set(measured.dead_letters)
        if gateway.ledger.kept:
            waiting = await gateway.store.outbox(keys.LEDGER).measures()
            now_ms = await gateway.store.clock.now_ms()
            instruments.outbox.labels(keys.LEDGER).set(waiting.entries)
            since_ms = now_ms if waiting.oldest_ms is None else waiting.oldest_ms
            instruments.outbox_oldest.labels(keys.LEDGER).set(max(0, now_ms - since_ms) / 1000)
        memory = await gateway.store.measures.memory()
        instruments.redis_used.set(math.nan if memory is None else memory.used)
        instruments.redis_limit.set(math.nan if memory is None else memory.limit)
        webhooks = await gateway.store.webhooks.measures()
        instruments.webhooks_due.set(webhooks.due)
        instruments.webhooks_late.set(webhooks.late_s)
        instruments.webhook_receivers.labels("enabled").set(webhooks.enabled)
        instruments.webhook_receivers.labels("disabled").set(webhooks.disabled)
        await gateway.shown_fleet.refresh()
    except (QueueUnavailable, RedisError):
        instruments.forget_queue()
    return Response(generate_latest(instruments.registry), media_type=CONTENT_TYPE_LATEST)
