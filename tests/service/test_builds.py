"""One build a job, on a real Redis: who may take a work item, and what starts over when nobody may any more."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from smoothgen.contracts import FleetView, ModelRef, windows_of, written_bin
from smoothgen.queue import MOST_RESTARTS, JobStore, Pace, WorkQueue, build_of, connect, keys, new_id
from tests.app.conftest import model_card
from tests.service.test_queue import FAILURE, LEASE_S, OPENING, REF, RESULT, backlog, numbers, spec
from tests.support.processes import Lab
from workers.serving.restarting import Restarting

CARD = model_card("a")
OLD, NEW = build_of("sha256:old", "float32"), build_of(CARD.digest, "float32")
ONE_CHUNK = Pace(chunk=40, window=2)
Story = Callable[[JobStore, Callable[[str], WorkQueue]], Awaitable[None]]


def on(lab: Lab, story: Story, *, rate: float = 1e6) -> None:
    """Run a story with a store and as many workers as it names; every build named here has its streams.

    rate: samples a second, of a worker that is gone: enough for the streams to take all there is.
    """

    async def tell() -> None:
        redis = connect(lab.redis.url)
        for build in (OLD, NEW):
            await WorkQueue(redis, "setup").register([CARD], {"a": build})
        if rate:
            lab.redis.client.hset(keys.rates("a"), "gone", rate)
        await story(JobStore(redis), lambda name: WorkQueue(redis, name, lease_s=LEASE_S))
        await redis.aclose()

    asyncio.run(tell())


async def take(worker: WorkQueue, build: str, items: int = 10) -> list[Any]:
    return await worker.claim({"a": build}, samples=1000, items=items, block_ms=20)


async def opened(store: JobStore, worker: WorkQueue, build: str = OLD, **asked: Any) -> Any:
    """A job opened under a build, and its first chunk in the worker's hand."""
    job = spec(samples=asked.pop("samples", 80), **asked)
    await store.submit(job, REF)
    [opening] = await take(worker, build)
    await worker.open(opening, OPENING, look_end=40, pace=ONE_CHUNK, sheet=b"a sheet")
    [chunk] = await take(worker, build)
    return chunk


def account(lab: Lab) -> tuple[int, int]:
    """What all jobs owe, and the model's backlog: always one number."""
    jobs = lab.redis.client.scan_iter(keys.of_all_models("job:"))
    owed = sum(int(lab.redis.client.hget(job, "owed") or 0) for job in jobs)
    return owed, int(lab.redis.client.get(keys.backlog("a")) or 0)


@pytest.mark.parametrize("other", [NEW, build_of("sha256:old", "bfloat16")])
def test_chunks_are_for_workers_of_the_openings_weights_and_precision(other: str, lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        await worker("two").register([CARD], {"a": other})
        one = worker("one")
        chunk = await opened(store, one)
        await one.hand_back([chunk])
        assert await take(worker("two"), other) == []
        [again] = await take(one, OLD)
        assert (again.first, again.deliveries) == (chunk.first, 1)

    on(lab, story)


def test_a_work_item_met_in_the_wrong_stream_is_sent_on_once_and_counts_no_delivery(lab: Lab) -> None:
    """A fleet job names its build at its submission, and waits among the openings, which any worker takes."""

    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        client = lab.redis.client
        job = spec(tier="fleet")
        assert job.pool is not None
        job = job.model_copy(update={"pool": job.pool.model_copy(update={"digest": "sha256:old"})})
        await store.submit(job, REF)
        assert await take(worker("two"), NEW) == []
        assert client.xlen(keys.work("a", "normal")) == 0
        [opening] = await take(worker("three"), OLD)
        assert (opening.spec, opening.first, opening.deliveries, opening.attempt) == (job, -1, 1, 0)
        assert await worker("three").succeed(job, RESULT, claim=opening)
        assert account(lab) == (0, 0)

    on(lab, story)


def test_a_job_starts_over_with_all_of_it_owed_and_nothing_kept(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        old, new = worker("old"), worker("new")
        chunk = await opened(store, old, deadline_s=600.0)
        before = lab.redis.client.hgetall(keys.job(chunk.spec.id))
        await old.store(chunk, numbers(chunk), 0.5)
        assert account(lab) == (40, 40)
        assert [await new.restart(chunk, chunk.spec) for _ in range(2)] == ["restarted", "void"]  # sent twice
        assert account(lab) == (chunk.spec.total_samples,) * 2
        job = lab.redis.client.hgetall(keys.job(chunk.spec.id))
        assert set(job) == {"spec", "model", "status", "done", "total", "watchers", "owed", "fleet"} | {
            *("attempt", "restarts", "tenant", "bytes", "retention_s"),
        }
        assert (job["spec"], job["status"], job["done"]) == (before["spec"], "queued", "0")
        assert not lab.redis.client.exists(keys.distances(chunk.spec.id), keys.samples(chunk.spec.id))
        [opening] = await take(new, NEW)
        assert opening.is_selection
        assert (opening.attempt, opening.spec) == (1, chunk.spec)
        await new.open(opening, OPENING, look_end=40, pace=ONE_CHUNK, sheet=None)
        [again] = await take(new, NEW)
        look = await new.store(again, numbers(again), 0.5)
        assert look is not None
        assert await new.succeed(again.spec, RESULT, claim=again)
        assert account(lab) == (0, 0)

    on(lab, story)


def test_whatever_comes_of_an_earlier_attempt_changes_nothing(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        old, new = worker("old"), worker("new")
        late = await opened(store, old)
        assert await new.restart(late, late.spec) == "restarted"
        [opening] = await take(new, NEW)
        await old.open(late, OPENING, look_end=40, pace=ONE_CHUNK, sheet=None)
        assert not lab.redis.client.hexists(keys.job(late.spec.id), "opening")
        await new.open(opening, OPENING, look_end=40, pace=ONE_CHUNK, sheet=None)
        [chunk] = await take(new, NEW)
        state = lab.redis.client.hgetall(keys.job(late.spec.id))
        assert await old.pulse({late.spec.id: (late.attempt, -1)}) == {late.spec.id}
        assert await old.store(late, numbers(late) + 7, 0.5) is None
        await old.advance(late, 40, 80, ONE_CHUNK, 0.5, 0.5)
        assert not await old.succeed(late.spec, RESULT, claim=late)
        assert not await old.succeed(late.spec, RESULT, claim=None, attempt=late.attempt)
        assert not await old.fail(late, REF, FAILURE)
        assert not await old.bury(late, REF, FAILURE)
        assert await old.restart(late, late.spec) == "void"
        assert lab.redis.client.hgetall(keys.job(late.spec.id)) == state
        look = await new.store(chunk, numbers(chunk), 0.5)
        assert look is not None
        assert np.array_equal(look.distances, np.arange(40.0))

    on(lab, story)


def test_chunks_of_an_earlier_attempt_are_dropped_where_they_lie(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        old = worker("old")
        job = spec(samples=1000)
        await store.submit(job, REF)
        [opening] = await take(old, OLD)
        await old.open(opening, OPENING, look_end=1000, pace=Pace(chunk=10, window=5), sheet=None)
        [chunk] = await take(old, OLD, items=1)
        assert await old.restart(chunk, chunk.spec) == "restarted"
        [again] = await take(old, OLD)  # the opening, and none of the four chunks that wait
        assert again.is_selection
        assert lab.redis.client.xlen(keys.work("a", "normal", OLD)) == 0

    on(lab, story)


def test_a_job_that_cannot_restart_is_left_as_it_is(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        old = worker("old")
        chunk = await opened(store, old)
        for attempt in range(1, MOST_RESTARTS + 1):
            assert await old.restart(chunk, chunk.spec) == "restarted"
            [opening] = await take(old, OLD)
            assert opening.attempt == attempt
            await old.open(opening, OPENING, look_end=40, pace=ONE_CHUNK, sheet=None)
            [chunk] = await take(old, OLD)
        state = lab.redis.client.hgetall(keys.job(chunk.spec.id))
        assert await old.restart(chunk, chunk.spec) == "spent"
        assert lab.redis.client.hgetall(keys.job(chunk.spec.id)) == state
        # A batch that does not fit is no want of a worker: its bound is the size, which halves.
        assert await old.restart(chunk, chunk.spec, batch_limit=8) == "restarted"
        [opening] = await take(old, OLD)
        assert opening.batch_limit == 8

    on(lab, story)


def test_fixed_batches_are_cut_at_whole_blocks_after_a_look_that_ended_within_one(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        one, job = worker("one"), spec(samples=100)
        await store.submit(job, REF)
        [opening] = await take(one, OLD)
        fixed = OPENING.model_copy(update={"batch_size": 16})
        await one.open(opening, fixed, look_end=40, pace=Pace(chunk=32, window=2), sheet=None)
        first, second = await take(one, OLD)
        assert [(c.first, c.count) for c in (first, second)] == [(0, 32), (32, 8)]
        await one.store(first, numbers(first), 0.5)
        assert await one.store(second, numbers(second), 0.5) is not None
        await one.advance(second, 40, 100, Pace(chunk=32, window=3), 0.0, 0.0)
        assert [(c.first, c.count) for c in await take(one, OLD)] == [(40, 24), (64, 32), (96, 4)]

    on(lab, story)


async def seen(worker: WorkQueue, build: str, after_s: float, rounds: int = 6) -> list[Any]:
    """The orphans found in so many rounds, a sixth of the time apart."""
    found: list[Any] = []
    for _ in range(rounds):
        found = await worker.builds.orphans({"a": build}, after_s)
        await asyncio.sleep(after_s / 6)
    return found


def test_a_build_is_given_up_only_when_nobody_said_for_long_that_it_serves_it(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        old, new, after_s = worker("old"), worker("new"), 1.2
        chunk = await opened(store, old)
        for _ in range(12):  # twice as long, and it says so now and then
            await old.announce({"a": 1.0}, {"a": OLD})
            assert await new.builds.orphans({"a": NEW}, after_s) == []
            await asyncio.sleep(after_s / 6)
        rounds, found = 0, []
        while not found:
            await asyncio.sleep(after_s / 6)
            rounds, found = rounds + 1, await new.builds.orphans({"a": NEW}, after_s)
        assert rounds > 3  # half of the time it must see for itself that nobody is there
        [orphan] = found
        assert (orphan.job_id, orphan.build, orphan.attempt) == (chunk.spec.id, OLD, 0)
        assert await new.builds.orphans({"a": OLD}, after_s) == []  # its own is never given up

    on(lab, story)


def test_a_worker_that_does_not_say_what_it_serves_may_serve_anything(lab: Lab) -> None:
    """Workers of the version before do not say it: their jobs are left to them until they are gone."""

    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        new = worker("new")
        await opened(store, worker("old"))
        lab.redis.client.zadd(keys.workers("a"), {"of another version": time.time() + keys.WORKER_TTL_S})
        assert await seen(new, NEW, 0.6) == []
        lab.redis.client.zrem(keys.workers("a"), "of another version")
        assert len(await seen(new, NEW, 0.6)) == 1

    on(lab, story)


def test_jobs_of_a_gone_build_start_over_at_once_though_most_of_them_wait_before_its_stream(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        old, new, after_s = worker("old"), worker("new"), 0.6
        await old.announce({"a": 1.0}, {"a": OLD})
        jobs = [spec(samples=400) for _ in range(30)]
        for job in jobs:
            await store.submit(job, REF)
        while openings := await take(old, OLD):
            for opening in (claim for claim in openings if claim.is_selection):
                await old.open(opening, OPENING, look_end=400, pace=ONE_CHUNK, sheet=None)
            await old.hand_back([claim for claim in openings if not claim.is_selection])
            if not any(claim.is_selection for claim in openings):
                break
        assert int(lab.redis.client.hget(keys.share(keys.work("a", "normal", OLD)), "waiting")) > 40
        await old.leave(["a"])
        restarting = Restarting(new, {"a": REF}, {"a": NEW}, after_s=after_s, on_failure=lambda *_: None)
        await seen(new, NEW, after_s)
        await restarting.settle()
        restarted = [await store.read(job.id) for job in jobs]
        assert {state.status for state in restarted} == {"queued"}
        assert account(lab) == (30 * jobs[0].total_samples,) * 2

    on(lab, story, rate=0)


def test_a_build_nobody_serves_is_forgotten_when_nothing_of_it_waits(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        new = worker("new")
        chunk = await opened(store, worker("old"))
        [orphan] = await seen(new, NEW, 0.6)
        assert lab.redis.client.sismember(keys.builds("a"), OLD)
        assert await new.restart(orphan, chunk.spec) == "restarted"
        assert await new.builds.orphans({"a": NEW}, 0.6) == []
        assert lab.redis.client.smembers(keys.builds("a")) == {NEW}
        assert not lab.redis.client.exists(*keys.streams("a", OLD))
        # One that comes back finds its streams again.
        late = worker("late")
        await late.register([CARD], {"a": OLD})
        [opening] = await take(late, OLD)
        assert opening.is_selection

    on(lab, story)


def test_waiting_work_items_of_all_builds_are_counted(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        await opened(store, worker("old"))
        await store.submit(spec(samples=10, selection_samples=5), REF)
        assert [await backlog(store, model) for model in ("a", "b")] == [(2, 80 + 15), (0, 0)]

    on(lab, story)


def test_a_fleet_request_is_drawn_by_the_model_its_pool_names(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        old, new = worker("old"), worker("new")
        job = spec(tier="fleet")
        assert job.pool is not None
        assert job.pool.digest == CARD.digest
        await store.submit(job, REF)
        assert await take(old, OLD) == []  # sent on
        half = build_of(CARD.digest, "bfloat16")  # the pool names no precision
        await new.register([CARD], {"a": half})
        [opening] = await take(new, NEW) or await take(new, half)
        assert opening.is_selection
        assert await new.restart(opening, job) == "bound"
        assert await new.succeed(job, RESULT, claim=opening, fleet_bin=written_bin(3))

    on(lab, story)


def test_a_fleet_request_that_finds_the_window_full_is_counted_as_such_and_told(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        one, job = worker("one"), spec(tier="fleet")
        hour, day = windows_of(job.submitted_ms)
        lab.redis.client.hset(
            keys.fleet_window("a", "anyone", hour), mapping={f"pool-{n}": "{}" for n in range(keys.POOLS_A_WINDOW)}
        )
        assert job.pool is not None
        result = RESULT.model_copy(update={"fleet": FleetView(pool=job.pool.id, windows=[hour, day])})
        for told in range(1, 3):
            again = job.model_copy(update={"id": new_id("a", "anyone")})
            for _ in range(2):  # sent twice
                await store.submit(again, REF)
            [opening] = await take(one, NEW)
            assert opening.windows == (day,)
            assert await one.succeed(again, result, claim=opening, fleet_bin=written_bin(3))
            view = json.loads((await store.read(again.id)).text)
            assert view["fleet"] == {"pool": job.pool.id, "windows": [day], "uncounted": [hour]}
            assert await store.fleet_uncounted("anyone", "a", hour) == told
        assert len(await store.fleet_bins("anyone", "a", day, job.pool.id)) == 2
        assert 0 < lab.redis.client.ttl(keys.fleet_uncounted("a", "anyone", hour)) <= keys.FLEET_TTL_S["hour"]

    on(lab, story)


def test_a_reader_is_told_which_model_opened_the_job(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        one, named = worker("one"), ModelRef(name="a", revision="v0", digest="sha256:old")
        job = spec(samples=40)
        await store.submit(job, REF)
        [opening] = await take(one, OLD)
        provenance = {"model": {"name": "a", "revision": "v0", "digest": "sha256:old"}}
        said = OPENING.model_copy(update={"provenance": provenance})
        await one.open(opening, said, look_end=40, pace=ONE_CHUNK, sheet=None)
        assert (await store.read(job.id)).view.model == named

    on(lab, story)


def test_pools_of_made_up_noise_crowd_out_no_request_under_the_models_own(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        job = spec(tier="fleet", sigma=None)
        window = windows_of(job.submitted_ms)[0]
        crowd = {f"pool-{n}": "{}" for n in range(keys.POOLS_A_WINDOW)}
        lab.redis.client.hset(keys.fleet_window("a", "anyone", window), mapping=crowd)
        await store.submit(job, REF)
        assert job.pool is not None
        assert len(await store.fleet_bins("anyone", "a", window, job.pool.id)) == 1
        assert await store.fleet_uncounted("anyone", "a", window) == 0

    on(lab, story)
