"""The worker's half of the queue: take pieces of work, keep them, store what came of them, end jobs."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from pydantic_core import to_json
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from smoothgen.contracts import (
    FINISHED,
    JobResult,
    JobSpec,
    JobView,
    ModelCard,
    ModelRef,
    Problem,
    Progress,
    Selection,
)
from smoothgen.queue import dead_letters, keys
from smoothgen.queue.builds import Builds, Orphan
from smoothgen.queue.comparisons import ComparisonQueue
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.outcomes import end
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.presence import Presence
from smoothgen.queue.scripts.work import Advance, HeldItem, Open, Pulse, Restart, RunningJob, Store, Take, Void
from smoothgen.queue.unreadable import unreadable
from smoothgen.queue.work_items import (
    Claim,
    CompleteLook,
    Overdue,
    Pace,
    Place,
    asked_of,
    joined_chunks,
    read_opening,
    read_spec,
    windows_of_bins,
)

_OVERDUE_AT_ONCE = 64
SUSPECT_FROM = 3
"""From this delivery on a piece is taken alone: whatever its workers died of, no other piece is to be blamed for it."""
MOST_RESTARTS: Final = 2
"""How often a job starts over because no worker has its build any more. Then it fails."""

_Lane = tuple[keys.Key, keys.Key]
"""A stream, and the stream of the selections of its model and priority."""


class WorkQueue:
    """One worker's view of the work streams. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, worker_id: str, *, lease_s: float = keys.LEASE_S) -> None:
        self._redis = redis
        self._scripts = Pipeline(redis)
        self.presence = Presence(redis, self._scripts)
        self.clock = self.presence.clock
        self.covers = ComparisonQueue(redis, self.presence)
        self.builds = Builds(redis, self._scripts, self.presence)
        self.worker_id = worker_id
        self.lease_s = lease_s
        self._cards: list[ModelCard] = []
        self._turn = 0

    async def register(self, cards: Iterable[ModelCard], builds: Mapping[str, str]) -> None:
        """Publish the models this worker serves and make sure that streams and groups of its builds of them exist."""
        self._cards = list(cards)
        await self.presence.prepare(self._cards, builds)

    async def announce(self, rates: Mapping[str, float], builds: Mapping[str, str]) -> dict[str, int]:
        """Say that this worker is alive, as `Presence.announce` has it. Returns how many workers serve each model."""
        return await self.presence.announce(self.worker_id, rates, builds)

    async def leave(self, models: Iterable[str]) -> None:
        """Say goodbye, leaving no empty consumer behind."""
        await self.presence.leave(self.worker_id, models)

    async def claim(self, builds: Mapping[str, str], *, samples: int, pieces: int, block_ms: int) -> list[Claim]:
        """Take pieces of one model until `samples` or `pieces` are reached, waiting `block_ms` for the first.

        `builds`: what this worker serves, by model; what another build must compute is sent on to its workers. What a
        worker fell silent about for the lease comes first. The empty list: nothing came.
        """
        models = self._in_turn(builds)
        try:
            for model in models:
                if claims := await self._take(model, builds[model], samples, pieces, []):
                    return claims
            return await self._wait(models, builds, samples, pieces, block_ms)
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            await self.register(self._cards, builds)  # Redis came back without its data
            return []

    async def _wait(
        self, models: list[str], builds: Mapping[str, str], samples: int, pieces: int, block_ms: int
    ) -> list[Claim]:
        """The claims of one model that come within `block_ms`.

        Whoever waits on the streams of many models may be given a piece of each: what is of another than the first is
        let go, for any worker to take at once.
        """
        lanes = {lane[0]: (model, lane) for model in models for lane in self._lanes(model, builds[model])}
        with redis_errors():
            answer = await self._redis.xreadgroup(
                keys.GROUP, self.worker_id, dict.fromkeys(lanes, ">"), count=1, block=block_ms
            )
        came = [(*lanes[stream], entry, fields) for stream, entries in answer or [] for entry, fields in entries]
        if not came:
            return []
        chosen = came[0][0]
        for model, (stream, _), entry, _ in came:
            if model != chosen:
                await self._let_go(stream, entry, 0)
        held = [(lane, entry, fields) for model, lane, entry, fields in came if model == chosen]
        return await self._take(chosen, builds[chosen], samples, pieces, held)

    def _in_turn(self, builds: Mapping[str, str]) -> list[str]:
        """The models in the order of this turn: every one leads in its turn."""
        self._turn += 1
        models = list(builds)
        shift = self._turn % len(models)
        return [*models[shift:], *models[:shift]]

    def _lanes(self, model: str, build: str) -> list[_Lane]:
        """The streams of a model in the order of this turn: every priority leads in its turn.

        Of eight turns high priority leads five, normal two and low one: urgent work comes first, and no other starves.
        Of two turns chunks of jobs that run lead one, and openings of jobs that wait the other.
        """
        turn = self._turn // max(1, len(self._cards))
        lead = (0, 0, 1, 0, 0, 1, 0, 2)[turn % 8]
        # Not every other turn: the one turn in eight that low priority leads would always be of one kind.
        chunks_first = (turn + turn // 8) % 2 == 0
        openings, chunks = keys.streams(model), keys.streams(model, build)
        ordered: list[_Lane] = []
        for priority in (lead, *(p for p in range(len(openings)) if p != lead)):
            pair = [(openings[priority], openings[priority]), (chunks[priority], openings[priority])]
            ordered += pair[::-1] if chunks_first else pair
        return ordered

    async def _take(
        self,
        model: str,
        build: str,
        samples: int,
        pieces: int,
        held: list[tuple[_Lane, str, dict[str, str]]],
    ) -> list[Claim]:
        lanes = self._lanes(model, build)
        number = {lane: i for i, lane in enumerate(lanes, start=1)}
        taken: list[list[Any]] = await self._scripts.call(
            Take(
                builds=keys.builds(model),
                streams=[stream for stream, _ in lanes],
                group=keys.GROUP,
                worker=self.worker_id,
                samples=samples,
                items=pieces,
                lease_ms=int(self.lease_s * 1000),
                suspect_from=SUSPECT_FROM,
                jobs=keys.jobs(model),
                build=build,
                prefixes=[f"{selections}:" for _, selections in lanes],
                held=[
                    HeldItem(
                        place=number[lane],
                        entry=entry,
                        job=fields["job"],
                        first=fields["first"],
                        count=fields["count"],
                        attempt=fields["attempt"],
                    )
                    for lane, entry, fields in held
                ],
            )
        )
        claims = [await self._read(model, build, lanes[place - 1][0], *rest) for place, *rest in taken]
        return [claim for claim in claims if claim is not None]

    async def _read(
        self,
        model: str,
        build: str,
        stream: keys.Key,
        entry: str,
        job_id: str,
        first: int,
        count: int,
        deliveries: int,
        spec: str,
        opening: str,
        attempt: str,
        batch_limit: str,
        fleet: str,
    ) -> Claim | None:
        try:
            return Claim(
                model,
                stream,
                entry,
                read_spec(spec),
                read_opening(opening) if opening else None,
                first,
                count,
                deliveries,
                build,
                int(attempt),
                int(batch_limit) if batch_limit else None,
                windows_of_bins(fleet),
            )
        except ValidationError as error:
            await self._bury(
                job_id, ModelRef(name=model, revision="", digest=""), Place(stream, entry), unreadable(error)
            )
            return None

    async def heartbeat(self, claims: Iterable[Claim]) -> None:
        """Keep pieces: reset their idle time without counting a delivery."""
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for stream, held in groupby(sorted(claims, key=lambda c: c.stream), key=lambda c: c.stream):
                    pipeline.xclaim(stream, keys.GROUP, self.worker_id, 0, [c.entry for c in held], idle=0, justid=True)
                with _no_group_is_fine():
                    await pipeline.execute()

    async def hand_back(self, claims: Iterable[Claim], *, counted: bool = False) -> None:
        """Let go of pieces undone: any worker may take them at once. What another has taken over stays with it.

        counted: this delivery counts, as that of a worker that fell silent does.
        """
        for claim in claims:
            if await self._holds(claim):
                await self._let_go(claim.stream, claim.entry, None if counted else claim.deliveries - 1)

    async def _let_go(self, stream: str, entry: str, deliveries: int | None) -> None:
        """Let any worker take a piece at once. `deliveries`: those that count, where not all of them do."""
        with redis_errors(), _no_group_is_fine():
            await self._redis.xclaim(
                stream,
                keys.GROUP,
                self.worker_id,
                0,
                [entry],
                idle=int(self.lease_s * 1000) + 1,
                retrycount=deliveries,
                justid=True,
            )

    async def _holds(self, claim: Claim) -> bool:
        entry, held = claim.entry, []
        with redis_errors(), _no_group_is_fine():
            held = await self._redis.xpending_range(
                claim.stream, keys.GROUP, min=entry, max=entry, count=1, consumername=self.worker_id
            )
        return bool(held)

    async def pulse(self, opened: Mapping[str, tuple[int, int]]) -> set[str]:
        """Say that jobs run: by job, the attempt in hand, and how many samples of its opening are drawn (−1: not an
        opening).

        Returns the jobs that have ended meanwhile: cancelled, or certified at their deadline. One that started over
        counts as ended for the attempt in hand.
        """
        jobs = list(opened)
        running = [RunningJob(keys.job(job), attempt, drawn) for job, (attempt, drawn) in opened.items()]
        ended = await self._scripts.call(Pulse(jobs=running))
        return {jobs[i - 1] for i in ended}

    async def open(self, claim: Claim, opening: Selection, *, look_end: int, pace: Pace, sheet: bytes | None) -> None:
        """Store what the opening fixed, post the first look's chunks, and acknowledge."""
        fields: dict[str, str | int | float] = {
            "status": "running",
            "build": claim.build,
            "opening": opening.model_dump_json(),
            "output": opening.output.model_dump_json(),
            "done": opening.generations,
            "device_s": opening.device_s,
            "stored": 0,
            "posted": 0,
            "look_end": look_end,
            "chunk": pace.chunk,
        }
        if model := opening.provenance.get("model"):  # the one named at the submission may have been replaced since
            fields["model"] = ModelRef(**model).model_dump_json()
        if opening.batch_size is not None:
            fields["batch_size"] = opening.batch_size
        await self._scripts.call(
            Open(
                job=keys.job(claim.spec.id),
                stream=claim.stream,
                backlog=keys.backlog(claim.model),
                accounts=keys.accounts(claim.model),
                samples=keys.samples(claim.spec.id),
                chunks=claim.chunks,
                group=keys.GROUP,
                entry=claim.entry,
                job_id=claim.spec.id,
                generations=opening.generations,
                window=pace.window,
                sheet=None if sheet is None else _base64(sheet),
                attempt=claim.attempt,
                fields=fields,
            )
        )

    async def store(
        self, claim: Claim, distances: NDArray[np.float64], device_s: float, failure: str = ""
    ) -> CompleteLook | None:
        """Store a chunk's distances, once, and acknowledge, unless the look is complete with it: then whoever holds the
        piece takes the look, and `advance` or `succeed` acknowledges."""
        answer = await self._scripts.call(
            Store(
                job=keys.job(claim.spec.id),
                stream=claim.stream,
                backlog=keys.backlog(claim.model),
                accounts=keys.accounts(claim.model),
                distances=keys.distances(claim.spec.id),
                chunks=claim.chunks,
                group=keys.GROUP,
                entry=claim.entry,
                job_id=claim.spec.id,
                first=claim.first,
                count=claim.count,
                packed=_base64(distances.astype("<f8").tobytes()),
                device_s=device_s,
                failure=failure,
                attempt=claim.attempt,
            )
        )
        if answer[0] != "look":
            return None
        _, samples, spent_s, last_failure, flat = answer
        return CompleteLook(joined_chunks(flat, samples), float(spent_s), last_failure)

    async def advance(
        self, claim: Claim, look: int, following: int, pace: Pace, radius: float, w1_bound: float
    ) -> None:
        """Go on from the look of `look` samples to the one of `following`, saying what is proven so far."""
        await self._scripts.call(
            Advance(
                job=keys.job(claim.spec.id),
                stream=claim.stream,
                chunks=claim.chunks,
                group=keys.GROUP,
                entry=claim.entry,
                job_id=claim.spec.id,
                look=look,
                following=following,
                chunk=pace.chunk,
                window=pace.window,
                radius=radius,
                w1_bound=w1_bound,
                attempt=claim.attempt,
            )
        )

    async def restart(self, piece: Claim | Orphan, spec: JobSpec, *, batch_limit: int | None = None) -> str:
        """Start the piece's job over from its opening, all it has discarded: because no worker has its build any more,
        or because memory is too short for its fixed batches and `batch_limit` samples is what may fit.

        Returns "restarted"; "void" where the job has ended or another call was first; and where nothing was changed
        "spent", after MOST_RESTARTS for want of a worker, or "bound", for a job that may run under one build only.
        """
        outcome: str = await self._scripts.call(
            Restart(
                job=keys.job(spec.id),
                stream=piece.stream,
                openings=keys.work(piece.model, spec.request.priority),
                backlog=keys.backlog(piece.model),
                accounts=keys.accounts(piece.model),
                distances=keys.distances(spec.id),
                samples=keys.samples(spec.id),
                group=keys.GROUP,
                entry=piece.entry,
                job_id=spec.id,
                attempt=piece.attempt,
                samples_to_draw=spec.samples_to_draw,
                most_restarts=MOST_RESTARTS,
                batch_limit=batch_limit,
            )
        )
        return outcome

    async def orphaned(self, orphan: Orphan) -> Claim | None:
        """The piece as a claim, to start its job over or fail it; None where the job is gone, and the piece with it."""
        with redis_errors():
            spec = await self._redis.hget(keys.job(orphan.job_id), "spec")
        if spec is None:
            await self._scripts.call(Void(stream=orphan.stream, group=keys.GROUP, entry=orphan.entry))
            return None
        place = (orphan.model, orphan.stream, orphan.entry)
        try:
            asked = read_spec(spec)
        except ValidationError as error:
            model = ModelRef(name=orphan.model, revision="", digest="")
            await self._bury(orphan.job_id, model, Place(orphan.stream, orphan.entry), unreadable(error))
            return None
        return Claim(*place, asked, None, orphan.first, orphan.count, 0, orphan.build, orphan.attempt)

    async def succeed(
        self,
        spec: JobSpec,
        result: JobResult,
        *,
        claim: Claim | None,
        attempt: int | None = None,
        sheet: bytes | None = None,
        fleet_bin: str = "",
    ) -> bool:
        """Store the result and acknowledge the piece that led to it; False if the job had ended or started over before.

        attempt: the job's that the result is of, where no piece is held.
        """
        drawn = result.usage.overhead
        fleet = result.fleet
        if fleet is not None and spec.pool is not None and claim is not None:
            counted = [window for window in fleet.windows if window in claim.windows]
            uncounted = [window for window in fleet.windows if window not in claim.windows]
            fleet = fleet.model_copy(update={"windows": counted, "uncounted": uncounted or None})
        view = JobView(
            id=spec.id,
            status="succeeded",
            model=result.model,
            progress=Progress(done=drawn, total=drawn),
            output=result.output,
            notes=result.notes,
            abstention=result.abstention,
            fleet=fleet,
            lipschitz_estimate=result.lipschitz_estimate,
            usage=result.usage,
        )
        return await end(
            self._scripts,
            spec.id,
            spec.request.model,
            "succeeded",
            view.model_dump_json(exclude_none=True),
            certificate=None if result.certificate is None else to_json(result.certificate).decode(),
            sheet=None if sheet is None else _base64(sheet),
            fleet_bin=fleet_bin,
            place=None if claim is None else claim.place,
            asked=asked_of(spec),
            attempt=attempt if claim is None else claim.attempt,
        )

    async def fail(self, claim: Claim, model: ModelRef, problem: Problem, *, fleet_bin: str = "") -> bool:
        """Store why the job failed and acknowledge; False if the job had ended before."""
        return await self._fail(claim.spec.id, model, claim.place, problem, fleet_bin, claim.attempt)

    async def _fail(
        self,
        job_id: str,
        model: ModelRef,
        place: Place | None,
        problem: Problem,
        fleet_bin: str = "",
        attempt: int | None = None,
    ) -> bool:
        view = JobView(
            id=job_id, status="failed", model=model, progress=Progress(done=0, total=0), error=problem
        ).model_dump_json(exclude_none=True)
        return await end(
            self._scripts, job_id, model.name, "failed", view, fleet_bin=fleet_bin, place=place, attempt=attempt
        )

    async def expire(self, spec: JobSpec, model: ModelRef, problem: Problem) -> bool:
        """Fail a job that nobody has begun; whoever takes its opening later finds it ended."""
        return await self._fail(spec.id, model, None, problem)

    async def bury(self, claim: Claim, model: ModelRef, problem: Problem) -> bool:
        """Fail a job no worker survives, and keep its id among the dead letters."""
        return await self._bury(claim.spec.id, model, claim.place, problem, claim.attempt)

    async def _bury(
        self, job_id: str, model: ModelRef, place: Place | None, problem: Problem, attempt: int | None = None
    ) -> bool:
        await dead_letters.bury(self._scripts, model.name, job_id, problem.detail)
        return await self._fail(job_id, model, place, problem, attempt=attempt)

    async def overdue(self, models: Iterable[str]) -> list[Overdue]:
        """Jobs of these models whose deadline has passed, each with the distances it has."""
        now_ms, found = await self.clock.now_ms(), []
        for model in models:
            with redis_errors():
                late = await self._redis.zrangebyscore(
                    keys.deadlines(model), "-inf", now_ms, start=0, num=_OVERDUE_AT_ONCE
                )
            for job_id in late:
                overdue = await self._overdue(model, job_id)
                if overdue is not None:
                    found.append(overdue)
        return found

    async def _overdue(self, model: str, job_id: str) -> Overdue | None:
        """An overdue job; None where it has ended, or was failed here because its record cannot be read."""
        with redis_errors():
            async with self._redis.pipeline() as transaction:  # one moment: a job may start over between two
                transaction.hmget(keys.job(job_id), "status", "spec", "opening", "device_s", "failure", "attempt")
                transaction.hgetall(keys.distances(job_id))
                (status, spec, opening, spent_s, failure, attempt), distances = await transaction.execute()
            if status is None or status in FINISHED:
                await self._redis.zrem(keys.deadlines(model), job_id)
                return None
        try:
            flat = [x for item in distances.items() for x in item]
            look = CompleteLook(joined_chunks(flat), float(spent_s or 0), failure or "") if flat else None
            opened = read_opening(opening) if opening else None
            return Overdue(read_spec(spec or ""), opened, look, int(attempt or 0))
        except ValueError as error:  # the others of the model have deadlines, too
            await self._bury(job_id, ModelRef(name=model, revision="", digest=""), None, unreadable(error))
            return None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


@contextmanager
def _no_group_is_fine() -> Iterator[None]:
    """What Redis lost with its data needs no keeping."""
    try:
        yield
    except ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
