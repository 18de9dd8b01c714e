"""The gateway's half of the queue: submit jobs, read them, wait for them, cancel them."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import structlog
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json
from redis.asyncio import Redis

from smoothgen.contracts import (
    FINISHED,
    FleetPool,
    GenerateRequest,
    JobSpec,
    JobView,
    ModelCard,
    ModelRef,
    Note,
    Output,
    Progress,
    read_bins,
    windows_of,
)
from smoothgen.errors import Conflict, NotFound, Overloaded
from smoothgen.queue import keys
from smoothgen.queue.comparisons import ComparisonQueue
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.ending import end
from smoothgen.queue.ids import model_tag, tag
from smoothgen.queue.measures import Measures
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.presence import Presence
from smoothgen.queue.replication import UNREPLICATED, Replication
from smoothgen.queue.scripts.jobs import Erase, FleetWindow, ForgetNews, Read, Submit
from smoothgen.queue.scripts.probes import Probe
from smoothgen.queue.unknown import unknown_certificate, unknown_job

_OUTPUT: TypeAdapter[Output] = TypeAdapter(Output)
_written_model = lru_cache(256)(ModelRef.model_dump_json)
_RETRY_WITHOUT_WORKERS_S = 30
_TRIMMED_AT = 256
_NOBODY: Final = Note(
    code="no_live_worker",
    detail="no worker serves the model now; the job waits until one does, and is kept as long as it waits",
)
_ANY_NUMBER: Final = 10**9


@dataclass(frozen=True)
class RegisteredModel:
    """A model's card and how many workers serve it now."""

    card: ModelCard
    workers: int


@dataclass(frozen=True)
class JobState:
    """A job as it stands. document: its view as JSON data, with its certificate.

    The document of an ended job has all that the worker wrote, though this version may not know every field.
    """

    id: str
    status: str
    document: dict[str, Any]

    @classmethod
    def of(cls, view: JobView) -> JobState:
        """Returns the state that a view shows."""
        return cls(view.id, view.status, view.model_dump(mode="json", exclude_none=True))

    @classmethod
    def stored(cls, job_id: str, status: str, view: str, certificate: str) -> JobState:
        """Returns the state of an ended job from the JSON of its view and of its certificate, '' where it has none.

        They are kept apart, since they live for different times.
        """
        document = from_json(view)
        if certificate:
            document["certificate"] = from_json(certificate)
        return cls(job_id, status, document)

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.status in FINISHED

    @cached_property
    def text(self) -> str:
        """The document as JSON."""
        return to_json(self.document).decode()

    @cached_property
    def view(self) -> JobView:
        """The document, read as a view."""
        return JobView.model_validate(self.document)


@dataclass(frozen=True)
class Reply:
    """The news that a job ended. `state`: how, where that is short; otherwise it is to be read."""

    job_id: str
    state: JobState | None


@dataclass(frozen=True)
class Idempotency:
    """A client's key, and the digest of the request it stands for."""

    key: str
    body: str

    @classmethod
    def of(cls, key: str, request: GenerateRequest) -> Idempotency:
        """The key for this request. Parameters come as the client wrote them, and their order says nothing."""
        written = json.dumps(request.model_dump(mode="json"), sort_keys=True)
        return cls(key, hashlib.sha256(written.encode()).hexdigest())


@dataclass(frozen=True)
class Limits:
    """What jobs that have not ended may owe in noisy samples and hold in bytes: those of a model, and of each tenant
    among them."""

    samples: int
    tenant_samples: int
    bytes: int
    tenant_bytes: int


UNLIMITED: Final = Limits(10**15, 10**15, 10**15, 10**15)


class JobStore:
    """Jobs and certificates in Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, replication: Replication = UNREPLICATED) -> None:
        """`replication`: of jobs, before their submission counts."""
        self._redis = redis
        self._scripts = Pipeline(redis, replication)
        self.presence = Presence(redis, self._scripts)
        self.clock = self.presence.clock
        self.covers = ComparisonQueue(redis, self.presence)
        self.measures = Measures(redis, self.presence)

    async def submit(
        self,
        spec: JobSpec,
        model: ModelRef,
        *,
        idempotency: Idempotency | None = None,
        gateway_id: str = "",
        limits: Limits = UNLIMITED,
    ) -> str:
        """Queue a job in one atomic step and return its id, or the id the same key and body were given before.

        gateway_id is told of a new job's end, as with `read`. limits: what the model and the tenant may owe, this job
        included; an idle one may have any job.
        Raises Conflict when the key was used for another body, Overloaded when the backlog is full.
        """
        request, name, tenant = spec.request, spec.request.model, spec.tenant
        if model_tag(spec.id) != tag(name):
            raise ValueError(f"job {spec.id!r:.80} has an id of another model than {name!r:.80}; make it by new_id")
        text = spec.model_dump_json()
        size = len(text.encode())
        record: dict[str, str | int] = {
            "spec": text,
            "model": _written_model(model),
            "status": "queued",
            "done": 0,
            "total": spec.total_samples,
            "retention_s": spec.retention_s,
            "watchers": f"{gateway_id} " if gateway_id else "",
        }
        if spec.pool is not None:
            record["build"] = spec.pool.digest  # its distance is counted among that model's, so no other may draw it
        outcome, job_id, first_body = await self._scripts.call(
            Submit(
                job=keys.job(spec.id),
                stream=keys.work(name, request.priority),
                backlog=keys.backlog(name),
                accounts=keys.accounts(name),
                deadlines=keys.deadlines(name),
                windows=_fleet_windows(spec),
                idempotency=keys.idempotency(name, tenant, idempotency.key) if idempotency else None,
                job_id=spec.id,
                tenant=tenant,
                body=idempotency.body if idempotency else None,
                idempotency_ttl_s=keys.IDEMPOTENCY_TTL_S,
                samples=spec.total_samples,
                bytes=size,
                most_samples=limits.samples,
                most_samples_of_tenant=limits.tenant_samples,
                most_bytes=limits.bytes,
                most_bytes_of_tenant=limits.tenant_bytes,
                deadline_ms=spec.deadline_ms,
                samples_to_draw=spec.samples_to_draw,
                most_pools=keys.POOLS_A_WINDOW if _made_up(spec) else _ANY_NUMBER,
                fields=record,
            )
        )
        if outcome == "full":
            raise await self._overloaded(spec, str(job_id), int(first_body), limits, size)
        if idempotency and first_body != idempotency.body:
            raise Conflict(
                f"idempotency key {idempotency.key!r:.100} was used for another request (job {job_id}); use a new key"
            )
        return str(job_id)

    async def _overloaded(self, spec: JobSpec, full: str, owed: int, limits: Limits, size: int) -> Overloaded:
        """`full`: what there is too much of, as the script says it; `owed`: how much of it there is."""
        model = spec.request.model
        what, _, whose = full.partition(" of the ")
        whom = f"model {model!r} has" if whose == "model" else f"your key's requests to model {model!r} have"
        if what == "bytes":
            limit = limits.bytes if whose == "model" else limits.tenant_bytes
            return Overloaded(
                f"{whom} {owed} bytes of records waiting, this job's has {size} and the limit is {limit}; send it "
                f"again in {_RETRY_WITHOUT_WORKERS_S} s, or send smaller images",
                retry_after_s=_RETRY_WITHOUT_WORKERS_S,
            )
        limit, asked = limits.samples if whose == "model" else limits.tenant_samples, spec.total_samples
        rate = (await self.presence.rates([model]))[model]
        excess = max(1, owed + asked - limit) if asked <= limit else owed  # until it fits, or until idle
        if rate <= 0:
            said, wait_s = "and no worker has been measured yet", _RETRY_WITHOUT_WORKERS_S
        else:
            said, wait_s = f"and its workers draw {rate:.4g} a second", min(3600, math.ceil(excess / rate))
        return Overloaded(
            f"{whom} {owed} noisy samples waiting, this job asks for {asked} and the limit is {limit}, {said}; send it "
            f"again in {wait_s} s, or ask for fewer samples",
            retry_after_s=wait_s,
        )

    async def read(self, job_id: str, gateway_id: str = "") -> JobState:
        """The job as it stands; `gateway_id` is told on its reply stream when the job ends. Raises NotFound.

        One step: the outcome is stored and the watchers are read in one step too, so one of the two sees the other.
        """
        answer = await self._scripts.call(
            Read(
                job=keys.job(job_id),
                certificate=keys.certificate(job_id),
                workers=keys.workers_of(job_id),
                gateway=gateway_id,
            )
        )
        if answer is None:
            raise unknown_job(job_id)
        status, text, *rest = answer
        if status in FINISHED:
            await self._scripts.settle()
            [certificate] = rest
            return JobState.stored(job_id, status, text, certificate)
        done, total, output, radius, w1_bound, served = rest
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
            notes=None if served else [_NOBODY],
        )
        return JobState.of(view)

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

    async def erase(self, job_id: str) -> tuple[JobState, bool]:
        """Delete a job's prompt, seed image, output and sheet of samples; its certificate stays. Cancels a job that has
        not ended. Returns the job as it was before, and whether this call cancelled it. Raises NotFound."""
        state, cancelled = await self.cancel(job_id)
        view = state.view.model_copy(update={"output": None, "certificate": None})
        told = await self._scripts.call(
            Erase(
                job=keys.job(job_id),
                asked=keys.asked(job_id),
                samples=keys.samples(job_id),
                view=view.model_dump_json(exclude_none=True),
            )
        )
        for gateway in str(told).split():
            await self._scripts.call(ForgetNews(replies=keys.replies(gateway), job_id=job_id))
        return state, cancelled

    async def samples(self, job_id: str) -> bytes:
        """The contact sheet of a job's noisy samples, PNG. Raises NotFound."""
        with redis_errors():
            sheet = await self._redis.get(keys.samples(job_id))
        if sheet is None:
            raise NotFound(
                f"no sheet of samples for job {job_id!r:.80}; only picture jobs have one, from their selection samples "
                "on and for as long as their output is kept"
            )
        return base64.b64decode(sheet)

    async def certificate(self, certificate_id: str) -> dict[str, Any]:
        """A stored certificate document. Raises NotFound."""
        with redis_errors():
            document = await self._redis.get(keys.certificate(certificate_id))
        if document is None:
            raise unknown_certificate(certificate_id)
        return dict(from_json(document))

    async def models(self) -> list[RegisteredModel]:
        """Every model a worker ever registered, and how many workers serve each now."""
        with redis_errors():
            cards = await self._redis.hgetall(keys.MODELS)
        parsed = (read for card in cards.values() if (read := _card(card)) is not None)
        # The first of the list is what a client takes when it names none: a text model before one of pictures, and
        # closed-form models last.
        ordered = sorted(parsed, key=lambda card: (card.for_learning, card.modality != "text", card.id))
        live = await self.presence.live([card.id for card in ordered])
        return [RegisteredModel(card, len(live[card.id])) for card in ordered]

    async def model(self, model_id: str) -> ModelCard | None:
        """The card of one model, None if no worker ever registered it."""
        with redis_errors():
            card = await self._redis.hget(keys.MODELS, model_id)
        return None if card is None else _card(card)

    async def fleet_pools(self, tenant: str, model: str, window: str) -> dict[str, FleetPool]:
        """The pools of a tenant's requests to a model in a window, by id. One that cannot be read is left out and
        logged, and hides no other."""
        with redis_errors():
            found = await self._redis.hgetall(keys.fleet_window(model, tenant, window))
        return {pool: read for pool, about in found.items() if (read := _pool(pool, about)) is not None}

    async def largest_pools(
        self, tenant: str, models: Sequence[str], window: str, most: int
    ) -> list[tuple[str, FleetPool]]:
        """Returns a tenant's pools in a window with the most requests, `most` at most, with their ids."""
        pools = [each for model in models for each in (await self.fleet_pools(tenant, model, window)).items()]
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for pool_id, pool in pools:
                    pipeline.strlen(keys.fleet_bins(pool.model, tenant, window, pool_id))
                sizes = await pipeline.execute()
        ordered = sorted(zip(sizes, pools, strict=True), key=lambda each: (-each[0], each[1][0]))
        return [pool for _, pool in ordered[:most]]

    async def fleet_uncounted(self, tenant: str, model: str, window: str) -> int:
        """Requests of tier fleet that are in no pool of the window, because it held its most pools."""
        with redis_errors():
            return int(await self._redis.get(keys.fleet_uncounted(model, tenant, window)) or 0)

    async def fleet_bins(self, tenant: str, model: str, window: str, pool: str) -> bytes:
        """The bins of a pool's requests in a window, in order of submission."""
        with redis_errors():
            written = await self._redis.get(keys.fleet_bins(model, tenant, window, pool))
        return read_bins(written or "")

    async def require_writable(self) -> None:
        """Raises QueueUnavailable where a job could not be submitted now: Redis is away, full, or only a replica, or
        its own replicas do not confirm."""
        await self._scripts.call(Probe(probe=keys.PROBE))

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
                    time_ms, _, number = last.partition("-")
                    await self._redis.xtrim(stream, minid=f"{time_ms}-{int(number) + 1}", approximate=False)
                    kept = 0
            if answer:
                await self._scripts.settle()
            for _, entries in answer or []:
                last, kept = entries[-1][0], kept + len(entries)
                for _, fields in entries:
                    yield Reply(fields["job"], _state(fields))
            yield None
            block = block_ms


def _state(reply: dict[str, str]) -> JobState | None:
    if "view" not in reply:
        return None
    return JobState.stored(reply["job"], reply["status"], reply["view"], reply["certificate"])


def _made_up(spec: JobSpec) -> bool:
    """Whether the client chose what its fleet pool is named by. Of other pools a model has a handful, so they are never
    refused a place: nobody can crowd them out with pools of made-up noise or metrics."""
    robustness = spec.request.robustness
    return not (robustness.sigma is None and robustness.budget is None and robustness.metric is None)


def _fleet_windows(spec: JobSpec) -> list[FleetWindow]:
    """Returns the windows of time that the job is counted in; none for a job in no pool."""
    if spec.pool is None:
        return []
    model, tenant, pool, about = spec.request.model, spec.tenant, spec.pool.id, spec.pool.model_dump_json()
    return [
        FleetWindow(
            pools=keys.fleet_window(model, tenant, window),
            bins=keys.fleet_bins(model, tenant, window, pool),
            uncounted=keys.fleet_uncounted(model, tenant, window),
            pool=pool,
            about=about,
            ttl_s=keys.FLEET_TTL_S[window.partition(":")[0]],
        )
        for window in windows_of(spec.submitted_ms)
    ]


def _card(text: str) -> ModelCard | None:
    """A model's card; None where a worker of another version wrote it, which must not hide the other models."""
    try:
        return ModelCard.model_validate_json(text)
    except ValidationError as error:
        structlog.get_logger().warning("model_card_unreadable", detail=str(error), card=text[:200])
        return None


def _pool(pool_id: str, text: str) -> FleetPool | None:
    """A pool of the fleet; None where a gateway of another version wrote it, which must not hide the other pools."""
    try:
        return FleetPool.model_validate_json(text)
    except ValidationError as error:
        structlog.get_logger().warning("fleet_pool_unreadable", pool=pool_id, detail=str(error), text=text[:200])
        return None
