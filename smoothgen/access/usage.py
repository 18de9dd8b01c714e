"""What a key has used of its rate and of its quota, counted in Redis for all gateways together."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from smoothgen.access.allowance import Allowance
from smoothgen.queue import keys
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.scripts.access import GiveBack, PromiseSamples, TakeRequest


@dataclass(frozen=True)
class Standing:
    """How a key stands after it asked for something.

    granted: whether it got it. left: what it may still use now. more_in_s: seconds until there is more, rounded up.
    """

    granted: bool
    left: int
    more_in_s: int


class Usage:
    """The use of keys in Redis. Every method raises QueueUnavailable when Redis cannot be reached: nobody is let
    through uncounted."""

    def __init__(self, redis: Redis) -> None:
        self._scripts = Pipeline(redis)

    async def take_request(self, key_id: str, rate: Allowance) -> Standing:
        """Counts one request, where the rate allows one now. The rate refills steadily, up to `rate.most` at once."""
        granted, left, more_in_s = await self._scripts.call(
            TakeRequest(bucket=keys.rate_of_key(key_id), most=rate.most, window_s=rate.window_s)
        )
        return Standing(bool(granted), left, more_in_s)

    async def promise_samples(self, key_id: str, quota: Allowance, job_id: str, samples: int) -> Standing:
        """Counts the samples that a job is promised, once, where the quota has room for all of them. The quota is for
        whole windows of UTC, such as days, and all of it is there again when the next begins."""
        granted, left, more_in_s = await self._scripts.call(
            PromiseSamples(
                quota=keys.quota_of_key(key_id),
                job_id=job_id,
                samples=samples,
                most=quota.most,
                window_s=quota.window_s,
            )
        )
        return Standing(bool(granted), left, more_in_s)

    async def give_back(self, key_id: str, job_id: str) -> None:
        """Takes back what a job was promised, once. Does nothing where the window of the promise is over."""
        await self._scripts.call(GiveBack(quota=keys.quota_of_key(key_id), job_id=job_id))
