"""The outbox on a real Redis: whoever reads it is told of every job that ended, whatever happens to readers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from redis.asyncio import Redis

from smoothgen.queue import JobStore, WorkQueue, connect, keys
from smoothgen.queue.outbox import Outbox, OutboxEntry
from tests.service.test_queue import BUILDS, CARDS, FAILURE, REF, RESULT, spec, take_one
from tests.support.processes import Lab

LEASE_S = 0.2
BOTH = keys.OUTBOX_READERS
Story = Callable[[Redis, JobStore, WorkQueue], Awaitable[None]]


def on(lab: Lab, story: Story, outboxes: tuple[str, ...] = BOTH) -> None:
    """Run a story with a store that tells these readers, and with a worker."""

    async def tell() -> None:
        redis = connect(lab.redis.url)
        worker = WorkQueue(redis, "one")
        await worker.register(CARDS, BUILDS)
        await story(redis, JobStore(redis, outboxes=outboxes), worker)
        await redis.aclose()

    asyncio.run(tell())


async def taken(outbox: Outbox, most: int = 10) -> list[OutboxEntry]:
    return await outbox.take(most, block_ms=10)


async def succeeded(store: JobStore, worker: WorkQueue) -> str:
    """A job that has succeeded."""
    await store.submit(spec(), REF)
    claim = await take_one(worker)
    assert await worker.succeed(claim.spec, RESULT, claim=claim)
    return claim.spec.id


def test_every_end_of_a_job_is_told_once_to_each_reader(lab: Lab) -> None:
    async def story(_: Redis, store: JobStore, worker: WorkQueue) -> None:
        good = await succeeded(store, worker)
        await store.submit(spec(), REF)
        claim = await take_one(worker)
        assert await worker.fail(claim, REF, FAILURE)
        assert not await worker.fail(claim, REF, FAILURE)  # its first answer was lost
        other = REF.model_copy(update={"name": "b"})
        cancelled = await store.submit(spec("b"), other)
        await store.cancel(cancelled)
        ended = {good: "succeeded", claim.spec.id: "failed", cancelled: "cancelled"}
        for reader in BOTH:
            outbox = store.outbox(reader)
            entries = await taken(outbox)
            assert {each.job_id: each.status for each in entries} == ended
            assert len(entries) == len(ended)
            assert {(each.event, each.tenant, each.model) for each in entries} == {
                ("ended", "anyone", model.model_dump_json()) for model in (REF, other)
            }
            await outbox.acknowledge(entries)
            assert (await outbox.measures()).entries == 0

    on(lab, story)


def test_nothing_is_written_for_readers_that_nobody_configured(lab: Lab) -> None:
    async def story(redis: Redis, store: JobStore, worker: WorkQueue) -> None:
        job = await succeeded(store, worker)
        await store.erase(job)
        assert await redis.keys("*outbox*") == []

    on(lab, story, ())


def test_a_job_tells_the_readers_that_were_configured_when_it_was_submitted(lab: Lab) -> None:
    async def story(_: Redis, store: JobStore, worker: WorkQueue) -> None:
        job = await succeeded(store, worker)
        assert [each.job_id for each in await taken(store.outbox(keys.WEBHOOKS))] == [job]
        assert await taken(store.outbox(keys.LEDGER)) == []

    on(lab, story, (keys.WEBHOOKS,))


def test_what_a_reader_lets_lie_another_is_given_after_the_lease(lab: Lab) -> None:
    async def story(_: Redis, store: JobStore, worker: WorkQueue) -> None:
        jobs = [await succeeded(store, worker) for _ in range(5)]
        dying, heir = (store.outbox(keys.LEDGER, lease_s=LEASE_S) for _ in range(2))
        held = await taken(dying, most=3)
        assert [each.job_id for each in held] == jobs[:3]
        await asyncio.sleep(1.5 * LEASE_S)
        inherited = await taken(heir)
        assert inherited == held
        await heir.acknowledge(inherited)
        rest = await taken(heir)
        assert [each.job_id for each in rest] == jobs[3:]
        await heir.acknowledge(rest)
        await asyncio.sleep(1.5 * LEASE_S)
        assert await taken(store.outbox(keys.LEDGER, lease_s=LEASE_S)) == []

    on(lab, story)


def test_no_entry_that_another_is_dealing_with_is_taken_from_it(lab: Lab) -> None:
    async def story(_: Redis, store: JobStore, worker: WorkQueue) -> None:
        await succeeded(store, worker)
        one, other = store.outbox(keys.LEDGER), store.outbox(keys.LEDGER)
        assert len(await taken(one)) == 1
        assert await taken(other) == []

    on(lab, story)


def test_an_erased_job_is_told_once_after_its_end(lab: Lab) -> None:
    async def story(_: Redis, store: JobStore, worker: WorkQueue) -> None:
        job = await succeeded(store, worker)
        await store.erase(job)
        await store.erase(job)
        running = await store.submit(spec(), REF)
        await store.erase(running)  # cancels it
        told = [(each.job_id, each.event, each.status) for each in await taken(store.outbox(keys.LEDGER))]
        assert told == [
            (job, "ended", "succeeded"),
            (job, "erased", "succeeded"),
            (running, "ended", "cancelled"),
            (running, "erased", "cancelled"),
        ]

    on(lab, story)


def test_a_reader_goes_on_when_redis_has_lost_its_data(lab: Lab) -> None:
    async def story(redis: Redis, store: JobStore, worker: WorkQueue) -> None:
        outbox = store.outbox(keys.LEDGER)
        await succeeded(store, worker)
        assert len(await taken(outbox)) == 1
        await redis.flushall()
        await worker.register(CARDS, BUILDS)
        job = await succeeded(store, worker)
        assert await taken(outbox) == []  # notices it
        assert [each.job_id for each in await taken(outbox)] == [job]

    on(lab, story)


def test_what_nobody_reads_goes_with_the_certificates_it_tells_of(lab: Lab) -> None:
    async def story(redis: Redis, store: JobStore, worker: WorkQueue) -> None:
        outbox = keys.outbox("a", keys.LEDGER)
        for number in range(1000):  # of 1970
            await redis.xadd(outbox, {"event": "ended"}, id=f"{number + 1}-0")
        await succeeded(store, worker)
        assert await redis.xlen(outbox) < 200  # trimmed in blocks of a hundred
        assert 0 < await redis.ttl(outbox) <= keys.CERTIFICATE_TTL_S

    on(lab, story)
