"""Which workers of a model are alive, how fast they are, and under which build. All times are on Redis's clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from smoothgen.contracts import ModelCard
from smoothgen.queue import keys
from smoothgen.queue.clock import Clock
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.scripts.presence import Announce, Dismiss, Prepare, Present, Publish


@dataclass(frozen=True)
class Live:
    """A live worker.

    silent_s: seconds since the worker last said that it is alive. rate: samples a second it was measured at, 0 where it
    was not. build: what it serves, None where it did not say.
    """

    silent_s: float
    rate: float
    build: str | None


class Presence:
    """Workers in Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, scripts: Pipeline) -> None:
        self._scripts = scripts
        self.clock = Clock(redis)

    async def prepare(self, cards: Iterable[ModelCard], builds: Mapping[str, str]) -> None:
        """Publishes models, and makes sure that streams and groups of these builds of them exist."""
        published = {card.id: card.model_dump_json() for card in cards}
        steps = [self._scripts.call(Publish(cards=keys.MODELS, published=published))] if published else []
        for model, build in builds.items():
            streams = [*keys.streams(model), *keys.streams(model, build)]
            prepare = Prepare(builds=keys.builds(model), streams=streams, group=keys.GROUP, build=build)
            steps.append(self._scripts.call(prepare))
        await asyncio.gather(*steps)

    async def announce(self, worker: str, rates: Mapping[str, float], builds: Mapping[str, str]) -> dict[str, int]:
        """Says that a worker is alive. Returns how many workers serve each model now.

        rates: samples a second the worker was measured at, by model, 0 where it was not yet. builds: what it serves, by
        model. Forgets workers that have been silent for long, with the empty consumers they left.
        """
        sent = time.monotonic()
        answers = await asyncio.gather(
            *(
                self._scripts.call(
                    Announce(
                        workers=keys.workers(model),
                        rates=keys.rates(model),
                        served=keys.served(model),
                        worker=worker,
                        rate=rate if rate > 0 else None,
                        build=builds[model],
                        ttl_s=keys.WORKER_TTL_S,
                    )
                )
                for model, rate in rates.items()
            )
        )
        if answers:
            self.clock.set(float(answers[0][0]), sent)
        left = [(model, each) for model, (_, _, gone) in zip(rates, answers, strict=True) for each in gone]
        await asyncio.gather(*(self._dismiss(model, each, keys.WORKER_TTL_S) for model, each in left))
        return {model: alive for model, (_, alive, _) in zip(rates, answers, strict=True)}

    async def leave(self, worker: str, models: Iterable[str]) -> None:
        """Says that a worker goes, leaving no empty consumer behind."""
        await asyncio.gather(*(self._dismiss(model, worker) for model in models))

    async def _dismiss(self, model: str, worker: str, gone_s: int | None = None) -> None:
        await self._scripts.call(
            Dismiss(
                workers=keys.workers(model),
                rates=keys.rates(model),
                served=keys.served(model),
                streams=keys.streams(model),
                group=keys.GROUP,
                worker=worker,
                gone_s=gone_s,
                prefixes=keys.streams(model, ""),
            )
        )

    async def live(self, models: Sequence[str]) -> dict[str, list[Live]]:
        """Returns the live workers of each model."""
        answers = await asyncio.gather(*(self._scripts.call(_present(model)) for model in models))
        return {
            model: [Live(keys.WORKER_TTL_S - float(left), float(rate), build) for left, rate, build in answer]
            for model, answer in zip(models, answers, strict=True)
        }

    async def rates(self, models: Sequence[str]) -> dict[str, float]:
        """Returns the samples a second that the live workers of each model were last measured at, together."""
        return {model: sum(each.rate for each in live) for model, live in (await self.live(models)).items()}


def _present(model: str) -> Present:
    return Present(workers=keys.workers(model), rates=keys.rates(model), served=keys.served(model))
