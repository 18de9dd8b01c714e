"""Batches of one size that hold one job's samples alone: in 16 bits an output depends on the batch it stands in."""

from __future__ import annotations

import contextlib
import time
from functools import partial

import structlog

from smoothgen.queue import Claim
from workers.generators.batching import Batcher, FixedBatcher, TooLarge
from workers.jobs.outcomes import NoRoom, Outcome, guarded
from workers.jobs.sampling import blocks_of, fixed_size, generate
from workers.serving.run_state import RunState
from workers.serving.work_item import ToldToStop, WorkItem, WorkItems


class FixedBatches:
    """Runs work items of fixed batches, one at a time."""

    def __init__(self, items: WorkItems, batcher: Batcher) -> None:
        """batcher: that of mixed batches. Its size bounds the fixed ones, and is lowered where they do not fit."""
        self._items, self._batcher = items, batcher

    def applies_to(self, claim: Claim) -> bool:
        """Returns whether the work item's batches are of one size. A job's selection fixes that for all its chunks."""
        return self._items.model.fixes_batches if claim.selection is None else claim.selection.batch_size is not None

    def run(self, place: int, claim: Claim, state: RunState) -> Outcome:
        """Returns what came of the work item.

        A selection that does not fit the memory is drawn again with smaller batches. A chunk that does not fit gives
        NoRoom: other chunks of its job were drawn in batches of the larger size, so the job must start over.
        """
        limit = min(self._batcher.batch_size, claim.batch_limit or self._batcher.batch_size)
        size = fixed_size(claim.spec, limit) if claim.selection is None else claim.selection.batch_size
        while size is not None:
            try:
                return self._run(place, claim, state, FixedBatcher(size))
            except TooLarge as error:
                size = error.batch_size
            structlog.get_logger().warning("fixed_batch_too_large", **claim.spec.log_fields, batch_size=size)
            self._batcher.batch_size = min(self._batcher.batch_size, size)  # so that no later job begins with more
            state.drawn[place] = 0
            if not claim.is_selection:
                return NoRoom(size)
        return None

    def _run(self, place: int, claim: Claim, state: RunState, batcher: FixedBatcher) -> Outcome:
        prepared: list[WorkItem] = []

        def prepare() -> None:
            with contextlib.suppress(ToldToStop):
                prepared.append(self._items.prepare(place, claim, state, batcher))

        refused = guarded(claim.spec, prepare, noiseless=True)
        if not prepared:
            return refused
        [item] = prepared

        def compute() -> Outcome:
            self._draw(item, state, batcher)
            return self._items.finish(item, state.started) if item.whole else None

        return guarded(claim.spec, compute, noiseless=False)

    def _draw(self, item: WorkItem, state: RunState, batcher: FixedBatcher) -> None:
        """Fills the outputs block by block, until all are drawn or the run is told to stop.

        Raises TooLarge, GenerationFailed.
        """
        one_batch = partial(generate, self._items.model.generator)
        for samples in item.samples:
            for rows, ours in blocks_of(samples, batcher.batch_size):
                if state.stop or item.claim.spec.id in state.ended:
                    return
                begun = time.perf_counter()
                made = batcher.survive(rows, one_batch)[ours.start : ours.stop]
                seconds = time.perf_counter() - begun
                item.outputs += made
                item.seconds += seconds
                state.drawn[item.place] += len(made)
                self._items.note_batch(state, item.kind_of_batch(batcher.batch_size), made, seconds)
