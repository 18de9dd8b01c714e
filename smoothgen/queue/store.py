"""The gateway's half of the queue: submit jobs, read them, wait for them."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis

from smoothgen.contracts import JobResult, JobSpec, JobView, ModelCard, ModelRef, Output, Problem, Progress
from smoothgen.errors import Conflict, NotFound
from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.scripts import SUBMIT, WATCH

_OUTPUT: TypeAdapter[Output] = TypeAdapter(Output)


@dataclass(frozen=True)
class ServedModel:
    """A model's card and how many workers serve it now."""

    card: ModelCard
    workers: int


class JobStore:
    """Jobs and certificates in Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._submit = redis.register_script(SUBMIT)
        self._watch = redis.register_script(WATCH)

    async def submit(self, spec: JobSpec, model: ModelRef, idempotency_key: str | None = None) -> str:
        """Queue a job in one atomic step and return its id, or the id the same key and body were given before.

        Raises Conflict when the key was used for another body.
        """
        # Sorted: parameters come as the client wrote them, and their order says nothing.
        written = json.dumps(spec.request.model_dump(mode="json"), sort_keys=True)
        body = hashlib.sha256(written.encode()).hexdigest()
        record = {
            "spec": spec.model_dump_json(),
            "model": model.model_dump_json(),
            "status": "queued",
            "done": 0,
            "total": spec.total_samples,
        }
        async with redis_errors():
            job_id, first_body = await self._submit(
                keys=[
                    keys.idempotency(idempotency_key) if idempotency_key else "",
                    keys.job(spec.id),
                    keys.jobs(spec.request.model),
                ],
                args=[spec.id, body, keys.IDEMPOTENCY_TTL_S, *(x for item in record.items() for x in item)],
            )
        if first_body != body:
            raise Conflict(
                f"idempotency key {idempotency_key!r:.100} was used for another request (job {job_id}); use a new key"
            )
        return str(job_id)

    async def job(self, job_id: str) -> JobView:
        """The job as the client sees it. Raises NotFound."""
        async with redis_errors():
            record = await self._redis.hgetall(keys.job(job_id))
        return _view(job_id, record)

    async def samples(self, job_id: str) -> bytes:
        """The contact sheet of a job's noisy samples, PNG. Raises NotFound."""
        async with redis_errors():
            sheet = await self._redis.get(keys.samples(job_id))
        if sheet is None:
            raise NotFound(
                f"no sheet of samples for job {job_id!r:.80}; only picture jobs have one, from their end on for "
                f"{keys.RESULT_TTL_S // 3600} hours"
            )
        return base64.b64decode(sheet)

    async def certificate(self, certificate_id: str) -> dict[str, Any]:
        """A stored certificate document. Raises NotFound."""
        async with redis_errors():
            document = await self._redis.get(keys.certificate(certificate_id))
        if document is None:
            raise NotFound(
                f"no certificate {certificate_id!r:.80}; certificates are kept {keys.CERTIFICATE_TTL_S // 86400} days"
            )
        return dict(json.loads(document))

    async def models(self) -> list[ServedModel]:
        """Every model a worker ever registered, and how many workers serve each now."""
        async with redis_errors():
            cards = await self._redis.hgetall(keys.MODELS)
            parsed = (read for card in cards.values() if (read := _card(card)) is not None)
            # The first of the list is what a client takes when it names none: a text model before one of pictures, and
            # closed-form models last.
            ordered = sorted(parsed, key=lambda card: (card.for_learning, card.modality != "text", card.id))
            async with self._redis.pipeline(transaction=False) as pipeline:
                for card in ordered:
                    pipeline.zcount(keys.workers(card.id), time.time(), "+inf")
                live = await pipeline.execute()
        return [ServedModel(card, workers) for card, workers in zip(ordered, live, strict=True)]

    async def model(self, model_id: str) -> ModelCard | None:
        """The card of one model, None if no worker ever registered it."""
        async with redis_errors():
            card = await self._redis.hget(keys.MODELS, model_id)
        return None if card is None else _card(card)

    async def queued(self, models: list[str]) -> dict[str, int]:
        """How many jobs of each model wait or run."""
        async with redis_errors(), self._redis.pipeline(transaction=False) as pipeline:
            for model in models:
                pipeline.xlen(keys.jobs(model))
            lengths = await pipeline.execute()
        return dict(zip(models, lengths, strict=True))

    async def ping(self) -> None:
        """Ask Redis for a sign of life."""
        async with redis_errors():
            await self._redis.ping()

    async def watch(self, job_id: str, gateway_id: str) -> JobView:
        """Ask to be told on this gateway's reply stream when the job ends, and read it. Raises NotFound.

        One step: the worker stores the outcome and then reads the watchers, so one of the two always sees the other.
        """
        async with redis_errors():
            flat = await self._watch(
                keys=[keys.job(job_id), keys.watchers(job_id)], args=[gateway_id, keys.WATCH_TTL_S]
            )
        return _view(job_id, dict(zip(flat[::2], flat[1::2], strict=True)))

    async def replies(self, gateway_id: str, block_ms: int = 2000) -> AsyncIterator[str | None]:
        """Ids of finished jobs this gateway watched, as they end; None at least every `block_ms` as a sign of life.

        Raises QueueUnavailable when Redis goes away; start again when it is back, and read the watched jobs once, since
        a reply may have been missed.
        """
        stream, last = keys.replies(gateway_id), "0"
        block: int | None = None  # the first read only asks whether Redis is there
        while True:
            async with redis_errors():
                answer = await self._redis.xread({stream: last}, block=block, count=1000)
                await self._redis.expire(stream, keys.WATCH_TTL_S)
            for _, entries in answer or []:
                for last, fields in entries:  # noqa: B007  `last` is the next read's starting point
                    yield fields["job"]
            yield None
            block = block_ms


def _card(text: str) -> ModelCard | None:
    """A model's card; None where a worker of another version wrote it, which must not hide the other models."""
    try:
        return ModelCard.model_validate_json(text)
    except ValidationError as error:
        structlog.get_logger().warning("model_card_unreadable", detail=str(error), card=text[:200])
        return None


def _view(job_id: str, record: dict[str, str]) -> JobView:
    if not record:
        raise NotFound(f"no job {job_id!r:.80}; results are kept {keys.RESULT_TTL_S // 3600} hours")
    result = JobResult.model_validate_json(record["result"]) if "result" in record else None
    output = _OUTPUT.validate_json(record["output"]) if "output" in record else None
    return JobView(
        id=job_id,
        status=record["status"],
        model=result.model if result else ModelRef.model_validate_json(record["model"]),
        progress=Progress(done=int(record["done"]), total=int(record["total"])),
        output=result.output if result else output,
        notes=result.notes if result else None,
        certificate=result.certificate if result else None,
        abstention=result.abstention if result else None,
        usage=result.usage if result else None,
        error=Problem.model_validate_json(record["problem"]) if "problem" in record else None,
    )
