"""Models that workers have registered, and fleet pools that gateways have: records that other versions write too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from smoothgen.contracts import FleetPool, ModelCard, read_bins
from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.presence import Presence


@dataclass(frozen=True)
class RegisteredModel:
    """A model's card and how many workers serve it now."""

    card: ModelCard
    workers: int


class RegisteredModels:
    """Models in Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, presence: Presence) -> None:
        self._redis, self._presence = redis, presence

    async def all(self) -> list[RegisteredModel]:
        """Returns every model that a worker ever registered, and how many workers serve each now."""
        with redis_errors():
            texts = await self._redis.hgetall(keys.MODELS)
        cards = (card for text in texts.values() if (card := _card(text)) is not None)
        # The first of the list is what a client takes when it names none: a text model before one of pictures, and
        # closed-form models last.
        ordered = sorted(cards, key=lambda card: (card.for_learning, card.modality != "text", card.id))
        live = await self._presence.live([card.id for card in ordered])
        return [RegisteredModel(card, len(live[card.id])) for card in ordered]

    async def card(self, model_id: str) -> ModelCard | None:
        """Returns the card of one model, None if no worker ever registered it."""
        with redis_errors():
            text = await self._redis.hget(keys.MODELS, model_id)
        return None if text is None else _card(text)


class FleetRecords:
    """Fleet pools in Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def pools(self, tenant: str, model: str, window: str) -> dict[str, FleetPool]:
        """Returns the pools of a tenant's requests to a model in a window, by id.

        A pool that cannot be read is left out and logged, and hides no other.
        """
        with redis_errors():
            found = await self._redis.hgetall(keys.fleet_window(model, tenant, window))
        return {pool_id: pool for pool_id, text in found.items() if (pool := _pool(pool_id, text)) is not None}

    async def largest(self, tenant: str, models: Sequence[str], window: str, most: int) -> list[tuple[str, FleetPool]]:
        """Returns a tenant's pools in a window with the most requests, `most` at most, with their ids."""
        pools = [each for model in models for each in (await self.pools(tenant, model, window)).items()]
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for pool_id, pool in pools:
                    pipeline.strlen(keys.fleet_bins(pool.model, tenant, window, pool_id))
                sizes = await pipeline.execute()
        ordered = sorted(zip(sizes, pools, strict=True), key=lambda each: (-each[0], each[1][0]))
        return [pool for _, pool in ordered[:most]]

    async def uncounted(self, tenant: str, model: str, window: str) -> int:
        """Returns how many requests of tier fleet are in no pool of the window, because it held its most pools."""
        with redis_errors():
            return int(await self._redis.get(keys.fleet_uncounted(model, tenant, window)) or 0)

    async def bins(self, tenant: str, model: str, window: str, pool: str) -> bytes:
        """Returns the bins of a pool's requests in a window, one byte a request, in order of submission."""
        with redis_errors():
            written = await self._redis.get(keys.fleet_bins(model, tenant, window, pool))
        return read_bins(written or "")


def _card(text: str) -> ModelCard | None:
    """Returns a model's card, None where a worker of another version wrote it, which must not hide the other models."""
    try:
        return ModelCard.model_validate_json(text)
    except ValidationError as error:
        structlog.get_logger().warning("model_card_unreadable", detail=str(error), card=text[:200])
        return None


def _pool(pool_id: str, text: str) -> FleetPool | None:
    """Returns a fleet pool, None where a gateway of another version wrote it, which must not hide the other pools."""
    try:
        return FleetPool.model_validate_json(text)
    except ValidationError as error:
        structlog.get_logger().warning("fleet_pool_unreadable", pool=pool_id, detail=str(error), text=text[:200])
        return None
