"""Tenants take turns, on a real Redis and end to end: whoever queues much does not stand before everybody."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest

from smoothgen.contracts import JobSpec
from smoothgen.errors import Overloaded
from smoothgen.queue import Claim, Idempotency, JobStore, Limits, Pace, WorkQueue, keys, new_id
from tests.service.conftest import ask
from tests.service.test_queue import BUILDS, FAILURE, OPENING, REF, RESULT, Workers, backlog, numbers, on, spec, take
from tests.support.processes import SLOW, Lab, Worker, eventually

SLOW_RATE = 20.0
"""Samples a second: what a stream holds ahead is then less than one job's work."""


def of(tenant: str, samples: int = 80, model: str = "a") -> JobSpec:
    return spec(model, samples=samples).model_copy(update={"tenant": tenant, "id": new_id(model, tenant)})


async def work_off(worker: WorkQueue, claim: Claim) -> None:
    """Carry out a work item: an opening of one look, or a chunk."""
    if claim.is_selection:
        pace = Pace(chunk=20, window=2)
        await worker.open(claim, OPENING, look_end=claim.spec.certification_samples, pace=pace, sheet=None)
    elif await worker.store(claim, numbers(claim), 0.1) is not None:
        assert await worker.succeed(claim.spec, RESULT, claim=claim)


async def worked_off(worker: WorkQueue) -> list[Claim]:
    """Every work item there is, in the order it was given out."""
    done = []
    while claims := await take(worker):
        [claim] = claims
        done.append(claim)
        await work_off(worker, claim)
    return done


def test_a_small_job_does_not_wait_for_another_tenants_many_large_ones(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one = worker("one")
        await one.announce({"a": SLOW_RATE}, BUILDS)
        for _ in range(49):
            await store.submit(of("many", samples=400), REF)
        small = of("one", samples=40)
        await store.submit(small, REF)
        order = [claim.spec.tenant for claim in await worked_off(one)]
        assert Counter(order) == {"many": 49 * 21, "one": 3}
        assert max(place for place, tenant in enumerate(order) if tenant == "one") < 30
        assert await backlog(store) == (0, 0)
        assert not lab.redis.client.exists(keys.accounts("a"))
        assert not list(lab.redis.client.scan_iter("*:share")) + list(lab.redis.client.scan_iter("*:turns"))
        assert not list(lab.redis.client.scan_iter("*:waiting:*"))

    on(lab, story, rate=0)


def test_two_tenants_with_much_work_get_half_each_whoever_came_first(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one = worker("one")
        await one.announce({"a": SLOW_RATE}, BUILDS)
        for _ in range(20):
            await store.submit(of("first"), REF)
        for _ in range(20):
            await store.submit(of("second"), REF)
        drawn: Counter[str] = Counter()
        for claim in (await worked_off(one))[:100]:
            drawn[claim.spec.tenant] += OPENING.generations if claim.is_selection else claim.count
        assert 0.4 < drawn["second"] / drawn.total() < 0.6

    on(lab, story, rate=0)


def test_one_tenant_alone_is_served_in_the_order_of_its_requests(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one = worker("one")
        await one.announce({"a": SLOW_RATE}, BUILDS)
        asked = [await store.submit(of("alone"), REF) for _ in range(10)]
        opened = [claim.spec.id for claim in await worked_off(one) if claim.is_selection]
        assert opened == asked

    on(lab, story, rate=0)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens_to_them_no_work_item_is_lost_and_nothing_stays_owed(lab: Lab, seed: int) -> None:
    """Cancelled, failed, handed back, started over, taken over from silent workers, sent twice: at random."""
    rng = random.Random(seed)

    async def story(store: JobStore, worker: Workers) -> None:
        one, other = worker("one"), worker("other")
        await one.announce({"a": SLOW_RATE}, BUILDS)
        jobs = [of(rng.choice(["x", "y", "z"]), samples=rng.choice([20, 80, 200])) for _ in range(30)]
        for job in jobs:
            await store.submit(job, REF)
            if rng.random() < 0.2:
                await store.submit(job, REF)
        idle = restarted = 0
        while idle < 2:
            claims = await take(rng.choice([one, other]), samples=100, items=3)
            idle = idle + 1 if not claims else 0
            for claim in claims:
                chance = rng.random()
                if rng.random() < 0.05:
                    await store.cancel(rng.choice(jobs).id)
                if chance < 0.1:
                    await one.fail(claim, REF, FAILURE)
                elif chance < 0.15:
                    await one.hand_back([claim])
                    await other.hand_back([claim])
                elif chance < 0.2 and await one.restart(claim, claim.spec) in ("restarted", "void"):
                    restarted += 1
                else:
                    await work_off(one, claim)
        assert {(await store.read(job.id)).status for job in jobs} <= {"succeeded", "failed", "cancelled"}
        assert await backlog(store) == (0, 0)
        assert not lab.redis.client.exists(keys.accounts("a"))
        assert restarted

    on(lab, story, rate=0)


def test_a_tenant_that_owes_much_is_refused_and_the_others_are_not(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        limits = Limits(samples=10_000, tenant_samples=300, bytes=10**9, tenant_bytes=10**9)
        await store.submit(of("many", samples=200), REF, limits=limits)
        with pytest.raises(Overloaded, match="your key's requests to model 'a' have 232 noisy samples waiting"):
            await store.submit(of("many", samples=200), REF, limits=limits)
        await store.submit(of("one", samples=200), REF, limits=limits)
        await store.submit(of("many", samples=200, model="b"), REF, limits=limits)

    on(lab, story, rate=0)


def test_records_are_bounded_in_bytes_and_their_room_is_given_back(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        first, second = of("many"), of("one")
        size = len(first.model_dump_json())  # two of them fit a tenant, three the model
        limits = Limits(samples=10**6, tenant_samples=10**6, bytes=7 * size // 2, tenant_bytes=5 * size // 2)
        await store.submit(first, REF, limits=limits)
        await store.submit(of("many"), REF, limits=limits)
        with pytest.raises(
            Overloaded, match=f"your key's requests .* {size} and the limit is {5 * size // 2}.*smaller images"
        ):
            await store.submit(of("many"), REF, limits=limits)
        await store.submit(second, REF, limits=limits)
        with pytest.raises(Overloaded, match=r"model 'a' has \d+ bytes of records waiting"):
            await store.submit(of("one"), REF, limits=limits)
        await store.cancel(first.id)
        await store.submit(of("one"), REF, limits=limits)

    on(lab, story, rate=0)


def test_a_tenant_that_owes_nothing_is_not_shut_out_by_others(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        limits = Limits(samples=500, tenant_samples=300, bytes=10**9, tenant_bytes=10**9)
        for tenant in ("one", "two"):
            await store.submit(of(tenant, samples=200), REF, limits=limits)
        with pytest.raises(Overloaded, match="your key's requests"):
            await store.submit(of("one", samples=200), REF, limits=limits)
        await store.submit(of("three", samples=200), REF, limits=limits)
        with pytest.raises(Overloaded, match="model 'a' has 696 noisy samples waiting"):
            await store.submit(of("three", samples=20), REF, limits=limits)

    on(lab, story, rate=0)


def test_a_tenant_whose_list_is_empty_for_a_moment_does_not_come_first_again(lab: Lab) -> None:
    """One that always has one work item waiting, and no more, gets its half and not all."""

    async def story(store: JobStore, worker: Workers) -> None:
        one = worker("one")
        await one.announce({"a": SLOW_RATE}, BUILDS)
        for _ in range(40):
            await store.submit(of("many", samples=20), REF)
        for _ in range(3):
            await store.submit(of("greedy", samples=20), REF)
        drawn: Counter[str] = Counter()
        for _ in range(60):
            [claim] = await take(one)
            drawn[claim.spec.tenant] += OPENING.generations if claim.is_selection else claim.count
            await work_off(one, claim)
            if claim.is_selection and claim.spec.tenant == "greedy":
                await store.submit(of("greedy", samples=20), REF)
        assert 0.35 < drawn["greedy"] / drawn.total() < 0.65

    on(lab, story, rate=0)


def test_workers_that_come_are_given_what_waits_before_the_stream(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, more = worker("one"), [worker(f"more {n}") for n in range(4)]
        await one.announce({"a": SLOW_RATE}, BUILDS)
        for _ in range(20):
            await store.submit(of("alone", samples=400), REF)
        held = await take(one, samples=1000, items=2)  # and dies with all that is in the stream
        assert len(held) == 2
        for each in more:
            await each.announce({"a": SLOW_RATE}, BUILDS)
        assert [len(await take(each)) for each in more] == [1, 1, 1, 1]

    on(lab, story, rate=0)


def test_until_a_speed_is_known_little_is_let_in(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        for _ in range(20):
            await store.submit(of("many"), REF)
        await store.submit(of("one"), REF)
        one = worker("one")
        await one.announce({"a": 0.0}, BUILDS)
        opened = [claim.spec.tenant for claim in await worked_off(one) if claim.is_selection]
        assert opened.index("one") <= 3

    on(lab, story, rate=0)


def test_thousands_of_cancelled_work_items_hold_nobody_up(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, dead, last = worker("one"), of("many"), of("many")
        await one.announce({"a": SLOW_RATE}, BUILDS)
        first = [of("many") for _ in range(2)]
        for job in (*first, dead, last):
            await store.submit(job, REF)
        await store.cancel(dead.id)
        waiting = keys.waiting(keys.work("a", "normal"), "many")
        [piece] = [each for each in lab.redis.client.lrange(waiting, 0, -1) if each.startswith(dead.id)]
        lab.redis.client.lpush(waiting, *[piece] * 3_000)
        [claim] = await take(one)
        await work_off(one, claim)
        assert lab.redis.client.llen(waiting) > 2_000  # not all of them in one step
        assert last.id in {claim.spec.id for claim in await worked_off(one)}

    on(lab, story, rate=0)


def test_a_key_whose_job_is_no_longer_kept_is_free_again(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        key = Idempotency("monday", "body")
        first = await store.submit(of("one"), REF, idempotency=key)
        assert await store.submit(of("one"), REF, idempotency=key) == first
        await store.cancel(first)
        assert await store.submit(of("one"), REF, idempotency=key) == first
        lab.redis.client.delete(keys.job(first))  # as when its retention is over
        second = await store.submit(of("one"), REF, idempotency=key)
        assert second != first
        assert await store.submit(of("one"), REF, idempotency=key) == second

    on(lab, story, rate=0)


@pytest.mark.parametrize("how", ["erased", "kept for a minute"])
def test_news_that_nobody_reads_holds_no_output_longer_than_the_job(lab: Lab, how: str) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), of("one")
        if how == "kept for a minute":
            job = job.model_copy(update={"retention_s": 60})
        await store.submit(job, REF, gateway_id="a gateway that is gone")
        [claim] = await take(one)
        assert await one.succeed(job, RESULT, claim=claim)
        if how == "erased":
            _, cancelled = await store.erase(job.id)
            assert not cancelled
        news = lab.redis.client.xrange(keys.replies("a gateway that is gone"))
        assert "view" not in str(news)

    on(lab, story, rate=0)


def test_the_sheet_of_a_job_that_runs_longer_than_its_retention_is_there_at_its_end(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), of("one", samples=20)
        await store.submit(job, REF)
        [opening] = await take(one)
        await one.open(opening, OPENING, look_end=20, pace=Pace(chunk=20, window=2), sheet=b"a sheet")
        assert lab.redis.client.ttl(keys.samples(job.id)) == -1
        [chunk] = await take(one)
        await one.store(chunk, numbers(chunk), 0.1)
        assert await one.succeed(job, RESULT, claim=chunk)
        assert 0 < lab.redis.client.ttl(keys.samples(job.id)) <= job.retention_s

    on(lab, story, rate=0)


def test_a_small_request_under_another_key_ends_before_most_of_forty_nine_large_ones(lab: Lab) -> None:
    gateway, worker = lab.gateway(api_keys=["a:key-a", "b:key-b"]), lab.worker(SLOW)

    def submitted(tenant: str, samples: int) -> str:
        headers = {"authorization": f"Bearer key-{tenant}", "prefer": "respond-async"}
        response = gateway.http.post("/generate", json=ask(SLOW, samples=samples), headers=headers)
        assert response.status_code == 202, response.text
        return str(response.json()["id"])

    large = [submitted("a", 2000) for _ in range(49)]
    small = submitted("b", 64)
    eventually(lambda: small in ended(worker), 300)
    first = ended(worker)[: ended(worker).index(small)]
    assert set(first) < set(large)
    assert len(first) < 25


def ended(worker: Worker) -> list[str]:
    """The jobs whose end a worker's log tells of, in their order."""
    lines = [json.loads(line) for line in worker.log.splitlines() if '"jobs_ended"' in line]
    return [job for line in lines for job in line["jobs"]]
