"""The queue on a real Redis, where processes would only get in the way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from app.planning import plan
from smoothgen.contracts import GenerateRequest, JobResult, JobSpec, ModelRef, Problem, TextOutput, Usage
from smoothgen.errors import NotFound
from smoothgen.queue import JobStore, WorkQueue, connect, keys
from tests.app.conftest import model_card, request_body
from tests.processes import Lab

LEASE_S = 2.0
"""Long beside thirty heartbeats, on a busy machine too."""
CARDS = [model_card("a"), model_card("b")]
REF = ModelRef(name="a", revision="v1", digest="sha256:0")
RESULT = JobResult(
    model=REF,
    output=TextOutput(media_type="text/plain", text="0.5", digest="sha256:0", certified=False),
    usage=Usage(samples=1, device_s=0.0, queued_s=0.0, overhead=1),
)
FAILURE = Problem.of("test", "Test", 500, "ended by the test")


def spec(model: str = "a") -> JobSpec:
    return plan(GenerateRequest.model_validate(request_body(model=model)), model_card(model), max_samples=1000)


def on(lab: Lab, story: Callable[[JobStore, Callable[[str], WorkQueue]], Awaitable[None]]) -> None:
    """Run a story with a store and as many workers as it names, on one event loop."""

    async def tell() -> None:
        redis = connect(lab.redis.url)
        await WorkQueue(redis, "setup").register(CARDS)
        await story(JobStore(redis), lambda name: WorkQueue(redis, name, lease_s=LEASE_S))
        await redis.aclose()

    asyncio.run(tell())


async def silence() -> None:
    """Longer than the lease."""
    await asyncio.sleep(1.25 * LEASE_S)


def test_a_worker_of_two_models_holds_one_job_at_a_time(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        jobs = {await store.submit(spec(model), REF) for model in ("a", "b")}
        first = await worker("one").claim(["a", "b"], 100)
        second = await worker("two").claim(["a", "b"], 100)  # at once, not after a lease
        assert first is not None
        assert second is not None
        assert {first.spec.id, second.spec.id} == jobs
        assert (first.deliveries, second.deliveries) == (1, 1)

    on(lab, story)


def test_an_abandoned_job_is_found_behind_many_that_are_held(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        claims = []
        for n in range(30):
            await store.submit(spec(), REF)
            claims.append(await worker(f"worker-{n}").claim(["a"], 100))
        await silence()
        for n, claim in enumerate(claims[:-1]):
            assert claim is not None
            await worker(f"worker-{n}").heartbeat(claim)
        taken = await worker("rescuer").claim(["a"], 10)
        assert taken is not None
        assert claims[-1] is not None
        assert taken.spec.id == claims[-1].spec.id
        assert taken.deliveries == 2
        assert await worker("late").claim(["a"], 10) is None

    on(lab, story)


def test_handing_a_job_back_does_not_count_as_a_death(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        await store.submit(spec(), REF)
        for n in range(3 * keys.MAX_DELIVERIES):
            claim = await worker(f"worker-{n}").claim(["a"], 100)
            assert claim is not None
            assert claim.deliveries == 1
            await worker(f"worker-{n}").hand_back(claim)

    on(lab, story)


def test_a_late_report_reopens_nothing(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        job = await store.submit(spec(), REF)
        one = worker("one")
        claim = await one.claim(["a"], 100)
        assert claim is not None
        assert await one.fail(claim, FAILURE)
        await one.report(claim, done=5)
        view = await store.job(job)
        assert (view.status, view.progress.done) == ("failed", 0)
        assert not await worker("two").fail(claim, FAILURE)  # ended once

    on(lab, story)


def test_a_report_on_a_job_that_is_gone_leaves_no_key(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        job = await store.submit(spec(), REF)
        claim = await worker("one").claim(["a"], 100)
        assert claim is not None
        lab.redis.client.delete(keys.job(job))
        await worker("one").report(claim, done=5)
        await worker("one").heartbeat(claim)
        assert not await worker("one").fail(claim, FAILURE)
        assert not list(lab.redis.client.scan_iter("smoothgen:job:*"))
        assert lab.redis.client.xlen(keys.jobs("a")) == 0

    on(lab, story)


def test_submitting_one_job_twice_queues_it_once(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        job = spec()
        assert await store.submit(job, REF) == await store.submit(job, REF)
        assert lab.redis.client.xlen(keys.jobs("a")) == 1

    on(lab, story)


def test_a_job_of_another_version_fails_and_harms_nobody(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        job = await store.submit(spec(), REF)
        lab.redis.client.hset(keys.job(job), "spec", '{"id": "x", "colour": "red"}')
        one = worker("one")
        assert await one.claim(["a"], 10) is None
        view = await store.job(job)
        assert view.status == "failed"
        assert view.error is not None
        assert "different versions" in view.error.detail
        assert lab.redis.client.xlen(keys.dead("a")) == 1
        assert lab.redis.client.xlen(keys.jobs("a")) == 0

    on(lab, story)


def test_workers_outlive_a_redis_that_forgets_everything(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        one = worker("one")
        await one.register(CARDS)
        await store.submit(spec(), REF)
        claim = await one.claim(["a"], 100)
        assert claim is not None
        lab.redis.client.flushall()
        await one.heartbeat(claim)
        await one.hand_back(claim)
        await one.leave(["a"])
        assert await one.claim(["a", "b"], 10) is None
        assert [served.card for served in await store.models()] == CARDS
        job = await store.submit(spec(), REF)
        again = await one.claim(["a", "b"], 100)
        assert again is not None
        assert again.spec.id == job

    on(lab, story)


def test_only_jobs_that_have_not_ended_are_watched(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        job = await store.submit(spec(), REF)
        await store.watch(job, "gateway")
        assert lab.redis.client.smembers(keys.watchers(job)) == {"gateway"}
        claim = await worker("one").claim(["a"], 100)
        assert claim is not None
        await worker("one").fail(claim, FAILURE)
        assert [entry["job"] for _, entry in lab.redis.client.xrange(keys.replies("gateway"))] == [job]
        await store.watch(job, "gateway")
        try:
            await store.watch("made-up", "gateway")
        except NotFound:
            assert not list(lab.redis.client.scan_iter("smoothgen:watchers:*"))
        else:
            raise AssertionError("a made-up job was found")

    on(lab, story)


def test_a_full_redis_takes_a_result_with_its_sheet_of_samples(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        job = await store.submit(spec(), REF)
        one = worker("one")
        claim = await one.claim(["a"], 100)
        assert claim is not None
        lab.redis.client.config_set("maxmemory", "1")
        assert await one.succeed(claim, RESULT, b"a contact sheet")
        lab.redis.client.config_set("maxmemory", "0")
        assert (await store.job(job)).output == RESULT.output
        assert await store.samples(job) == b"a contact sheet"
        assert 0 < lab.redis.client.ttl(keys.samples(job)) <= keys.RESULT_TTL_S

    on(lab, story)


def test_a_second_result_changes_neither_the_first_nor_its_sheet(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        job = await store.submit(spec(), REF)
        claim = await worker("one").claim(["a"], 100)
        assert claim is not None
        assert await worker("one").succeed(claim, RESULT, b"the first")
        assert not await worker("two").succeed(claim, RESULT, b"the second")
        assert await store.samples(job) == b"the first"

    on(lab, story)


def test_everything_but_models_and_groups_expires(lab: Lab) -> None:
    async def story(store: JobStore, worker: Callable[[str], WorkQueue]) -> None:
        job = await store.submit(spec(), REF, "key")
        await store.watch(job, "gateway")
        claim = await worker("one").claim(["a"], 100)
        assert claim is not None
        assert lab.redis.client.ttl(keys.job(job)) == -1  # an accepted job waits as long as it takes
        await worker("one").fail(claim, FAILURE)
        await store.submit(pictures := spec("b"), REF)
        claim = await worker("one").claim(["b"], 100)
        assert claim is not None
        await worker("one").succeed(claim, RESULT, b"a contact sheet")
        assert await store.samples(pictures.id)
        for_ever = {key for key in lab.redis.client.scan_iter("*") if lab.redis.client.ttl(key) == -1}
        per_model = {f(model) for f in (keys.jobs, keys.workers) for model in ("a", "b")}
        assert for_ever <= per_model | {keys.MODELS}

    on(lab, story)
