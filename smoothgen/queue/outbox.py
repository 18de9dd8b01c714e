"""The outbox: what a reader, such as the ledger, is still to be told of jobs that ended or were erased.

The step that ends a job appends to it, so whoever is killed loses no entry. An entry stays until its reader has dealt
with it: it may be given out more than once, and to several gateways after another, but never not at all.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from smoothgen.contracts import JobResult, ModelRef
from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.waiting import read_new

_CONSUMER: Final = "gateways"
"""All gateways read as one consumer: who let an entry lie is told by the time it has lain, and a gateway that is gone
leaves no consumer behind."""
_LOOK_FOR_ABANDONED_S: Final = 5.0
"""How often entries are looked for that another gateway let lie."""


@dataclass(frozen=True)
class OutboxEntry:
    """What happened to a job. stream, id: where the entry lies.

    status: how the job ended. model: the JSON of its model's name, revision and digest; certificate: its certificate's
    digest; abstention: the reason. Each is empty where there is none, and of an erased job.
    """

    stream: str
    id: str
    event: Literal["ended", "erased"]
    job_id: str
    tenant: str
    status: str
    model: str
    certificate: str
    abstention: str

    @classmethod
    def of(cls, stream: str, entry: str, fields: Mapping[str, str]) -> OutboxEntry:
        """Returns the entry that a stream's fields hold."""
        return cls(
            stream=stream,
            id=entry,
            event="erased" if fields["event"] == "erased" else "ended",
            job_id=fields["job"],
            tenant=fields["tenant"],
            status=fields["status"],
            model=fields.get("model", ""),
            certificate=fields.get("certificate", ""),
            abstention=fields.get("abstention", ""),
        )

    @property
    def at_ms(self) -> int:
        """Returns when it happened, in Unix milliseconds on Redis's clock."""
        return int(self.id.partition("-")[0])


@dataclass(frozen=True)
class OutboxMeasures:
    """How many entries wait, and since when the oldest does: Unix milliseconds on Redis's clock, None where none is."""

    entries: int
    oldest_ms: int | None


def facts_of(model: ModelRef, result: JobResult | None = None) -> dict[str, str]:
    """Returns what an outbox is told of a job's end beside its id and status. result: None where it has none."""
    facts = {"model": model.model_dump_json()}
    if result is not None and result.certificate is not None:
        facts["certificate"] = str(result.certificate.get("digest", ""))
    if result is not None and result.abstention is not None:
        facts["abstention"] = result.abstention.reason
    return facts


class Outbox:
    """The outbox of one reader, over all models. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, scripts: Pipeline, reader: str, *, lease_s: float = keys.OUTBOX_LEASE_S) -> None:
        """Keeps the connection. reader: one of `keys.OUTBOX_READERS`. lease_s: seconds after which what is not
        acknowledged is given out again."""
        self._redis, self._scripts, self.reader = redis, scripts, reader
        self._lease_ms = int(lease_s * 1000)
        self._prepared: set[keys.Key] = set()
        self._look_again = 0.0

    async def take(self, most: int, block_ms: int) -> list[OutboxEntry]:
        """Returns entries to deal with and to `acknowledge`: what another gateway let lie first, then what is new.

        most: how many of each model. Waits up to block_ms for the first, and returns the empty list where none came.
        Where replicas must confirm what is written, they have been waited for.
        """
        streams = await self._streams()
        if not streams:
            await asyncio.sleep(block_ms / 1000)
            return []
        try:
            await self._prepare(streams)
            found = await self._abandoned(streams, most) or await self._new(streams, most, block_ms)
        except ResponseError as error:
            if "NOGROUP" not in str(error):
                raise
            self._prepared.clear()  # Redis came back without its data
            return []
        if found:
            await self._scripts.settle(keys.Key(entry.stream) for entry in found)
        return found

    async def acknowledge(self, entries: Iterable[OutboxEntry]) -> None:
        """Deletes entries that have been dealt with."""
        of_stream = defaultdict(list)
        for entry in entries:
            of_stream[entry.stream].append(entry.id)
        with redis_errors():
            for stream, ids in of_stream.items():
                async with self._redis.pipeline(transaction=True) as pipeline:
                    pipeline.xack(stream, keys.OUTBOX_GROUP, *ids)
                    pipeline.xdel(stream, *ids)
                    await pipeline.execute()

    async def measures(self) -> OutboxMeasures:
        """Returns how many entries wait, and since when."""
        streams = await self._streams()
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for stream in streams:
                    pipeline.xlen(stream)
                    pipeline.xrange(stream, count=1)
                answers: list[Any] = await pipeline.execute()
        oldest = [int(entries[0][0].partition("-")[0]) for entries in answers[1::2] if entries]
        return OutboxMeasures(entries=sum(answers[::2]), oldest_ms=min(oldest, default=None))

    async def _streams(self) -> list[keys.Key]:
        with redis_errors():
            models = await self._redis.hkeys(keys.MODELS)
        return [keys.outbox(model, self.reader) for model in sorted(models)]

    async def _prepare(self, streams: list[keys.Key]) -> None:
        """Makes sure that every stream and its group exist. A new group begins with what is in its stream."""
        for stream in streams:
            if stream in self._prepared:
                continue
            with redis_errors():
                try:
                    await self._redis.xgroup_create(stream, keys.OUTBOX_GROUP, id="0", mkstream=True)
                except ResponseError as error:
                    if "BUSYGROUP" not in str(error):
                        raise
            self._prepared.add(stream)

    async def _abandoned(self, streams: list[keys.Key], most: int) -> list[OutboxEntry]:
        """Returns entries that were given out and not acknowledged within the lease."""
        if time.monotonic() < self._look_again:
            return []
        found: list[OutboxEntry] = []
        with redis_errors():
            for stream in streams:
                start = "0-0"
                while len(found) < most:
                    start, entries, _ = await self._redis.xautoclaim(
                        stream,
                        keys.OUTBOX_GROUP,
                        _CONSUMER,
                        min_idle_time=self._lease_ms,
                        start_id=start,
                        count=most,
                    )
                    found += [OutboxEntry.of(stream, entry, fields) for entry, fields in entries]
                    if start == "0-0":
                        break
        if not found:  # else there may be more
            self._look_again = time.monotonic() + _LOOK_FOR_ABANDONED_S
        return found

    async def _new(self, streams: list[keys.Key], most: int, block_ms: int) -> list[OutboxEntry]:
        with redis_errors():
            answer = await read_new(self._redis, keys.OUTBOX_GROUP, _CONSUMER, streams, count=most, block_ms=block_ms)
        return [OutboxEntry.of(stream, entry, fields) for stream, entries in answer for entry, fields in entries]
