"""The gateway's half of the queue: submit jobs, read them, wait for them, cancel them."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import structlog
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis

from smoothgen.contracts import (
    FINISHED,
    FleetPool,
    JobSpec,
    JobView,
    ModelCard,
    ModelRef,
    Output,
    Progress,
    read_bins,
    windows_of,
)
from smoothgen.errors import Conflict, NotFound, Overloaded
from smoothgen.queue import keys
from smoothgen.queue.coalesce import Coalescer
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.covers import CoversQueue
from smoothgen.queue.ending import end
from smoothgen.queue.measures import Measures
from smoothgen.queue.scripts import READ, SUBMIT

_OUTPUT: TypeAdapter[Output] = TypeAdapter(Output)
_written_model = lru_cache(256)(ModelRef.model_dump_json)
_RETRY_WITHOUT_WORKERS_S = 30
_TRIMMED_AT = 256


@dataclass(frozen=True)
class ServedModel:
    """A model's card and how many workers serve it now."""

    card: ModelCard
    workers: int


@dataclass(frozen=True)
class JobState:
    """A job as it stands. `text` is the JSON of its view: an ended job's is passed on as the worker wrote it."""

    id: str
    status: str
    text: str

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in FINISHED

    @cached_property
    def view(self) -> JobView:
        """The same, parsed."""
        return JobView.model_validate_json(self.text)


@dataclass(frozen=True)
class Reply:
    """The news that a job ended. `state`: how, where that is short; otherwise it is to be read."""

    job_id: str
    state: JobState | None


class JobStore:
    """Jobs and certificates in Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts = Coalescer(redis)
        self.covers = CoversQueue(redis)
        self.measures = Measures(redis)

    async def submit(
        self,
        spec: JobSpec,
        model: ModelRef,
        idempotency_key: str | None = None,
        *,
        gateway_id: str = "",
        max_backlog: int = 10**15,
    ) -> str:
        """Queue a job in one atomic step and return its id, or the id the same key and body were given before.

        gateway_id is told of a new job's end, as with `read`. max_backlog: samples the model may owe, this job's
        included; an idle model takes any job.
        Raises Conflict when the key was used for another body, Overloaded when the backlog is full.
        """
        request, name = spec.request, spec.request.model
        # Sorted: parameters come as the client wrote them, and their order says nothing.
        body = ""
        if idempotency_key:
            written = json.dumps(request.model_dump(mode="json"), sort_keys=True)
            body = hashlib.sha256(written.encode()).hexdigest()
        record = {
            "spec": spec.model_dump_json(),
            "model": _written_model(model),
            "status": "queued",
            "done": 0,
            "total": spec.total_samples,
            "watchers": f"{gateway_id} " if gateway_id else "",
        }
        if spec.pool is not None:
            record["build"] = spec.pool.digest  # its distance is counted among that model's, so no other may draw it
        fleet = [] if spec.pool is None else _fleet_places(spec.pool, spec.submitted_ms)
        outcome, job_id, first_body = await self._scripts.call(
            SUBMIT,
            [
                keys.idempotency(idempotency_key) if idempotency_key else "",
                keys.job(spec.id),
                keys.work(name, request.priority),
                keys.backlog(name),
                keys.deadlines(name),
            ],
            [
                spec.id,
                body,
                keys.IDEMPOTENCY_TTL_S,
                spec.total_samples,
                max_backlog,
                "" if spec.deadline_ms is None else spec.deadline_ms,
                spec.opening_samples,
                keys.POOLS_A_WINDOW,
                len(fleet) // 6,
                *fleet,
                *(x for item in record.items() for x in item),
            ],
        )
        if outcome == "full":
            raise await self._overloaded(name, int(job_id), spec.total_samples, max_backlog)
        if first_body != body:
            raise Conflict(
                f"idempotency key {idempotency_key!r:.100} was used for another request (job {job_id}); use a new key"
            )
        return str(job_id)

    async def _overloaded(self, model: str, backlog: int, asked: int, limit: int) -> Overloaded:
        rate = (await self.rates([model]))[model]
        excess = max(1, backlog + asked - limit) if asked <= limit else backlog  # until it fits, or until idle
        if rate <= 0:
            said, wait_s = "and no worker has been measured yet", _RETRY_WITHOUT_WORKERS_S
        else:
            said, wait_s = f"and its workers draw {rate:.4g} a second", min(3600, math.ceil(excess / rate))
        return Overloaded(
            f"model {model!r} has {backlog} noisy samples waiting, this job asks for {asked} and the limit is {limit}, "
            f"{said}; send it again in {wait_s} s, or ask for fewer samples",
            retry_after_s=wait_s,
        )

    async def rates(self, models: list[str]) -> dict[str, float]:
        """Samples a second the live workers of each model were last measured at, together; 0 where none was."""
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for model in models:
                    pipeline.hgetall(keys.rates(model))
                    pipeline.zrangebyscore(keys.workers(model), time.time(), "+inf")
                answers = await pipeline.execute()
        return {
            model: sum(float(rate) for worker, rate in answers[2 * i].items() if worker in set(answers[2 * i + 1]))
            for i, model in enumerate(models)
        }

    async def read(self, job_id: str, gateway_id: str = "") -> JobState:
        """The job as it stands; `gateway_id` is told on its reply stream when the job ends. Raises NotFound.

        One step: the outcome is stored and the watchers are read in one step too, so one of the two sees the other.
        """
        answer = await self._scripts.call(READ, [keys.job(job_id), keys.certificate(job_id)], [gateway_id])
        if answer is None:
            raise NotFound(f"no job {job_id!r:.80}; results are kept {keys.RESULT_TTL_S // 3600} hours")
        status, text, *rest = answer
        if status in FINISHED:
            [certificate] = rest
            return JobState(job_id, status, _with_certificate(text, certificate))
        done, total, output, radius, w1_bound = rest
        view = JobView(
            id=job_id,
            status=status,
            model=ModelRef.model_validate_json(text),
            progress=Progress(
                done=int(done),
                total=int(total),
                radius=float(radius) if radius else None,
                w1_bound=float(w1_bound) if w1_bound else None,
            ),
            output=_OUTPUT.validate_json(output) if output else None,
        )
        return JobState(job_id, status, view.model_dump_json(exclude_none=True))

    async def cancel(self, job_id: str) -> tuple[JobState, bool]:
        """End a job that has not ended: no further batch of it is begun. Returns it, and whether this call ended it.

        Raises NotFound.
        """
        state, ended = await self.read(job_id), False
        if not state.ended:
            view = state.view.model_copy(update={"status": "cancelled"})
            ended = await end(
                self._scripts, job_id, state.view.model.name, "cancelled", view.model_dump_json(exclude_none=True)
            )
            state = await self.read(job_id)
        return state, ended

    async def samples(self, job_id: str) -> bytes:
        """The contact sheet of a job's noisy samples, PNG. Raises NotFound."""
        with redis_errors():
            sheet = await self._redis.get(keys.samples(job_id))
        if sheet is None:
            raise NotFound(
                f"no sheet of samples for job {job_id!r:.80}; only picture jobs have one, from their selection samples "
                f"on and until {keys.RESULT_TTL_S // 3600} hours after their end"
            )
        return base64.b64decode(sheet)

    async def certificate(self, certificate_id: str) -> dict[str, Any]:
        """A stored certificate document. Raises NotFound."""
        with redis_errors():
            document = await self._redis.get(keys.certificate(certificate_id))
        if document is None:
            raise NotFound(
                f"no certificate {certificate_id!r:.80}; certificates are kept {keys.CERTIFICATE_TTL_S // 86400} days"
            )
        return dict(json.loads(document))

    async def models(self) -> list[ServedModel]:
        """Every model a worker ever registered, and how many workers serve each now."""
        with redis_errors():
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
        with redis_errors():
            card = await self._redis.hget(keys.MODELS, model_id)
        return None if card is None else _card(card)

    async def backlogs(self, models: list[str]) -> dict[str, tuple[int, int]]:
        """Of each model: pieces of work waiting or running, and noisy samples promised and not yet drawn."""
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for model in models:
                    pipeline.get(keys.backlog(model))
                    pipeline.smembers(keys.builds(model))
                answers = await pipeline.execute()
            promised = {model: int(answers[2 * i] or 0) for i, model in enumerate(models)}
            builds: dict[str, list[str | None]] = {model: [None, *answers[2 * i + 1]] for i, model in enumerate(models)}
            async with self._redis.pipeline(transaction=False) as pipeline:
                waiting = [model for model in models for b in builds[model] for _ in keys.streams(model, b)]
                for model in models:
                    for build in builds[model]:
                        for stream in keys.streams(model, build):
                            pipeline.xlen(stream)
                lengths = await pipeline.execute()
        pieces = dict.fromkeys(models, 0)
        for model, length in zip(waiting, lengths, strict=True):
            pieces[model] += length
        return {model: (pieces[model], promised[model]) for model in models}

    async def fleet_pools(self, window: str) -> dict[str, FleetPool]:
        """The pools of a window, by id."""
        with redis_errors():
            found = await self._redis.hgetall(keys.fleet_window(window))
        return {pool: FleetPool.model_validate_json(about) for pool, about in found.items()}

    async def fleet_uncounted(self, windows: list[str]) -> dict[str, int]:
        """Of each window: requests of tier fleet that are in no pool, because the window held its most pools."""
        with redis_errors():
            found = await self._redis.mget([keys.fleet_uncounted(window) for window in windows])
        return {window: int(count or 0) for window, count in zip(windows, found, strict=True)}

    async def fleet_bins(self, window: str, pool: str) -> bytes:
        """The bins of a pool's requests in a window, in order of submission."""
        with redis_errors():
            written = await self._redis.get(keys.fleet_bins(window, pool))
        return read_bins(written or "")

    async def ping(self) -> None:
        """Ask Redis for a sign of life."""
        with redis_errors():
            await self._redis.ping()

    async def replies(self, gateway_id: str, block_ms: int = 2000) -> AsyncIterator[Reply | None]:
        """Ended jobs this gateway watches, as they end; None at least every `block_ms` as a sign of life.

        Raises QueueUnavailable when Redis goes away; start again when it is back, and read the watched jobs once, since
        a reply may have been missed.
        """
        stream, last, kept = keys.replies(gateway_id), "0", 0
        block: int | None = None  # the first read only asks whether Redis is there
        while True:
            with redis_errors():
                answer = await self._redis.xread({stream: last}, block=block, count=1000)
                if kept and (not answer or kept >= _TRIMMED_AT):  # what was read is not needed again
                    await self._redis.xtrim(stream, minid=last, approximate=False)
                    kept = 0
            for _, entries in answer or []:
                last, kept = entries[-1][0], kept + len(entries)
                for _, fields in entries:
                    yield Reply(fields["job"], _state(fields))
            yield None
            block = block_ms


def _state(reply: dict[str, str]) -> JobState | None:
    if "view" not in reply:
        return None
    return JobState(reply["job"], reply["status"], _with_certificate(reply["view"], reply["certificate"]))


def _with_certificate(view: str, certificate: str) -> str:
    """A view and its certificate are kept apart, since they live for different times; here they are one again."""
    return f'{view[:-1]},"certificate":{certificate}}}' if certificate else view


def _fleet_places(pool: FleetPool, submitted_ms: int) -> list[str | int]:
    about = pool.model_dump_json()
    return [
        argument
        for window in windows_of(submitted_ms)
        for argument in (
            keys.fleet_window(window),
            keys.fleet_bins(window, pool.id),
            pool.id,
            about,
            keys.FLEET_TTL_S[window.partition(":")[0]],
            keys.fleet_uncounted(window),
        )
    ]


def _card(text: str) -> ModelCard | None:
    """A model's card; None where a worker of another version wrote it, which must not hide the other models."""
    try:
        return ModelCard.model_validate_json(text)
    except ValidationError as error:
        structlog.get_logger().warning("model_card_unreadable", detail=str(error), card=text[:200])
        return None
