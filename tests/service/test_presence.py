"""Who is alive: told to a full Redis too, by Redis's clock, and forgotten without losing what a worker holds."""

from __future__ import annotations

import asyncio
import time

import pytest

from smoothgen.queue import JobStore, WorkQueue, connect, keys
from smoothgen.queue.clock import Clock
from smoothgen.queue.scripts.presence import Dismiss
from tests.service.test_queue import BUILDS, CARDS, FAILURE, LEASE_S, REF, Workers, on, silence, spec, take
from tests.support.forwarder import Forwarder
from tests.support.processes import Lab


def consumers(lab: Lab, stream: str) -> set[str]:
    return {consumer["name"] for consumer in lab.redis.client.xinfo_consumers(stream, keys.GROUP)}


def test_a_full_redis_takes_a_worker_that_comes_and_says_that_it_lives(lab: Lab) -> None:
    async def story() -> None:
        redis = connect(lab.redis.url)
        lab.redis.client.config_set("maxmemory", "1")
        store, one = JobStore(redis), WorkQueue(redis, "one")
        await one.register(CARDS, BUILDS)
        assert await one.announce({"a": 3.0, "b": 0.0}, BUILDS) == {"a": 1, "b": 1}
        assert {served.card.id: served.workers for served in await store.models()} == {"a": 1, "b": 1}
        assert await store.presence.rates(["a", "b"]) == {"a": 3.0, "b": 0.0}
        lab.redis.client.config_set("maxmemory", "0")
        job = await store.submit(spec(), REF)
        assert [claim.spec.id for claim in await take(one)] == [job]
        await redis.aclose()

    asyncio.run(story())


def test_a_full_redis_takes_a_job_that_is_given_up(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        job = await store.submit(spec(), REF)
        [claim] = await take(worker("one"))
        lab.redis.client.config_set("maxmemory", "1")
        assert await worker("one").bury(claim, REF, FAILURE)
        lab.redis.client.config_set("maxmemory", "0")
        assert (await store.read(job)).status == "failed"
        assert lab.redis.client.xlen(keys.dead("a")) == 1

    on(lab, story)


class _OneClaim:
    """A worker that is thought gone, and takes a work item just before the `moment`th thing another says to Redis."""

    def __init__(self, lab: Lab, stream: str) -> None:
        self._client, self._stream = lab.redis.client, stream
        self.name, self.moment = "", -1

    def __call__(self, _: bytes) -> None:
        if self.moment == 0:
            assert self._client.xreadgroup(keys.GROUP, self.name, {self._stream: ">"}, count=1)
        self.moment -= 1


def test_a_worker_thought_gone_that_claims_at_any_moment_loses_nothing(lab: Lab) -> None:
    stream = keys.work("a", "normal")
    claim = _OneClaim(lab, stream)

    async def story(store: JobStore, worker: Workers) -> None:
        jobs: set[str] = set()
        with Forwarder(lab.redis.port, claim) as between:
            redis = connect(between.url)
            alive = WorkQueue(redis, "alive", lease_s=LEASE_S)
            await alive.announce({"a": 7.0}, BUILDS)
            for moment in range(25):
                claim.name = f"gone-{moment}"
                await worker(claim.name).announce({"a": 5.0}, BUILDS)
                await take(worker(claim.name))
                lab.redis.client.zadd(keys.workers("a"), {claim.name: 0})  # silent for long
                jobs.add(await store.submit(spec(), REF))
                claim.moment = moment
                await alive.announce({"a": 7.0}, BUILDS)
                claim.moment = -1
            await redis.aclose()
        assert lab.redis.client.xpending(stream, keys.GROUP)["pending"] > 0
        await silence()
        taken: set[str] = set()
        while claims := await take(worker("alive"), samples=10_000, items=100):
            taken |= {claim.spec.id for claim in claims}
        assert taken == jobs

    on(lab, story)


def test_a_worker_that_left_with_work_is_forgotten_when_others_have_taken_it_over(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        leaving, stays, stream = worker("leaving"), worker("stays"), keys.work("a", "normal")
        await leaving.announce({"a": 5.0}, BUILDS)
        job = await store.submit(spec(), REF)
        [claim] = await take(leaving)
        await leaving.hand_back([claim])
        await leaving.leave(["a"])
        assert await store.presence.rates(["a"]) == {"a": 0.0}
        assert (await stays.announce({"a": 1.0}, BUILDS)) == {"a": 1}
        assert "leaving" in consumers(lab, stream)  # deleting it would lose the work item
        assert [taken.spec.id for taken in await take(stays)] == [job]
        await stays.announce({"a": 1.0}, BUILDS)
        assert consumers(lab, stream) == {"stays"}
        assert not lab.redis.client.hexists(keys.served("a"), "leaving")

    on(lab, story)


def test_a_worker_that_came_back_is_not_forgotten(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        back, other = worker("back"), worker("other")
        lab.redis.client.zadd(keys.workers("a"), {"back": 0})
        came: list[bytes] = []

        def comes_back(said: bytes) -> None:
            if Dismiss.script.sha.encode() in said:
                lab.redis.client.zadd(keys.workers("a"), {"back": time.time() + 1000})
                came.append(said)

        with Forwarder(lab.redis.port, comes_back) as between:
            redis = connect(between.url)
            await WorkQueue(redis, "other").announce({"a": 7.0}, BUILDS)
            await redis.aclose()
        assert came
        assert await other.announce({"a": 1.0}, BUILDS) == {"a": 2}
        assert await back.announce({"a": 1.0}, BUILDS) == {"a": 2}

    on(lab, story)


def test_the_time_is_redis_s_and_asked_for_again_when_it_is_not_fresh(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        redis, real = connect(lab.redis.url), time.time
        monkeypatch.setattr(time, "time", lambda: real() + 3600)
        clock = Clock(redis)
        assert clock.last() > real() + 3000  # never read: this machine's
        seconds, microseconds = lab.redis.client.time()
        assert abs(await clock.now() - (seconds + microseconds / 1e6)) < 30
        clock.set(123.0, time.monotonic())
        assert 123.0 <= clock.last() < 153.0
        assert 123.0 <= await clock.now() < 153.0  # fresh: not asked again
        monkeypatch.setattr(clock, "_read_at", -1e9)
        assert await clock.now() > 1e9
        await redis.aclose()

    asyncio.run(story())
