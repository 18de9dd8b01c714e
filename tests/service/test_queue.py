"""The queue on a real Redis, where processes would only get in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from pydantic_core import to_json

from smoothgen.certificates.fleet.certify import NOT_SERVED, OUTSTANDING
from smoothgen.contracts import (
    AbstentionView,
    FleetView,
    GenerateRequest,
    JobResult,
    JobSpec,
    JobView,
    LipschitzEstimate,
    ModelRef,
    Note,
    Problem,
    Progress,
    Selection,
    TextOutput,
    Usage,
    windows_of,
    written_bin,
)
from smoothgen.errors import Conflict, NotFound, Overloaded
from smoothgen.planning.plan import plan
from smoothgen.queue import Claim, Idempotency, JobStore, Limits, Pace, WorkQueue, build_of, connect, keys
from smoothgen.queue.leases import SUSPECT_FROM
from tests.app.conftest import model_card, request_body
from tests.support.processes import Lab

LEASE_S = 2.0
"""Long beside thirty heartbeats, on a busy machine too."""
CARDS = [model_card("a"), model_card("b")]
BUILDS = {card.id: build_of(card.digest, "float32") for card in CARDS}
REF = ModelRef(name="a", revision="v1", digest="sha256:0")
OUTPUT = TextOutput(media_type="text/plain", text="0.5", digest="sha256:0", certified=False)
RESULT = JobResult(model=REF, output=OUTPUT, usage=Usage(samples=1, device_s=0.0, queued_s=0.0, overhead=1))
OPENING = Selection(
    output=OUTPUT,
    centre={"kind": "median", "value": 0.5},
    bound=0.5,
    diameter=1.0,
    band="order-statistics/v1",
    mechanism={"kind": "gaussian", "sigma": 1.0},
    provenance={},
    notes=None,
    generations=32,
    device_s=0.1,
    queued_s=0.0,
)
FAILURE = Problem.of("test", "Test", 500, "ended by the test")
Workers = Callable[[str], WorkQueue]


def spec(model: str = "a", *, priority: str = "normal", **robustness: Any) -> JobSpec:
    changes = {f"robustness.{name}": value for name, value in robustness.items()}
    request = request_body(model=model, priority=priority, **changes)
    return plan(GenerateRequest.model_validate(request), model_card(model), max_samples=100_000)


def limited(samples: int) -> Limits:
    return Limits(samples, samples, 10**9, 10**9)


async def take(worker: WorkQueue, *models: str, samples: int = 1, items: int = 1) -> list[Claim]:
    builds = {model: BUILDS[model] for model in models or ("a",)}
    return await worker.claim(builds, samples=samples, items=items, block_ms=20)


async def backlog(store: JobStore, model: str = "a") -> tuple[int, int]:
    """A model's work items of work, and the noisy samples it owes."""
    measured = (await store.measures.of_models([model]))[model]
    return measured.work_items, measured.samples_owed


async def take_one(worker: WorkQueue, *models: str) -> Claim:
    [claim] = await take(worker, *models)
    return claim


async def opened(store: JobStore, worker: WorkQueue, job: JobSpec, *, look: int, pace: Pace) -> None:
    """Submit a job and store its opening."""
    await store.submit(job, REF)
    await worker.open(await take_one(worker), OPENING, look_end=look, pace=pace, sheet=None)


def numbers(claim: Claim) -> np.ndarray:
    """Distances that say which sample they are of."""
    return np.arange(claim.first, claim.first + claim.count, dtype=np.float64)


def on(lab: Lab, story: Callable[[JobStore, Workers], Awaitable[None]], *, rate: float = 1e6) -> None:
    """Run a story with a store and as many workers as it names, on one event loop.

    rate: samples a second, of a worker that is gone: enough for the streams to take all there is.
    """

    async def tell() -> None:
        redis = connect(lab.redis.url)
        await WorkQueue(redis, "setup").register(CARDS, BUILDS)
        for model in BUILDS if rate else ():
            lab.redis.client.hset(keys.rates(model), "gone", rate)
        await story(JobStore(redis), lambda name: WorkQueue(redis, name, lease_s=LEASE_S))
        await redis.aclose()

    asyncio.run(tell())


async def silence() -> None:
    """Longer than the lease."""
    await asyncio.sleep(1.25 * LEASE_S)


class _Overtaken(WorkQueue):
    """A worker that finds nothing, while two jobs of different models come before it begins to wait."""

    def between(self, submit: Callable[[], Awaitable[None]]) -> _Overtaken:
        self._submit: Callable[[], Awaitable[None]] | None = submit
        return self

    async def _wait(self, *arguments: Any) -> list[Claim]:
        if self._submit is not None:
            submit, self._submit = self._submit, None
            await submit()
        return await super()._wait(*arguments)


def test_jobs_of_two_models_that_come_between_looking_and_waiting_are_claimed_apart(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        jobs: set[str] = set()

        async def submit() -> None:
            jobs.update([await store.submit(spec(model), REF) for model in ("a", "b", "a", "b")])

        redis = connect(lab.redis.url)
        overtaken = _Overtaken(redis, "one", lease_s=LEASE_S).between(submit)
        first = await take(overtaken, "a", "b", samples=1000, items=10)
        second = await take(worker("two"), "a", "b", samples=1000, items=10)  # at once, not after a lease
        third = await take(worker("two"), "a", "b", samples=1000, items=10)
        assert {len({c.model for c in hand}) for hand in (first, second)} == {1}
        hands = [*first, *second, *third]
        assert {c.spec.id for c in hands} == jobs
        assert len(hands) == 4
        assert {c.deliveries for c in hands} == {1}
        await redis.aclose()

    on(lab, story)


def test_claims_taken_together_are_of_one_model(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        jobs = {await store.submit(spec(model), REF) for model in ("a", "b", "a", "b")}
        first = await take(worker("one"), "a", "b", samples=1000, items=10)
        second = await take(worker("two"), "a", "b", samples=1000, items=10)  # at once, not after a lease
        assert {len({c.model for c in hand}) for hand in (first, second)} == {1}
        assert {c.spec.id for c in first + second} == jobs
        assert {c.deliveries for c in first + second} == {1}

    on(lab, story)


def test_as_many_samples_are_claimed_as_asked_for_and_one_work_item_at_least(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        for _ in range(5):
            await store.submit(spec(selection_samples=32), REF)
        assert len(await take(worker("one"), samples=64, items=10)) == 2
        assert len(await take(worker("two"), samples=1, items=10)) == 1
        assert len(await take(worker("three"), samples=1000, items=1)) == 1

    on(lab, story)


def test_chunks_are_posted_a_window_at_a_time_and_a_look_is_complete_once(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=100)
        await opened(store, one, job, look=100, pace=Pace(chunk=30, window=2))
        assert lab.redis.client.xlen(keys.work("a", "normal", BUILDS["a"])) == 2
        complete, seen = [], []
        while hand := await take(one, samples=1000, items=10):
            for claim in reversed(hand):  # whatever the order they end in
                seen.append((claim.first, claim.count))
                complete.append(await one.store(claim, numbers(claim), 0.5))
        assert sorted(seen) == [(0, 30), (30, 30), (60, 30), (90, 10)]
        [look] = [c for c in complete if c is not None]
        assert np.array_equal(look.distances, np.arange(100.0))
        assert look.device_s == pytest.approx(OPENING.device_s + 4 * 0.5)
        view = (await store.read(job.id)).view
        assert (view.status, view.progress.done) == ("running", 132)

    on(lab, story)


def test_a_look_that_was_complete_when_its_worker_died_is_taken_by_another(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, two, job = worker("one"), worker("two"), spec(samples=40)
        await opened(store, one, job, look=40, pace=Pace(chunk=40, window=2))
        claim = await take_one(one)
        assert await one.store(claim, numbers(claim), 0.5) is not None
        await silence()  # and never ends the job
        again = await take_one(two)
        assert (again.first, again.count, again.deliveries) == (0, 40, 2)
        look = await two.store(again, numbers(again) + 7, 9.0)  # the first result stays
        assert look is not None
        assert np.array_equal(look.distances, np.arange(40.0))
        assert look.device_s == pytest.approx(OPENING.device_s + 0.5)
        assert (await store.read(job.id)).view.progress.done == 72
        assert await two.succeed(job, RESULT, claim=again)
        assert not await one.succeed(job, RESULT, claim=claim)

    on(lab, story)


def test_the_next_look_goes_on_where_the_last_one_ended(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=100)
        await opened(store, one, job, look=50, pace=Pace(chunk=50, window=2))
        claim = await take_one(one)
        assert await one.store(claim, numbers(claim), 0.5) is not None
        for _ in range(2):  # the answer to the first was lost
            await one.advance(claim, 50, 100, Pace(chunk=25, window=1), radius=0.25, w1_bound=0.125)
        progress = (await store.read(job.id)).view.progress
        assert (progress.radius, progress.w1_bound) == (0.25, 0.125)
        look = None
        for first in (50, 75):
            chunk = await take_one(one)
            assert (chunk.first, chunk.count) == (first, 25)
            look = await one.store(chunk, numbers(chunk), 0.5)
        assert look is not None
        assert np.array_equal(look.distances, np.arange(100.0))
        assert await take(one) == []

    on(lab, story)


def test_opening_a_job_twice_posts_its_chunks_once(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one = worker("one")
        await store.submit(spec(samples=100), REF)
        claim = await take_one(one)
        for _ in range(2):
            await one.open(claim, OPENING, look_end=100, pace=Pace(chunk=100, window=2), sheet=b"a sheet")
        assert lab.redis.client.xlen(keys.work("a", "normal", BUILDS["a"])) == 1
        assert await store.samples(claim.spec.id) == b"a sheet"

    on(lab, story)


def test_small_jobs_come_in_between_the_chunks_of_a_large_one(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, large = worker("one"), spec(samples=10_000)
        await opened(store, one, large, look=10_000, pace=Pace(chunk=100, window=2))
        small = await store.submit(spec(), REF)
        for waited in range(3):  # noqa: B007
            claim = await take_one(one)
            if claim.spec.id == small:
                break
            await one.store(claim, numbers(claim), 0.5)
        assert claim.spec.id == small
        assert waited <= 2

    on(lab, story)


def test_urgent_work_comes_first_and_no_other_starves(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one = worker("one")
        for priority in ("low", "normal", "high"):
            for _ in range(16):
                await store.submit(spec(priority=priority), REF)
        first = [(await take_one(one)).spec.request.priority for _ in range(16)]
        assert first.count("high") == 10
        assert first.count("normal") == 4
        assert first.count("low") == 2

    on(lab, story)


def test_an_abandoned_work_item_is_found_behind_many_that_are_held(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        claims = []
        for n in range(30):
            await store.submit(spec(), REF)
            claims.append(await take_one(worker(f"worker-{n}")))
        await silence()
        for n, claim in enumerate(claims[:-1]):
            await worker(f"worker-{n}").heartbeat([claim])
        taken = await take_one(worker("rescuer"))
        assert taken.spec.id == claims[-1].spec.id
        assert taken.deliveries == 2
        assert await take(worker("late")) == []

    on(lab, story)


def test_a_work_item_its_workers_died_of_is_taken_alone(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        suspect = await store.submit(spec(), REF)
        for n in range(SUSPECT_FROM - 1):
            assert (await take_one(worker(f"worker-{n}"))).deliveries == n + 1
            await silence()
        await store.submit(spec(), REF)
        [alone] = await take(worker("brave"), samples=1000, items=10)
        assert (alone.spec.id, alone.deliveries) == (suspect, SUSPECT_FROM)
        assert len(await take(worker("other"), samples=1000, items=10)) == 1

    on(lab, story)


def test_handing_work_back_does_not_count_as_a_death(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        await store.submit(spec(), REF)
        for n in range(3 * keys.MAX_DELIVERIES):
            claim = await take_one(worker(f"worker-{n}"))
            assert claim.deliveries == 1
            await worker(f"worker-{n}").hand_back([claim])

    on(lab, story)


def test_handing_back_what_a_worker_hung_in_counts(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        await store.submit(spec(), REF)
        for n in range(3):
            claim = await take_one(worker(f"worker-{n}"))
            assert claim.deliveries == n + 1
            await worker(f"worker-{n}").hand_back([claim], counted=True)

    on(lab, story)


def test_what_another_has_taken_over_is_not_handed_back(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        await store.submit(spec(), REF)
        late = await take_one(worker("late"))
        await silence()
        assert (await take_one(worker("another"))).deliveries == 2
        await worker("late").hand_back([late])
        assert await take(worker("third")) == []

    on(lab, story)


def test_a_late_result_reopens_nothing(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=40)
        await opened(store, one, job, look=40, pace=Pace(chunk=40, window=2))
        claim = await take_one(one)
        assert await one.fail(claim, REF, FAILURE)
        assert await one.store(claim, numbers(claim), 0.5) is None
        await one.open(claim, OPENING, look_end=40, pace=Pace(chunk=40, window=2), sheet=None)
        await one.advance(claim, 40, 80, Pace(chunk=40, window=2), 0.1, 0.1)
        assert await one.pulse({job.id: (0, 5)}) == {job.id}
        assert (await store.read(job.id)).status == "failed"
        assert set(lab.redis.stream_lengths().values()) == {0}
        assert not await worker("two").fail(claim, REF, FAILURE)  # ended once

    on(lab, story)


def test_work_on_a_job_that_is_gone_leaves_no_key(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        job = await store.submit(spec(), REF)
        one = worker("one")
        claim = await take_one(one)
        lab.redis.client.delete(keys.job(job))
        assert await one.pulse({job: (0, 5)}) == {job}
        await one.heartbeat([claim])
        assert await one.store(claim, numbers(claim), 0.5) is None
        assert not await one.fail(claim, REF, FAILURE)
        assert not list(lab.redis.client.scan_iter(keys.of_all_models("job:")))
        assert lab.redis.client.xlen(keys.work("a", "normal")) == 0

    on(lab, story)


def test_submitting_one_job_twice_queues_it_once(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        job = spec()
        assert await store.submit(job, REF) == await store.submit(job, REF)
        assert lab.redis.client.xlen(keys.work("a", "normal")) == 1
        assert await backlog(store) == (1, job.total_samples)

    on(lab, story)


def test_an_idempotency_key_is_good_for_one_body(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        first = await store.submit(spec(samples=10), REF, idempotency=Idempotency("key", "one"))
        assert await store.submit(spec(samples=10), REF, idempotency=Idempotency("key", "one")) == first
        with pytest.raises(Conflict, match="another request"):
            await store.submit(spec(samples=11), REF, idempotency=Idempotency("key", "other"))
        assert lab.redis.client.xlen(keys.work("a", "normal")) == 1

    on(lab, story)


def test_a_full_backlog_refuses_and_says_when_there_is_room(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=468, selection_samples=32)
        await store.submit(job, REF, limits=limited(100))  # idle: any job is taken
        with pytest.raises(Overloaded, match=r"500 noisy samples waiting.*no worker has been measured"):
            await store.submit(spec(samples=68, selection_samples=32), REF, limits=limited(550))
        await one.announce({"a": 20.0}, BUILDS)
        with pytest.raises(Overloaded, match="draw 20 a second") as refused:
            await store.submit(spec(samples=68, selection_samples=32), REF, limits=limited(550))
        assert refused.value.retry_after_s == 3  # 50 samples too many at 20 a second
        await store.submit(
            spec("b", samples=68, selection_samples=32), REF, limits=limited(550)
        )  # a model's own backlog
        await one.fail(await take_one(one), REF, FAILURE)
        assert await backlog(store) == (0, 0)
        await store.submit(spec(samples=68, selection_samples=32), REF, limits=limited(550))

    on(lab, story)


def test_the_backlog_is_paid_sample_by_sample_and_settled_at_the_end(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=100, selection_samples=32)
        await opened(store, one, job, look=50, pace=Pace(chunk=50, window=2))
        assert await backlog(store) == (1, 100)
        claim = await take_one(one)
        await one.store(claim, numbers(claim), 0.5)
        assert await backlog(store) == (1, 50)
        assert await one.succeed(job, RESULT, claim=claim)  # stopped early
        assert await backlog(store) == (0, 0)

    on(lab, story)


def test_a_cancelled_job_ends_at_once_and_its_work_is_dropped(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=1000)
        await opened(store, one, job, look=1000, pace=Pace(chunk=100, window=4))
        claim = await take_one(one)
        state, cancelled = await store.cancel(job.id)
        assert cancelled
        assert state.status == "cancelled"
        assert state.view.output == OUTPUT
        assert await one.pulse({job.id: (0, -1)}) == {job.id}
        assert await one.store(claim, numbers(claim), 0.5) is None
        assert await take(one, samples=1000, items=10) == []
        assert await backlog(store) == (0, 0)
        again, cancelled = await store.cancel(job.id)
        assert (again.status, cancelled) == ("cancelled", False)
        with pytest.raises(NotFound):
            await store.cancel("made-up")

    on(lab, story)


def test_a_job_past_its_deadline_is_found_with_the_distances_it_has(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=1000, deadline_s=0.5)
        await opened(store, one, job, look=300, pace=Pace(chunk=100, window=3))
        first, second, third = await take(one, samples=1000, items=10)
        for claim in (first, third):
            await one.store(claim, numbers(claim), 0.5)
        assert await one.overdue(["a"]) == []
        await asyncio.sleep(0.6)
        assert await one.overdue(["b"]) == []
        [late] = await one.overdue(["a"])
        assert (late.spec, late.selection, late.attempt) == (job, OPENING, 0)
        assert late.look is not None
        assert np.array_equal(late.look.distances, np.arange(100.0))  # up to the hole
        assert await one.succeed(job, RESULT, claim=None, attempt=0)
        assert await one.overdue(["a"]) == []
        assert await one.store(second, numbers(second), 0.5) is None

    on(lab, story)


def test_fleet_bins_stand_in_order_of_submission(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, jobs = worker("one"), [spec(tier="fleet") for _ in range(4)]
        for job in jobs:
            await store.submit(job, REF)
        claims = await take(one, samples=1000, items=10)
        assert await one.succeed(jobs[2], RESULT, claim=claims[2], fleet_bin=written_bin(40))
        assert not await one.succeed(jobs[2], RESULT, claim=claims[2], fleet_bin=written_bin(3))
        assert await one.succeed(jobs[0], RESULT, claim=claims[0], fleet_bin=written_bin(0))
        assert await one.fail(claims[3], REF, FAILURE, fleet_bin=written_bin(NOT_SERVED))
        pool = jobs[0].pool
        assert pool is not None
        for window in windows_of(jobs[0].submitted_ms):
            assert await store.fleet_pools("anyone", "a", window) == {pool.id: pool}
            assert await store.fleet_bins("anyone", "a", window, pool.id) == bytes([0, OUTSTANDING, 40, NOT_SERVED])

    on(lab, story)


def test_a_job_of_another_version_fails_and_harms_nobody(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        job = await store.submit(spec(), REF)
        lab.redis.client.hset(keys.job(job), "spec", '{"id": "x", "colour": "red"}')
        assert await take(worker("one")) == []
        view = (await store.read(job)).view
        assert view.status == "failed"
        assert view.error is not None
        assert "different versions" in view.error.detail
        assert lab.redis.client.xlen(keys.dead("a")) == 1
        assert lab.redis.client.xlen(keys.work("a", "normal")) == 0

    on(lab, story)


def test_workers_outlive_a_redis_that_forgets_everything(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one = worker("one")
        await one.register(CARDS, BUILDS)
        await store.submit(spec(), REF)
        claim = await take_one(one)
        lab.redis.client.flushall()
        lab.redis.client.script_flush()
        await one.heartbeat([claim])
        await one.hand_back([claim])
        await one.leave(["a"])
        assert await take(one, "a", "b") == []
        assert [served.card for served in await store.models()] == CARDS
        job = await store.submit(spec(), REF)
        assert (await take_one(one, "a", "b")).spec.id == job

    on(lab, story)


def test_a_dead_workers_empty_consumers_and_its_rate_are_forgotten(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        dead, alive = worker("dead"), worker("alive")
        await dead.announce({"a": 5.0}, BUILDS)
        await take(dead)
        assert await alive.announce({"a": 7.0}, BUILDS) == {"a": 2}
        assert await store.presence.rates(["a"]) == {"a": 12.0}
        lab.redis.client.zadd(keys.workers("a"), {"dead": 0})  # silent for long
        assert await alive.announce({"a": 7.0}, BUILDS) == {"a": 1}
        assert await store.presence.rates(["a"]) == {"a": 7.0}
        assert "dead" not in {c["name"] for c in lab.redis.client.xinfo_consumers(keys.work("a", "high"), keys.GROUP)}

    on(lab, story)


def test_only_jobs_that_have_not_ended_are_watched(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        job = await store.submit(spec(), REF)
        for _ in range(2):
            await store.read(job, "gateway")
        assert lab.redis.client.hget(keys.job(job), "watchers") == "gateway "
        claim = await take_one(worker("one"))
        await worker("one").fail(claim, REF, FAILURE)
        assert [entry["job"] for _, entry in lab.redis.client.xrange(keys.replies("gateway"))] == [job]
        assert (await store.read(job, "gateway")).ended
        with pytest.raises(NotFound):
            await store.read("made-up", "gateway")
        assert not lab.redis.client.exists(keys.job("made-up"))
        assert lab.redis.client.xlen(keys.replies("gateway")) == 1

    on(lab, story)


def test_a_full_redis_takes_a_result_with_its_sheet_of_samples(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=40)
        await store.submit(job, REF)
        lab.redis.client.config_set("maxmemory", "1")
        claim = await take_one(one)
        await one.open(claim, OPENING, look_end=40, pace=Pace(chunk=40, window=2), sheet=b"a contact sheet")
        claim = await take_one(one)
        assert await one.store(claim, numbers(claim), 0.5) is not None
        assert await one.succeed(job, RESULT, claim=claim)
        lab.redis.client.config_set("maxmemory", "0")
        assert (await store.read(job.id)).view.output == RESULT.output
        assert await store.samples(job.id) == b"a contact sheet"
        assert 0 < lab.redis.client.ttl(keys.samples(job.id)) <= job.retention_s

    on(lab, story)


def test_a_second_result_changes_neither_the_first_nor_its_sheet(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        job = spec()
        await store.submit(job, REF)
        claim = await take_one(worker("one"))
        assert await worker("one").succeed(job, RESULT, claim=claim, sheet=b"the first")
        assert not await worker("two").succeed(job, RESULT, claim=claim, sheet=b"the second")
        assert await store.samples(job.id) == b"the first"

    on(lab, story)


def test_everything_but_models_groups_and_backlogs_expires(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, failing, fleet = worker("one"), spec(deadline_s=60.0), spec("b", tier="fleet")
        await one.announce({"a": 1.0, "b": 1.0}, BUILDS)
        await store.submit(failing, REF, idempotency=Idempotency("key", "one"), gateway_id="gateway")
        claim = await take_one(one)
        assert lab.redis.client.ttl(keys.job(failing.id)) == -1  # an accepted job waits as long as it takes
        await one.fail(claim, REF, FAILURE)
        await store.submit(fleet, REF)
        claim = await take_one(one, "b")
        await one.succeed(fleet, RESULT, claim=claim, sheet=b"a contact sheet", fleet_bin=written_bin(3))
        assert await store.samples(fleet.id)
        for_ever = {key for key in lab.redis.client.scan_iter("*") if lab.redis.client.ttl(key) == -1}
        kept = (keys.workers, keys.rates, keys.served, keys.builds, keys.backlog)
        per_model = {f(model) for f in kept for model in ("a", "b")}
        streams = {s for model in ("a", "b") for build in (None, BUILDS[model]) for s in keys.streams(model, build)}
        assert for_ever <= per_model | streams | {keys.MODELS}

    on(lab, story)


RESULTS = {
    "a certificate": RESULT.model_copy(update={"certificate": {"schema": "é", "radius": 1.0, "curve": [[0.0, 1e-05]]}}),
    "an abstention": RESULT.model_copy(
        update={"abstention": AbstentionView(reason="out of reach", detail="…", curve=[(0.0, 0.0), (1.0, 0.25)])}
    ),
    "all that can be said": RESULT.model_copy(
        update={
            "notes": [Note(code="out_of_vocabulary", detail="‘blorp’")],
            "fleet": FleetView(pool="p", windows=["hour:2026-11-28T15"]),
            "lipschitz_estimate": LipschitzEstimate(value=None, unit="u", method="finite-differences", probes=4),
        }
    ),
}


@pytest.mark.parametrize("said", RESULTS)
def test_what_a_client_reads_of_an_ended_job_is_its_view_and_its_certificate(said: str, lab: Lab) -> None:
    result, job = RESULTS[said], spec()
    fields = {name: getattr(result, name) for name in JobResult.model_fields if name != "certificate"}
    view = JobView(id=job.id, status="succeeded", progress=Progress(done=1, total=1), **fields)

    async def story(store: JobStore, worker: Workers) -> None:
        one = worker("one")
        await store.submit(job, REF)
        assert await one.succeed(job, result, claim=await take_one(one))
        text = (await store.read(job.id)).text
        certificate = "" if result.certificate is None else f',"certificate":{to_json(result.certificate).decode()}'
        assert text == f"{view.model_dump_json(exclude_none=True)[:-1]}{certificate}}}"

    on(lab, story)


def test_a_job_tells_how_many_generations_it_takes_once_that_is_known(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        job, other = spec(samples=100), worker("other")
        await store.submit(job, REF)
        planned = job.total_samples
        assert (await store.read(job.id)).view.progress == Progress(done=0, total=planned)
        claim = await take_one(other)
        await other.open(claim, OPENING, look_end=20, pace=Pace(chunk=20, window=1), sheet=None, total=52)
        assert (await store.read(job.id)).view.progress == Progress(done=32, total=52)
        chunk = await take_one(other)
        assert await other.restart(chunk, job) == "restarted"
        assert await backlog(store) == (1, 52)
        await other.fail(await take_one(other), REF, FAILURE)
        assert await backlog(store) == (0, 0)

    on(lab, story)
