"""The gateway's half of the queue: submit jobs, read them, wait for them, cancel them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic_core import from_json
from redis.asyncio import Redis

from smoothgen.contracts import (
    DEFAULT_RETENTION_S,
    FINISHED,
    NOISY_OUTPUTS,
    FleetPool,
    JobSpec,
    JobView,
    ModelCard,
    ModelRef,
    NoisyOutput,
    Note,
    Output,
    Progress,
    RunWords,
)
from smoothgen.errors import NotFound, Overloaded
from smoothgen.queue import keys
from smoothgen.queue.comparisons import ComparisonQueue
from smoothgen.queue.connection import redis_errors, require_no_cluster
from smoothgen.queue.ending import end
from smoothgen.queue.job_state import JobState, Reply
from smoothgen.queue.measures import Measures
from smoothgen.queue.outbox import Outbox, facts_of
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.presence import Presence
from smoothgen.queue.recent import RecentJobs
from smoothgen.queue.registered import FleetRecords, RegisteredModel, RegisteredModels
from smoothgen.queue.replication import UNREPLICATED, Replication
from smoothgen.queue.scripts.jobs import Erase, ForgetNews, Leave, Read
from smoothgen.queue.signatures import Signatures, SignForm
from smoothgen.queue.signing_keys import SigningKeyRecords
from smoothgen.queue.submission import UNLIMITED, Idempotency, Limits, Submissions
from smoothgen.queue.unknown import unknown_certificate, unknown_job
from smoothgen.queue.webhooks import WebhookQueue
from smoothgen.queue.work_items import in_turn, joined_words

_OUTPUT: TypeAdapter[Output] = TypeAdapter(Output)
_TRIMMED_AT: Final = 256
"""How many replies a gateway has read before it deletes them, though more keep coming."""
_NOBODY: Final = Note(
    code="no_live_worker",
    detail="no worker serves the model now; the job waits until one does, and is kept as long as it waits",
)


class JobStore:
    """Jobs and certificates in Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(
        self,
        redis: Redis,
        replication: Replication = UNREPLICATED,
        outboxes: Sequence[str] = (),
        retention_s: int = DEFAULT_RETENTION_S,
    ) -> None:
        """Keeps the connection. replication: what a job needs of replicas before its submission counts. outboxes: which
        of `keys.OUTBOX_READERS` are told of the end of the jobs that are submitted here. retention_s: how long jobs are
        kept whose requests say nothing of it, for the error of one that is gone."""
        self._redis, self._retention_s = redis, retention_s
        self._scripts = Pipeline(redis, replication)
        self.presence = Presence(redis, self._scripts)
        self.clock = self.presence.clock
        self.covers = ComparisonQueue(redis, self.presence)
        self.measures = Measures(redis, self.presence)
        self.recent = RecentJobs(redis)
        self.signatures = Signatures(redis, self._scripts)
        self.signing_keys = SigningKeyRecords(redis)
        self._submissions = Submissions(self._scripts, self.presence, outboxes)
        self._models = RegisteredModels(redis, self.presence)
        self._fleet = FleetRecords(redis)
        self.webhooks = WebhookQueue(redis, self._scripts)

    async def submit(
        self,
        spec: JobSpec,
        model: ModelRef,
        *,
        idempotency: Idempotency | None = None,
        gateway_id: str = "",
        limits: Limits = UNLIMITED,
        quota_of: str | None = None,
        refusal: Overloaded | None = None,
        attendant: str = "",
    ) -> str:
        """Queues a job in one atomic step. Returns its id, or the id that the same key and body were given before.

        gateway_id: who is told of a new job's end, as with `read`. limits: what the model and the tenant may owe, this
        job included; a tenant that owes nothing may have any job. quota_of: the API key whose quota gets the job's
        samples back, should the job fail or be cancelled before it draws any. refusal: raised for a job that was not
        submitted before. attendant: the id of the request, where the job is to end when its client goes away.
        Raises Conflict when the key was used for another body, Overloaded when the backlog is full.
        """
        return await self._submissions.submit(
            spec, model, idempotency, gateway_id, limits, quota_of, refusal, attendant
        )

    async def read(self, job_id: str, gateway_id: str = "", attendant: str = "") -> JobState:
        """Returns the job as it stands. gateway_id: who is told on its reply stream when the job ends. attendant: the
        id of the request that waits for it. Raises NotFound.

        The step that reads the job also registers the gateway, and the step that stores an outcome also reads who is
        registered: so one of the two sees the other.
        """
        answer = await self._scripts.call(
            Read(
                job=keys.job(job_id),
                certificate=keys.certificate(job_id),
                signature=keys.signature(job_id),
                workers=keys.workers_of(job_id),
                attended=keys.attended(job_id),
                gateway=gateway_id,
                attendant=attendant,
                attended_s=keys.ATTENDED_S,
            )
        )
        if answer is None:
            raise unknown_job(job_id, self._retention_s)
        status, text, *rest = answer
        if status in FINISHED:
            await self._scripts.settle([keys.job(job_id)])
            certificate, signature = rest
            return JobState.stored(job_id, status, text, certificate, signature)
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

    async def leave(self, job_id: str, attendant: str) -> None:
        """Says that a request attends a job no longer, being answered."""
        await self._scripts.call(Leave(attended=keys.attended(job_id), attendant=attendant))

    async def cancel(self, job_id: str, leaving: str = "") -> tuple[JobState, bool]:
        """Ends a job that has not ended: no further batch of it is begun. Returns it, and whether this call ended it.

        leaving: the id of a request whose client went away, which ends the job only where its request said
        `cancel_on_disconnect` and no other request attends it. Raises NotFound.
        """
        state, ended = await self.read(job_id), False
        if not state.ended:
            view = state.view.model_copy(update={"status": "cancelled"})
            text = view.model_dump_json(exclude_none=True)
            facts = facts_of(view.model)
            ended = await end(self._scripts, job_id, view.model.name, "cancelled", text, facts=facts, leaving=leaving)
            state = await self.read(job_id)
        return state, ended

    async def erase(self, job_id: str, sign: SignForm | None = None) -> tuple[JobState, bool]:
        """Deletes a job's prompt, seed image, outputs, sheet of samples and what is kept of its runs; cancels one that
        has not ended.

        The certificate stays, without the texts of its runs. sign: signs that form of it, None: it has no signature
        then. Returns the job as it was before, and whether this call cancelled it. Raises NotFound.
        """
        state, cancelled = await self.cancel(job_id)
        said = ("output", "broken_by", "decision", "agreement")  # the answer stands in all of them
        view = state.view.model_copy(update=dict.fromkeys((*said, "certificate", "signature")))
        told = await self._scripts.call(
            Erase(
                job=keys.job(job_id),
                asked=keys.asked(job_id),
                samples=keys.samples(job_id),
                runs=keys.runs(job_id),
                outputs=keys.outputs(job_id),
                pictures=keys.pictures(job_id),
                ledger_outbox=keys.outbox_of(job_id, keys.LEDGER),
                webhooks_outbox=keys.outbox_of(job_id, keys.WEBHOOKS),
                view=view.model_dump_json(exclude_none=True),
                job_id=job_id,
                kept_s=keys.CERTIFICATE_TTL_S,
            )
        )
        await self.signatures.forget_words(job_id, sign)
        for gateway in str(told).split():
            await self._scripts.call(ForgetNews(replies=keys.replies(gateway), job_id=job_id))
        return state, cancelled

    async def request_of(self, job_id: str) -> JobSpec | None:
        """Returns what is kept of a job's request: all of it until the job ends, then what lies beside a certificate.
        None where nothing is. Raises NotFound for a job that was erased, pydantic.ValidationError."""
        with redis_errors():
            spec, erased = await self._redis.hmget(keys.job(job_id), ["spec", "erased"])
            text = spec or await self._redis.get(keys.asked(job_id))
        if erased:
            raise NotFound(f"the content of job {job_id!r} was erased; where it has a certificate, that is kept")
        return None if text is None else JobSpec.model_validate_json(text)

    async def samples(self, job_id: str) -> bytes:
        """Returns the contact sheet of a job's noisy samples, a PNG. Raises NotFound."""
        with redis_errors():
            sheet = await self._redis.get(keys.samples(job_id))
        if sheet is None:
            raise NotFound(
                f"no sheet of samples for job {job_id!r:.80}; only picture jobs have one, from their selection samples "
                "on and for as long as their output is kept"
            )
        return base64.b64decode(sheet)

    async def noisy_outputs(self, job_id: str) -> list[NoisyOutput]:
        """Returns the noisy samples of a job that asked for them, selection samples first. Raises NotFound."""
        with redis_errors():
            chunks = await self._redis.hgetall(keys.outputs(job_id))
        if not chunks:
            raise NotFound(
                f"no noisy samples are kept of job {job_id!r:.80}; jobs with output 'samples' have them, from their "
                "selection on and for as long as their output is kept"
            )
        found = [output for chunk in chunks.values() for output in NOISY_OUTPUTS.validate_json(chunk)]
        return sorted(found, key=lambda output: (output.stream != "selection", output.index))

    async def run_words(self, job_id: str) -> tuple[RunWords, ...]:
        """Returns what the runs of a job of mechanism tokens read and said, the nearest prompt's first.

        Empty where that is not kept, or no longer.
        """
        with redis_errors():
            chunks = await self._redis.hgetall(keys.runs(job_id))
        return joined_words(in_turn(chunks))

    async def pictured_runs(self, job_id: str) -> frozenset[int]:
        """Returns the indices of a job's runs of which a picture is kept."""
        with redis_errors():
            return frozenset(map(int, await self._redis.hkeys(keys.pictures(job_id))))

    async def run_picture(self, job_id: str, run: int) -> bytes:
        """Returns a small picture of one of a job's runs, a PNG. Raises NotFound."""
        with redis_errors():
            picture = await self._redis.hget(keys.pictures(job_id), str(run))
        if picture is None:
            raise NotFound(
                f"no picture of neighbour {run + 1} of certificate {job_id!r:.80}; pictures are kept of the first runs "
                "of picture jobs under mechanism tokens, for as long as their output: GET "
                "/certificates/{certificate_id}/neighbours says of which"
            )
        return base64.b64decode(picture)

    async def certificate(self, certificate_id: str) -> dict[str, Any]:
        """Returns a stored certificate as JSON data. Raises NotFound."""
        with redis_errors():
            document = await self._redis.get(keys.certificate(certificate_id))
        if document is None:
            raise unknown_certificate(certificate_id)
        return dict(from_json(document))

    async def models(self) -> list[RegisteredModel]:
        """Returns every model that a worker ever registered, and how many workers serve each now."""
        return await self._models.all()

    async def model(self, model_id: str) -> ModelCard | None:
        """Returns the card of one model, None if no worker ever registered it."""
        return await self._models.card(model_id)

    async def fleet_pools(self, tenant: str, model: str, window: str) -> dict[str, FleetPool]:
        """Returns the pools of a tenant's requests to a model in a window, by id."""
        return await self._fleet.pools(tenant, model, window)

    async def largest_pools(
        self, tenant: str, models: Sequence[str], window: str, most: int
    ) -> list[tuple[str, FleetPool]]:
        """Returns a tenant's pools in a window with the most requests, `most` at most, with their ids."""
        return await self._fleet.largest(tenant, models, window, most)

    async def fleet_uncounted(self, tenant: str, model: str, window: str) -> int:
        """Returns how many requests of tier fleet are in no pool of the window, because it held its most pools."""
        return await self._fleet.uncounted(tenant, model, window)

    async def fleet_bins(self, tenant: str, model: str, window: str, pool: str) -> bytes:
        """Returns the bins of a pool's requests in a window, one byte a request, in order of submission."""
        return await self._fleet.bins(tenant, model, window, pool)

    def outbox(self, reader: str, *, lease_s: float = keys.OUTBOX_LEASE_S) -> Outbox:
        """Returns what one of `keys.OUTBOX_READERS` is to be told of jobs. lease_s: as `Outbox` takes it."""
        return Outbox(self._redis, self._scripts, reader, lease_s=lease_s)

    async def require_writable(self) -> None:
        """Raises QueueUnavailable where a job could not be submitted now: Redis is away, full, or only a replica, or
        its own replicas do not confirm."""
        await self._scripts.require_writable()

    async def replies(self, gateway_id: str, block_ms: int = 2000) -> AsyncIterator[Reply | None]:
        """Yields the news of jobs that this gateway watches, as they end, and None at least every block_ms as a sign of
        life.

        Raises QueueUnavailable when Redis goes away; start again when it is back, and read the watched jobs once, since
        a reply may have been missed.
        """
        await require_no_cluster(self._redis)
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
                await self._scripts.settle(keys.job(fields["job"]) for _, news in answer for _, fields in news)
            for _, entries in answer or []:
                last, kept = entries[-1][0], kept + len(entries)
                for _, fields in entries:
                    yield Reply.of(fields)
            yield None
            block = block_ms
