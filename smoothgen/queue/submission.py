"""How a job comes into the queue: once, within the limits, and counted in the windows of its fleet pool."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from smoothgen.contracts import GenerateRequest, JobSpec, ModelRef, windows_of
from smoothgen.errors import Conflict, Overloaded
from smoothgen.queue import keys
from smoothgen.queue.ids import model_tag, tag
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.presence import Presence
from smoothgen.queue.scripts.jobs import FleetWindow, Submit

_RETRY_WITHOUT_WORKERS_S: Final = 30
_LONGEST_RETRY_S: Final = 3600
_ANY_NUMBER: Final = 10**9


@dataclass(frozen=True)
class Idempotency:
    """A client's idempotency key, and the digest of the request it stands for.

    outlasts: whether the key still stands for its job when that has ended; else the same request then makes a new one.
    """

    key: str
    body: str
    outlasts: bool = True

    @classmethod
    def of(cls, key: str, request: GenerateRequest) -> Idempotency:
        """Returns the key for this request. The order in which the client wrote its parameters makes no difference."""
        return cls(key, _digest(request))

    @classmethod
    def of_repeat(cls, request: GenerateRequest, *, outlasts: bool) -> Idempotency:
        """Returns what makes the same request the same job without a key of the client's."""
        body = _digest(request)
        return cls(f"repeat:{body}", body, outlasts)


def _digest(request: GenerateRequest) -> str:
    written = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()


@dataclass(frozen=True)
class Limits:
    """What jobs that have not ended may owe in noisy samples and hold in bytes: all of a model's jobs together, and
    those of each tenant among them."""

    samples: int
    tenant_samples: int
    bytes: int
    tenant_bytes: int


UNLIMITED: Final = Limits(10**15, 10**15, 10**15, 10**15)


@dataclass(frozen=True)
class _Full:
    """What there is too much of. what: "samples" or "bytes"; whose: "model" or "key"; owed: how much of it there is."""

    what: str
    whose: str
    owed: int


class Submissions:
    """Queues jobs. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, scripts: Pipeline, presence: Presence, outboxes: Sequence[str]) -> None:
        self._scripts, self._presence, self._outboxes = scripts, presence, " ".join(outboxes)

    async def submit(
        self,
        spec: JobSpec,
        model: ModelRef,
        idempotency: Idempotency | None,
        gateway_id: str,
        limits: Limits,
        quota_of: str | None = None,
        refusal: Overloaded | None = None,
        attendant: str = "",
    ) -> str:
        """Queues a job in one atomic step. Returns its id, or the id that the same key and body were given before.

        Raises Conflict when the key was used for another body, Overloaded when the backlog is full.
        """
        request, name, tenant = spec.request, spec.request.model, spec.tenant
        if model_tag(spec.id) != tag(name):
            raise ValueError(f"job {spec.id!r:.80} has an id of another model than {name!r:.80}; make it by new_id")
        text = spec.model_dump_json()
        size = len(text.encode())
        record: dict[str, str | int] = {
            "spec": text,
            "model": model.model_dump_json(),
            "status": "queued",
            "done": 0,
            "total": spec.total_samples,
            "retention_s": spec.retention_s,
            "watchers": f"{gateway_id} " if gateway_id else "",
        }
        if quota_of is not None:
            record["quota_of"] = quota_of
        if request.cancel_on_disconnect:
            record["cancel_on_disconnect"] = 1
        if self._outboxes:
            record["outboxes"] = self._outboxes
        if spec.pool is not None:
            record["build"] = spec.pool.digest  # its distance is counted among that model's, so no other may draw it
        outcome, answered, detail = await self._scripts.call(
            Submit(
                job=keys.job(spec.id),
                stream=keys.work(name, request.priority),
                backlog=keys.backlog(name),
                accounts=keys.accounts(name),
                deadlines=keys.deadlines(name),
                recent=keys.recent(name, tenant),
                attended=keys.attended(spec.id),
                windows=_fleet_windows(spec),
                idempotency=keys.idempotency(name, tenant, idempotency.key) if idempotency else None,
                job_id=spec.id,
                tenant=tenant,
                body=idempotency.body if idempotency else None,
                outlasts=int(idempotency is not None and idempotency.outlasts),
                idempotency_ttl_s=keys.IDEMPOTENCY_TTL_S,
                samples=spec.total_samples,
                bytes=size,
                most_samples=limits.samples,
                most_samples_of_tenant=limits.tenant_samples,
                most_bytes=limits.bytes,
                most_bytes_of_tenant=limits.tenant_bytes,
                deadline_ms=spec.deadline_ms,
                samples_to_draw=spec.samples_to_draw,
                submitted_ms=spec.submitted_ms,
                recent_kept=keys.RECENT_JOBS,
                recent_ttl_s=keys.RECENT_TTL_S,
                only_seen=int(refusal is not None),
                most_pools=keys.POOLS_A_WINDOW if _is_made_up(spec) else _ANY_NUMBER,
                attendant=attendant,
                attended_s=keys.ATTENDED_S,
                fields=record,
            )
        )
        if outcome == "unseen" and refusal is not None:
            raise refusal
        if outcome == "full":
            what, _, whose = str(answered).partition(" of the ")
            full = _Full(what, whose, int(detail))
            raise _too_many_bytes(spec, full, limits, size) if what == "bytes" else await self._busy(spec, full, limits)
        if idempotency and detail != idempotency.body:
            raise Conflict(
                f"idempotency key {idempotency.key!r:.100} was used for another request (job {answered}); use a new key"
            )
        return str(answered)

    async def _busy(self, spec: JobSpec, full: _Full, limits: Limits) -> Overloaded:
        """Returns the error for a job whose noisy samples are too many beside those that wait."""
        limit, asked = limits.samples if full.whose == "model" else limits.tenant_samples, spec.total_samples
        rate = (await self._presence.rates([spec.request.model]))[spec.request.model]
        excess = max(1, full.owed + asked - limit) if asked <= limit else full.owed  # until it fits, or until idle
        if rate <= 0:
            said, wait_s = "and no worker has been measured yet", _RETRY_WITHOUT_WORKERS_S
        else:
            said = f"and its workers draw {rate:.4g} a second"
            wait_s = min(_LONGEST_RETRY_S, math.ceil(excess / rate))
        return Overloaded(
            f"{_whose(spec, full)} {full.owed} noisy samples waiting, this job asks for {asked} and the limit is "
            f"{limit}, {said}; send it again in {wait_s} s, or ask for fewer samples",
            retry_after_s=wait_s,
        )


def _too_many_bytes(spec: JobSpec, full: _Full, limits: Limits, size: int) -> Overloaded:
    """Returns the error for a job whose record is too large beside those that wait."""
    limit = limits.bytes if full.whose == "model" else limits.tenant_bytes
    return Overloaded(
        f"{_whose(spec, full)} {full.owed} bytes of records waiting, this job's has {size} and the limit is {limit}; "
        f"send it again in {_RETRY_WITHOUT_WORKERS_S} s, or send smaller images",
        retry_after_s=_RETRY_WITHOUT_WORKERS_S,
    )


def _whose(spec: JobSpec, full: _Full) -> str:
    model = spec.request.model
    return f"model {model!r} has" if full.whose == "model" else f"your key's requests to model {model!r} have"


def _is_made_up(spec: JobSpec) -> bool:
    """Returns whether the client chose what its fleet pool is named by.

    Of other pools a model has a handful, so they are never refused a place: nobody can crowd them out with pools of
    made-up noise or metrics.
    """
    robustness = spec.request.robustness
    return not (robustness.sigma is None and robustness.budget is None and robustness.metric is None)


def _fleet_windows(spec: JobSpec) -> list[FleetWindow]:
    """Returns the windows of time that the job is counted in, none for a job in no pool."""
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
