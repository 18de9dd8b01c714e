"""The worker's half of the queue: work items are taken, kept, and handed back; `outcomes` stores what comes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from typing import Final

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from smoothgen.contracts import ModelCard
from smoothgen.queue import keys
from smoothgen.queue.builds import Builds, Orphan
from smoothgen.queue.comparisons import ComparisonQueue
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.outcomes import Outcomes
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.presence import Presence
from smoothgen.queue.scripts.work import HeldItem, Pulse, RunningJob, Take, TakenItem, Void
from smoothgen.queue.turns import Lane, Turns
from smoothgen.queue.waiting import read_new
from smoothgen.queue.work_items import Claim, Place, read_selection, read_spec, windows_of_bins

SUSPECT_FROM: Final = 3
"""The delivery from which on a work item is taken alone: whatever its workers died of, no other work item is to be
blamed for it."""

_Read = tuple[Lane, str, Mapping[str, str]]
"""A work item that XREADGROUP gave this worker while it waited: its lane, the entry's id, and the entry's fields."""


class WorkQueue(Outcomes):
    """One worker's view of the work streams. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, worker_id: str, *, lease_s: float = keys.LEASE_S) -> None:
        """Keeps the connection and this worker's id. lease_s: how many seconds this worker may be silent about a work
        item before another worker takes it over."""
        scripts = Pipeline(redis)
        self.presence = Presence(redis, scripts)
        super().__init__(redis, scripts, self.presence.clock)
        self.covers = ComparisonQueue(redis, self.presence)
        self.builds = Builds(redis, scripts, self.presence)
        self.worker_id = worker_id
        self.lease_s = lease_s
        self._cards: list[ModelCard] = []
        self._turns = Turns()

    async def register(self, cards: Iterable[ModelCard], builds: Mapping[str, str]) -> None:
        """Publishes the models this worker serves, and makes sure that streams and groups of its builds exist."""
        self._cards = list(cards)
        await self.presence.prepare(self._cards, builds)

    async def announce(self, rates: Mapping[str, float], builds: Mapping[str, str]) -> dict[str, int]:
        """Says that this worker is alive, as `Presence.announce` does. Returns how many workers serve each model."""
        return await self.presence.announce(self.worker_id, rates, builds)

    async def leave(self, models: Iterable[str]) -> None:
        """Says goodbye, leaving no empty consumer behind."""
        await self.presence.leave(self.worker_id, models)

    async def claim(self, builds: Mapping[str, str], *, samples: int, items: int, block_ms: int) -> list[Claim]:
        """Takes work items of one model until `samples` or `items` are reached, waiting block_ms for the first.

        builds: what this worker serves, by model; what another build must compute is sent on to its workers. Work
        items whose worker has been silent for lease_s come first. Returns the empty list where nothing came.
        """
        models = self._turns.next(builds)
        try:
            for model in models:
                if claims := await self._take(model, builds[model], samples, items, []):
                    return claims
            return await self._wait(models, builds, samples, items, block_ms)
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            await self.register(self._cards, builds)  # Redis came back without its data
            return []

    async def _wait(
        self, models: list[str], builds: Mapping[str, str], samples: int, items: int, block_ms: int
    ) -> list[Claim]:
        """Returns the claims of one model that come within block_ms.

        Whoever waits on the streams of many models may be given a work item of each. Those of other models than the
        first are let go, for any worker to take at once.
        """
        lanes = {lane.stream: (model, lane) for model in models for lane in self._lanes(model, builds[model])}
        with redis_errors():
            answer = await read_new(self._redis, keys.GROUP, self.worker_id, list(lanes), count=1, block_ms=block_ms)
        came = [(*lanes[keys.Key(stream)], entry, fields) for stream, entries in answer for entry, fields in entries]
        if not came:
            return []
        chosen = came[0][0]
        for model, lane, entry, _ in came:
            if model != chosen:
                await self._let_go(lane.stream, entry, 0)
        held = [(lane, entry, fields) for model, lane, entry, fields in came if model == chosen]
        return await self._take(chosen, builds[chosen], samples, items, held)

    def _lanes(self, model: str, build: str) -> list[Lane]:
        return self._turns.lanes(model, build, served=len(self._cards))

    async def _take(self, model: str, build: str, samples: int, items: int, held: list[_Read]) -> list[Claim]:
        lanes = self._lanes(model, build)
        number = {lane: i for i, lane in enumerate(lanes, start=1)}
        taken = await self._scripts.call(
            Take(
                builds=keys.builds(model),
                streams=[lane.stream for lane in lanes],
                group=keys.GROUP,
                worker=self.worker_id,
                samples=samples,
                items=items,
                lease_ms=int(self.lease_s * 1000),
                suspect_from=SUSPECT_FROM,
                jobs=keys.jobs(model),
                build=build,
                prefixes=[f"{lane.selections}:" for lane in lanes],
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
        found = [TakenItem(*answered) for answered in taken]
        claims = [await self._read(model, build, lanes[item.place - 1].stream, item) for item in found]
        return [claim for claim in claims if claim is not None]

    async def _read(self, model: str, build: str, stream: keys.Key, item: TakenItem) -> Claim | None:
        """Returns the claim on a work item, None where its job was failed here because its record cannot be read."""
        try:
            return Claim(
                model=model,
                stream=stream,
                entry=item.entry,
                spec=read_spec(item.spec),
                selection=read_selection(item.opening) if item.opening else None,
                first=item.first,
                count=item.count,
                deliveries=item.deliveries,
                build=build,
                attempt=int(item.attempt),
                batch_limit=int(item.batch_limit) if item.batch_limit else None,
                windows=windows_of_bins(item.fleet),
            )
        except ValidationError as error:
            await self._bury_unreadable(item.job_id, model, error, Place(stream, item.entry))
            return None

    async def heartbeat(self, claims: Iterable[Claim]) -> None:
        """Keeps work items: resets the time they are idle, without counting a delivery."""
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for stream, held in groupby(sorted(claims, key=lambda c: c.stream), key=lambda c: c.stream):
                    pipeline.xclaim(stream, keys.GROUP, self.worker_id, 0, [c.entry for c in held], idle=0, justid=True)
                with _no_group_is_fine():
                    await pipeline.execute()

    async def hand_back(self, claims: Iterable[Claim], *, counted: bool = False) -> None:
        """Lets go of work items undone: any worker may take them at once. What another has taken over stays with it.

        counted: whether this delivery counts, as that of a worker that fell silent does.
        """
        for claim in claims:
            if await self._holds(claim):
                await self._let_go(claim.stream, claim.entry, None if counted else claim.deliveries - 1)

    async def _let_go(self, stream: keys.Key, entry: str, deliveries: int | None) -> None:
        """Lets any worker take a work item at once. deliveries: how many of them count, None for all."""
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

    async def pulse(self, running: Mapping[str, tuple[int, int]]) -> set[str]:
        """Says that jobs run. running: by job, its attempt, and how many samples of its selection are drawn (−1 where
        it is not in its selection).

        Returns the jobs that have ended meanwhile: cancelled, or certified at their deadline. A job that started over
        counts as ended for that attempt.
        """
        jobs = list(running)
        told = [RunningJob(keys.job(job), attempt, drawn) for job, (attempt, drawn) in running.items()]
        ended = await self._scripts.call(Pulse(jobs=told))
        return {jobs[i - 1] for i in ended}

    async def orphaned(self, orphan: Orphan) -> Claim | None:
        """Returns an orphan as a claim, to start its job over or fail it; None where the job is gone, and the work item
        with it."""
        with redis_errors():
            text = await self._redis.hget(keys.job(orphan.job_id), "spec")
        if text is None:
            await self._scripts.call(Void(stream=orphan.stream, group=keys.GROUP, entry=orphan.entry))
            return None
        try:
            spec = read_spec(text)
        except ValidationError as error:
            await self._bury_unreadable(orphan.job_id, orphan.model, error, Place(orphan.stream, orphan.entry))
            return None
        return Claim(
            model=orphan.model,
            stream=orphan.stream,
            entry=orphan.entry,
            spec=spec,
            selection=None,
            first=orphan.first,
            count=orphan.count,
            deliveries=0,
            build=orphan.build,
            attempt=orphan.attempt,
        )


@contextmanager
def _no_group_is_fine() -> Iterator[None]:
    """Passes over the error of a group that does not exist: what Redis lost with its data needs no keeping."""
    try:
        yield
    except ResponseError as error:
        if "NOGROUP" not in str(error):
            raise
