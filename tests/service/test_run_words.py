"""What the runs of a job of mechanism tokens read and said, on a real Redis: stored, read, and gone with the output."""

from __future__ import annotations

import asyncio

import numpy as np

from smoothgen.contracts import JobSpec, Neighbour, RunWords
from smoothgen.queue import Claim, JobStore, Pace, WorkQueue, keys
from tests.service.test_queue import FAILURE, OPENING, REF, RESULT, Workers, numbers, on, opened, spec, take, take_one
from tests.support.processes import Lab

BREAKING = Neighbour(rank=3, cost=0.5, distance=1.0, changed=True, text="a bad film", writable=True, output="negative")
TWO_CHUNKS = Pace(chunk=4, window=2)


def words(claim: Claim) -> list[RunWords]:
    """Words that say which run they are of; the third run failed."""
    return [
        RunWords(text=f"prompt {k}", writable=k % 2 == 0, output=None if k == 2 else f"output {k}")
        for k in range(claim.first, claim.first + claim.count)
    ]


async def complete(store: JobStore, worker: WorkQueue, job: JobSpec) -> Claim:
    """Runs a job of eight runs in two chunks, the later chunk first. Returns the chunk that completes the look."""
    await opened(store, worker, job, look=8, pace=TWO_CHUNKS)
    first, second = await take(worker, samples=8, items=2)
    assert await worker.store(second, numbers(second), 0.5, words=words(second)) is None
    look = await worker.store(first, numbers(first), 0.5, words=words(first))
    assert look is not None
    assert np.array_equal(look.distances, np.arange(8.0))
    assert [each.text for each in look.words] == [f"prompt {k}" for k in range(8)]
    assert (look.words[2].output, look.words[3].writable) == (None, False)
    return first


def test_words_come_with_the_look_in_order_and_stay_as_long_as_the_output(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=40)
        claim = await complete(store, one, job)
        again = await one.store(claim, numbers(claim) + 7, 0.5, words=words(claim)[:1])  # the first result stays
        assert again is not None
        assert len(again.words) == 8
        assert lab.redis.client.ttl(keys.runs(job.id)) == -1
        assert await one.succeed(job, RESULT.model_copy(update={"broken_by": BREAKING}), claim=claim)
        assert (await store.read(job.id)).view.broken_by == BREAKING
        assert await store.run_words(job.id) == again.words
        assert 0 < lab.redis.client.ttl(keys.runs(job.id)) <= job.retention_s

    on(lab, story)


def test_a_job_without_words_keeps_none(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=40)
        await opened(store, one, job, look=4, pace=Pace(chunk=4, window=1))
        claim = await take_one(one)
        look = await one.store(claim, numbers(claim), 0.5)
        assert look is not None
        assert look.words == ()
        assert not lab.redis.client.exists(keys.runs(job.id))
        assert await one.succeed(job, RESULT, claim=claim)
        assert await store.run_words(job.id) == ()
        assert (await store.read(job.id)).view.broken_by is None

    on(lab, story)


def test_words_end_before_the_first_chunk_that_keeps_none(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=40)
        await opened(store, one, job, look=12, pace=Pace(chunk=4, window=3))
        looks = [
            await one.store(chunk, numbers(chunk), 0.5, words=None if chunk.first == 4 else words(chunk))
            for chunk in await take(one, samples=12, items=3)
        ]
        assert looks[-1] is not None
        assert len(looks[-1].distances) == 12
        assert len(looks[-1].words) == 4

    on(lab, story)


def test_erasing_a_job_takes_its_words_and_the_prompt_that_broke_its_claim(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=40)
        claim = await complete(store, one, job)
        assert await one.succeed(job, RESULT.model_copy(update={"broken_by": BREAKING}), claim=claim)
        before, cancelled = await store.erase(job.id)
        assert (before.view.broken_by, cancelled) == (BREAKING, False)
        assert not lab.redis.client.exists(keys.runs(job.id))
        assert await store.run_words(job.id) == ()
        view = (await store.read(job.id)).view
        assert (view.status, view.output, view.broken_by) == ("succeeded", None, None)

    on(lab, story)


def test_a_job_that_starts_over_or_fails_keeps_no_words_for_ever(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, again, failing = worker("one"), spec(samples=40), spec(samples=40)
        claim = await complete(store, one, again)
        assert await one.restart(claim, again) == "restarted"
        assert not lab.redis.client.exists(keys.runs(again.id))
        assert await one.store(claim, numbers(claim), 0.5, words=words(claim)) is None  # of an earlier attempt
        assert not lab.redis.client.exists(keys.runs(again.id))
        await store.cancel(again.id)
        assert await one.fail(await complete(store, one, failing), REF, FAILURE)
        assert 0 < lab.redis.client.ttl(keys.runs(failing.id)) <= failing.retention_s

    on(lab, story)


def test_an_overdue_job_is_found_with_the_words_of_the_distances_it_has(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=1000, deadline_s=0.5)
        await opened(store, one, job, look=12, pace=Pace(chunk=4, window=3))
        first, _, third = await take(one, samples=12, items=3)
        for chunk in (first, third):
            await one.store(chunk, numbers(chunk), 0.5, words=words(chunk))
        await asyncio.sleep(0.6)
        [late] = await one.overdue(["a"])
        assert late.look is not None
        assert len(late.look.distances) == 4
        assert late.look.words == tuple(words(first))
        assert late.selection == OPENING

    on(lab, story)


def test_a_full_redis_takes_words(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=40)
        await opened(store, one, job, look=4, pace=Pace(chunk=4, window=1))
        lab.redis.client.config_set("maxmemory", "1")
        claim = await take_one(one)
        look = await one.store(claim, numbers(claim), 0.5, words=words(claim))
        lab.redis.client.config_set("maxmemory", "0")
        assert look is not None
        assert look.words == tuple(words(claim))

    on(lab, story)
