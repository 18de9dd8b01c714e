"""The models' cards, remembered for a moment: every request needs one, and they change when a worker starts."""

from __future__ import annotations

import time
from collections.abc import Collection

from smoothgen.contracts import ModelCard
from smoothgen.queue import JobStore

_FRESH_S = 1.0


class ModelCards:
    """Reads a card from Redis once a second at the most."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._read: dict[str, tuple[float, ModelCard]] = {}
        self._seen_served: set[str] = set()

    async def card(self, model: str) -> ModelCard | None:
        """Returns the model's card, None if no worker ever registered it. Raises QueueUnavailable."""
        read_at, card = self._read.get(model, (0.0, None))
        if card is not None and time.monotonic() - read_at < _FRESH_S:
            return card
        found = await self._store.model(model)
        if found is None:
            self._read.pop(model, None)  # strangers may ask for any name: only real ones are remembered
        else:
            self._read[model] = (time.monotonic(), found)
        return found

    async def never_served(self, models: Collection[str]) -> list[str]:
        """Returns the models among these that no live worker has served since this gateway started.

        What was served once counts from then on: jobs wait for a worker that is away, and a gateway that were not ready
        meanwhile would refuse them. Raises QueueUnavailable.
        """
        if not self._seen_served.issuperset(models):
            self._seen_served.update(each.card.id for each in await self._store.models() if each.workers > 0)
        return sorted(set(models) - self._seen_served)
