"""Computing the work items a worker took at once. Runs in the computing thread and never talks to Redis."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Hashable
from functools import partial

from smoothgen.queue import Claim
from workers.generators.batching import Batcher
from workers.jobs.outcomes import Outcome, guarded
from workers.serving.fixed_batches import FixedBatches
from workers.serving.loaded_model import LoadedModel
from workers.serving.mixed_batches import MixedBatches
from workers.serving.pacing import Speed
from workers.serving.run_state import RunState
from workers.serving.work_item import ToldToStop, WorkItem, WorkItems
from workers.settings import BATCH_TOKENS

_Groups = defaultdict[Hashable, list[WorkItem]]


class Executor:
    """Runs the work items of one model: samples of different jobs side by side in a batch, an outcome for each item."""

    def __init__(self, model: LoadedModel, batch_size: int, batch_tokens: int = BATCH_TOKENS) -> None:
        """batch_size: samples a batch. batch_tokens: tokens of their prompts, where batches are not of one size."""
        self._batcher, self._items = Batcher(batch_size), WorkItems(model)
        self._mixed = MixedBatches(self._items, self._batcher, batch_tokens)
        self._fixed = FixedBatches(self._items, self._batcher)

    @property
    def model(self) -> LoadedModel:
        """The model that is run."""
        return self._items.model

    @property
    def speed(self) -> Speed:
        """How fast the model has run of late."""
        return self._items.speed

    @property
    def batch_size(self) -> int:
        """Samples a batch, less than configured where memory was short."""
        return self._batcher.batch_size

    def run(self, state: RunState) -> list[Outcome]:
        """Returns the outcome of every work item, in order."""
        outcomes: list[Outcome] = [None] * len(state.claims)
        groups: _Groups = defaultdict(list)
        for place, claim in enumerate(state.claims):
            if self._fixed.applies_to(claim):
                outcomes[place] = self._fixed.run(place, claim, state)
                continue
            prepare = partial(self._prepare, place, claim, state, groups)
            outcomes[place] = guarded(claim.spec, prepare, noiseless=True)
        for group in groups.values():
            refused = self._mixed.draw(group, state)
            for item in group:
                if refused is not None:
                    outcomes[item.place] = refused
                elif item.whole:
                    finish = partial(self._items.finish, item, state.started)
                    outcomes[item.place] = guarded(item.claim.spec, finish, noiseless=False)
        return outcomes

    def _prepare(self, place: int, claim: Claim, state: RunState, groups: _Groups) -> None:
        """Adds the work item to the group whose batches it may share."""
        with contextlib.suppress(ToldToStop):
            item = self._items.prepare(place, claim, state, self._batcher)
            groups[item.samples[0].mixes_with].append(item)
