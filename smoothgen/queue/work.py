"""The worker's half of the queue: take jobs, keep them, report on them, end them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from smoothgen.contracts import JobResult, JobSpec, ModelCard, Output, Problem
from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.scripts import FINISH, REPORT


@dataclass(frozen=True)
class Claim:
    """A job this worker holds. `deliveries` counts how often a worker took it, this time included."""

    model: str
    entry: str
    spec: JobSpec
    deliveries: int


class WorkQueue:
    """One worker's view of the job streams. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, worker_id: str, *, lease_s: float = keys.LEASE_S) -> None:
        self._redis = redis
        self.worker_id = worker_id
        self.lease_s = lease_s
        self._finish = redis.register_script(FINISH)
        self._report = redis.register_script(REPORT)

    async def register(self, cards: Iterable[ModelCard]) -> None:
        """Publish the models this worker serves and make sure their streams and groups exist."""
        cards = list(cards)
        async with redis_errors():
            await self._redis.hset(keys.MODELS, mapping={c.id: c.model_dump_json() for c in cards})
            for card in cards:
                await self._create_group(card.id)
        await self.announce([card.id for card in cards])

    async def announce(self, models: list[str]) -> None:
        """Say that this worker is alive, and forget those that have not said so for long."""
        now = time.time()
        async with redis_errors(), self._redis.pipeline(transaction=False) as pipeline:
            for model in models:
                pipeline.zadd(keys.workers(model), {self.worker_id: now + keys.WORKER_TTL_S})
                pipeline.zremrangebyscore(keys.workers(model), "-inf", now - keys.WORKER_TTL_S)
            await pipeline.execute()

    async def leave(self, models: list[str]) -> None:
        """Say goodbye, leaving no empty consumer behind."""
        async with redis_errors():
            for model in models:
                with _no_group_yet():
                    await self._leave(model)

    async def _leave(self, model: str) -> None:
                await self._redis.zrem(keys.workers(model), self.worker_id)
                held = await self._redis.xpending_range(
                    keys.jobs(model), keys.GROUP, min="-", max="+", count=1, consumername=self.worker_id
                )
                if not held:  # deleting a consumer would forget what it holds
                    await self._redis.xgroup_delconsumer(keys.jobs(model), keys.GROUP, self.worker_id)

    async def claim(self, models: list[str], block_ms: int) -> Claim | None:
        """Take a job: one whose worker fell silent for the lease first, else the next new one, waiting `block_ms`."""
        async with redis_errors():
            try:
                for model in models:
                    if abandoned := await self._take_over(model):
                        return abandoned
                answer = await self._redis.xreadgroup(
                    keys.GROUP, self.worker_id, {keys.jobs(m): ">" for m in models}, count=1, block=block_ms
                )
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                # Redis came back without its data: start the groups again, from the first entry.
                for model in models:
                    await self._create_group(model)
                return None
            # One entry of each stream that has any, whatever `count` says: keep the first, let go of the others.
            first, *others = [(s, *e) for s, entries in answer or [] for e in entries] or [None]
            for stream, entry, _ in others:
                await self._let_go(stream, entry, deliveries=0)
            if first is None:
                return None
            stream, entry, fields = first
            model = next(m for m in models if keys.jobs(m) == stream)
            return await self._read(model, entry, fields["job"], deliveries=1)

    async def _take_over(self, model: str) -> Claim | None:
        stream = keys.jobs(model)
        _, entries, *_ = await self._redis.xautoclaim(
            stream, keys.GROUP, self.worker_id, min_idle_time=int(self.lease_s * 1000), count=1
        )
        for entry, fields in entries:
            pending = await self._redis.xpending_range(stream, keys.GROUP, min=entry, max=entry, count=1)
            deliveries = pending[0]["times_delivered"] if pending else 1
            return await self._read(model, entry, fields["job"], deliveries)
        return None

    async def _read(self, model: str, entry: str, job_id: str, deliveries: int) -> Claim | None:
        spec = await self._redis.hget(keys.job(job_id), "spec")
        if spec is None:  # the record is gone, so nobody can be waiting for it
            await self._redis.xack(keys.jobs(model), keys.GROUP, entry)
            await self._redis.xdel(keys.jobs(model), entry)
            return None
        return Claim(model, entry, JobSpec.model_validate_json(spec), deliveries)

    async def heartbeat(self, claim: Claim) -> None:
        """Keep a job: reset its idle time without counting a delivery."""
        async with redis_errors():
            await self._redis.xclaim(
                keys.jobs(claim.model), keys.GROUP, self.worker_id, 0, [claim.entry], idle=0, justid=True
            )

    async def hand_back(self, claim: Claim) -> None:
        """Let go of a job unfinished: any worker may take it over at once."""
        async with redis_errors():
            await self._redis.xclaim(
                keys.jobs(claim.model),
                keys.GROUP,
                self.worker_id,
                0,
                [claim.entry],
                idle=int(self.lease_s * 1000) + 1,
                justid=True,
            )

    async def started(self, claim: Claim) -> None:
        """Mark the job running."""
        async with redis_errors():
            await self._redis.hset(keys.job(claim.spec.id), "status", "running")

    async def progress(self, claim: Claim, done: int, output: Output | None = None) -> None:
        """Publish how many samples are done, and the output as soon as it is chosen."""
        fields: dict[str, str | int] = {"done": done}
        if output is not None:
            fields["output"] = output.model_dump_json()
        async with redis_errors():
            await self._redis.hset(keys.job(claim.spec.id), mapping=fields)

    async def succeed(self, claim: Claim, result: JobResult) -> bool:
        """Store the result and acknowledge; False if another worker had already ended the job."""
        certificate = "" if result.certificate is None else json.dumps(result.certificate)
        return await self._end(claim, "succeeded", "result", result.model_dump_json(), certificate)

    async def fail(self, claim: Claim, problem: Problem) -> bool:
        """Store why the job failed and acknowledge; False if another worker had already ended the job."""
        return await self._end(claim, "failed", "problem", problem.model_dump_json(), "")

    async def bury(self, claim: Claim, problem: Problem) -> bool:
        """Fail a job no worker survives, and keep its id among the dead letters."""
        async with redis_errors():
            await self._redis.xadd(
                keys.dead(claim.model),
                {"job": claim.spec.id, "detail": problem.detail},
                maxlen=keys.DEAD_LETTERS,
                approximate=True,
            )
        return await self.fail(claim, problem)

    async def _end(self, claim: Claim, status: str, field: str, value: str, certificate: str) -> bool:
        job_id = claim.spec.id
        async with redis_errors():
            first = await self._finish(
                keys=[keys.job(job_id), keys.jobs(claim.model), keys.certificate(job_id)],
                args=[
                    keys.GROUP,
                    claim.entry,
                    keys.RESULT_TTL_S,
                    keys.CERTIFICATE_TTL_S,
                    certificate,
                    "status",
                    status,
                    field,
                    value,
                ],
            )
            # After the outcome is stored, never before: a gateway registers first and reads the job second.
            await self._notify(job_id)
        return bool(first)

    async def _notify(self, job_id: str) -> None:
        gateways = await self._redis.smembers(keys.watchers(job_id))
        async with self._redis.pipeline(transaction=False) as pipeline:
            for gateway in gateways:
                pipeline.xadd(keys.replies(gateway), {"job": job_id}, maxlen=keys.REPLIES_KEPT, approximate=True)
                pipeline.expire(keys.replies(gateway), keys.WATCH_TTL_S)
            pipeline.delete(keys.watchers(job_id))
            await pipeline.execute()

    async def _create_group(self, model: str) -> None:
        try:
            await self._redis.xgroup_create(keys.jobs(model), keys.GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
