"""The worker's half of the queue: take jobs, keep them, report on them, end them."""

from __future__ import annotations

import base64
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
        self._cards: list[ModelCard] = []
        self._finish = redis.register_script(FINISH)
        self._report = redis.register_script(REPORT)

    async def register(self, cards: Iterable[ModelCard]) -> None:
        """Publish the models this worker serves and make sure their streams and groups exist."""
        cards = self._cards = list(cards)
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
                await self._redis.zrem(keys.workers(model), self.worker_id)
                with _no_group_is_fine():
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
                return await self._take_new(models, block_ms)
            except ResponseError as error:
                if "NOGROUP" not in str(error):
                    raise
                await self.register(self._cards)  # Redis came back without its data
                return None

    async def _take_new(self, models: list[str], block_ms: int) -> Claim | None:
        model_of = {keys.jobs(model): model for model in models}
        answer = await self._redis.xreadgroup(
            keys.GROUP, self.worker_id, dict.fromkeys(model_of, ">"), count=1, block=block_ms
        )
        taken = [
            (model_of[stream], entry, fields["job"]) for stream, entries in answer or [] for entry, fields in entries
        ]
        for model, entry, _ in taken[1:]:  # `count` is per stream, and one job at a time is enough
            await self._let_go(model, entry, deliveries=0)
        return await self._read(*taken[0], deliveries=1) if taken else None

    async def _take_over(self, model: str) -> Claim | None:
        stream, lease_ms = keys.jobs(model), int(self.lease_s * 1000)
        # Not XAUTOCLAIM: it gives up after ten entries that are held, however many abandoned ones follow.
        silent = await self._redis.xpending_range(stream, keys.GROUP, min="-", max="+", count=1, idle=lease_ms)
        if not silent:
            return None
        entry, deliveries = silent[0]["message_id"], silent[0]["times_delivered"]
        # Claims nothing if another worker was faster: its claim ended the idle time.
        for _, fields in await self._redis.xclaim(stream, keys.GROUP, self.worker_id, lease_ms, [entry]):
            return await self._read(model, entry, fields["job"], deliveries + 1)
        return None

    async def _read(self, model: str, entry: str, job_id: str, deliveries: int) -> Claim | None:
        text = await self._redis.hget(keys.job(job_id), "spec")
        if text is None:  # the record is gone, so nobody can be waiting for it
            await self._redis.xack(keys.jobs(model), keys.GROUP, entry)
            await self._redis.xdel(keys.jobs(model), entry)
            return None
        try:
            return Claim(model, entry, JobSpec.model_validate_json(text), deliveries)
        except ValidationError as error:
            await self._bury(model, entry, job_id, _unreadable(error))
            return None

    async def heartbeat(self, claim: Claim) -> None:
        """Keep a job: reset its idle time without counting a delivery."""
        async with redis_errors():
            with _no_group_is_fine():
                await self._redis.xclaim(
                    keys.jobs(claim.model), keys.GROUP, self.worker_id, 0, [claim.entry], idle=0, justid=True
                )

    async def hand_back(self, claim: Claim) -> None:
        """Let go of a job unfinished: any worker may take it over at once, and this delivery does not count."""
        async with redis_errors():
            with _no_group_is_fine():
                await self._let_go(claim.model, claim.entry, deliveries=claim.deliveries - 1)

    async def _let_go(self, model: str, entry: str, deliveries: int) -> None:
        await self._redis.xclaim(
            keys.jobs(model),
            keys.GROUP,
            self.worker_id,
            0,
            [entry],
            idle=int(self.lease_s * 1000) + 1,
            retrycount=deliveries,
            justid=True,
        )

    async def report(self, claim: Claim, done: int, output: Output | None = None) -> None:
        """Publish that the job runs, how many samples are done, and the output as soon as it is chosen."""
        fields: dict[str, str | int] = {"status": "running", "done": done}
        if output is not None:
            fields["output"] = output.model_dump_json()
        async with redis_errors():
            await self._report(keys=[keys.job(claim.spec.id)], args=[x for item in fields.items() for x in item])

    async def succeed(self, claim: Claim, result: JobResult, sheet: bytes | None = None) -> bool:
        """Store the result, with the contact sheet of a picture job, and acknowledge; False if another worker had
        already ended the job."""
        certificate = "" if result.certificate is None else json.dumps(result.certificate)
        samples = "" if sheet is None else base64.b64encode(sheet).decode("ascii")
        fields: dict[str, str | int] = {
            "status": "succeeded",
            "result": result.model_dump_json(),
            "done": result.usage.overhead,
            "total": result.usage.overhead,
        }
        return await self._end(claim.model, claim.entry, claim.spec.id, fields, certificate, samples)

    async def fail(self, claim: Claim, problem: Problem) -> bool:
        """Store why the job failed and acknowledge; False if another worker had already ended the job."""
        fields: dict[str, str | int] = {"status": "failed", "problem": problem.model_dump_json()}
        return await self._end(claim.model, claim.entry, claim.spec.id, fields)

    async def bury(self, claim: Claim, problem: Problem) -> bool:
        """Fail a job no worker survives, and keep its id among the dead letters."""
        async with redis_errors():
            return await self._bury(claim.model, claim.entry, claim.spec.id, problem)

    async def _bury(self, model: str, entry: str, job_id: str, problem: Problem) -> bool:
        await self._redis.xadd(
            keys.dead(model), {"job": job_id, "detail": problem.detail}, maxlen=keys.DEAD_LETTERS, approximate=True
        )
        return await self._end(model, entry, job_id, {"status": "failed", "problem": problem.model_dump_json()})

    async def _end(
        self,
        model: str,
        entry: str,
        job_id: str,
        fields: dict[str, str | int],
        certificate: str = "",
        samples: str = "",
    ) -> bool:
        async with redis_errors():
            first = await self._finish(
                keys=[keys.job(job_id), keys.jobs(model), keys.certificate(job_id), keys.samples(job_id)],
                args=[
                    keys.GROUP,
                    entry,
                    keys.RESULT_TTL_S,
                    keys.CERTIFICATE_TTL_S,
                    certificate,
                    samples,
                    *(x for item in fields.items() for x in item),
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


@contextmanager
def _no_group_is_fine() -> Iterator[None]:
    """What Redis lost with its data needs no keeping."""
    try:
        yield
    except ResponseError as error:
        if "NOGROUP" not in str(error):
            raise


def _unreadable(error: ValidationError) -> Problem:
    found = error.errors()[0]
    where = ".".join(str(part) for part in found["loc"])
    return Problem.of(
        "job-unreadable",
        "The worker cannot read this job",
        500,
        f"the worker cannot read the job's {where or 'record'} ({found['msg']}); gateway and worker are of different "
        "versions: bring them to one, and send the request again",
    )
