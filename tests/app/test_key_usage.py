"""What keys may use, counted in a real Redis by several gateways at once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import TypeVar

from smoothgen.access.allowance import Allowance
from smoothgen.access.usage import Standing, Usage
from smoothgen.queue import connect, keys
from tests.support.processes import Redis

Answer = TypeVar("Answer")
A_DAY = 86_400


def among(redis: Redis, gateways: int, ask: Callable[[list[Usage]], Awaitable[Answer]]) -> Answer:
    """What `ask` answers of the usage as that many gateways count it."""

    async def asked() -> Answer:
        clients = [connect(redis.url) for _ in range(gateways)]
        try:
            return await ask([Usage(client) for client in clients])
        finally:
            for client in clients:
                await client.aclose()

    return asyncio.run(asked())


def test_a_quota_is_never_exceeded_by_fifty_jobs_at_once_through_two_gateways(shared_redis: Redis) -> None:
    key_id, quota = secrets.token_hex(8), Allowance(most=1000, window_s=A_DAY)

    async def ask(gateways: list[Usage]) -> list[Standing]:
        calls = (gateways[n % 2].promise_samples(key_id, quota, f"job-{n}", 90) for n in range(50))
        return await asyncio.gather(*calls)

    standings = among(shared_redis, 2, ask)
    assert sum(each.granted for each in standings) == 11  # 990 of 1000
    assert {each.left for each in standings if not each.granted} == {10}
    assert all(0 < each.more_in_s <= A_DAY for each in standings)
    assert 0 < shared_redis.client.ttl(keys.quota_of_key(key_id)) <= A_DAY


def test_a_job_counts_once_and_gives_back_once(shared_redis: Redis) -> None:
    key_id, quota = secrets.token_hex(8), Allowance(most=100, window_s=A_DAY)

    async def ask(gateways: list[Usage]) -> list[int]:
        [usage] = gateways
        left = [(await usage.promise_samples(key_id, quota, "a", 60)).left for _ in range(3)]
        await usage.give_back(key_id, "never promised")
        for _ in range(3):
            await usage.give_back(key_id, "a")
        left.append((await usage.promise_samples(key_id, quota, "b", 100)).left)
        return left

    assert among(shared_redis, 1, ask) == [40, 40, 40, 0]


def test_a_quota_of_another_window_begins_anew(shared_redis: Redis) -> None:
    key_id = secrets.token_hex(8)

    async def ask(gateways: list[Usage]) -> list[Standing]:
        [usage] = gateways
        # Each window lies behind the other's number: as after midnight, what was promised before does not count.
        days = [A_DAY, A_DAY // 2, A_DAY]
        return [
            await usage.promise_samples(key_id, Allowance(most=10, window_s=window_s), f"job-{n}", 10)
            for n, window_s in enumerate(days)
        ]

    assert [each.granted for each in among(shared_redis, 1, ask)] == [True, True, True]


def test_a_rate_lets_through_what_it_says_and_no_more(shared_redis: Redis) -> None:
    key_id, rate = secrets.token_hex(8), Allowance(most=20, window_s=A_DAY)

    async def ask(gateways: list[Usage]) -> list[Standing]:
        return await asyncio.gather(*(gateways[n % 2].take_request(key_id, rate) for n in range(50)))

    standings = among(shared_redis, 2, ask)
    assert sum(each.granted for each in standings) == 20
    assert sorted(each.left for each in standings if each.granted) == list(range(20))
    assert all(each.more_in_s <= A_DAY / 20 for each in standings)


def test_a_rate_refills_by_the_clock_of_redis(shared_redis: Redis) -> None:
    key_id, rate = secrets.token_hex(8), Allowance(most=2, window_s=3600)
    bucket = keys.rate_of_key(key_id)

    async def take(gateways: list[Usage]) -> Standing:
        return await gateways[0].take_request(key_id, rate)

    assert [among(shared_redis, 1, take).granted for _ in range(3)] == [True, True, False]
    seconds, _ = shared_redis.client.time()
    shared_redis.client.hset(bucket, "at", seconds - 1800)  # half an hour ago: one more by now
    assert [among(shared_redis, 1, take).granted for _ in range(2)] == [True, False]
    shared_redis.client.hset(bucket, "at", seconds + 10**6)  # a clock set back takes nothing away and gives nothing
    assert not among(shared_redis, 1, take).granted
