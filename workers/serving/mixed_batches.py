"""Batches that hold samples of several jobs: every sample's output is the same in any batch."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from smoothgen.errors import GenerationFailed
from workers.generators import Failure, Made
from workers.generators.batching import Batcher
from workers.jobs.outcomes import Refused, nothing_to_certify
from workers.jobs.sampling import Row, generate, rows_of, tokens_of
from workers.serving.run_state import RunState
from workers.serving.work_item import WorkItem, WorkItems


class MixedBatches:
    """Draws work items whose samples may stand in one batch."""

    def __init__(self, items: WorkItems, batcher: Batcher, batch_tokens: int) -> None:
        """batch_tokens: how many tokens of prompts a batch holds at most; a longer prompt stands alone."""
        self._items, self._batcher, self._batch_tokens = items, batcher, batch_tokens

    def draw(self, group: Sequence[WorkItem], state: RunState) -> Refused | None:
        """Fills the outputs of the group batch by batch, until all are drawn or the run is told to stop.

        Returns a refusal where the model gave nothing, else None. It concerns every work item of the group.
        """
        generator = self._items.model.generator
        waiting = deque((item, row) for item in group for row in rows_of(item.samples))

        def one_batch(rows: Sequence[tuple[WorkItem, Row]]) -> Sequence[Made | Failure]:
            return generate(generator, [row for _, row in rows])

        # Rows are taken as a batch needs them: a job that ends meanwhile is left out from the next batch on.
        while not state.stop and (batch := self._next_batch(waiting, state)):
            started = time.perf_counter()
            try:
                outputs = self._batcher.survive(batch, one_batch)
            except GenerationFailed as error:
                return nothing_to_certify(error)
            seconds = time.perf_counter() - started
            for (item, _), output in zip(batch, outputs, strict=True):
                item.outputs.append(output)
                item.seconds += seconds / len(batch)
                state.drawn[item.place] += 1
            self._items.note_batch(state, batch[0][0].kind_of_batch(len(batch)), outputs, seconds)
        return None

    def _next_batch(self, waiting: deque[tuple[WorkItem, Row]], state: RunState) -> list[tuple[WorkItem, Row]]:
        """Takes the rows of one batch, in order, as many as the batcher and the tokens of their prompts allow. Rows of
        jobs that have ended are dropped.

        A pass over many long prompts takes minutes in which the worker can neither stop nor serve another job.
        """
        batch: list[tuple[WorkItem, Row]] = []
        tokens = 0
        while waiting and len(batch) < self._batcher.batch_size:
            item, row = waiting[0]
            if item.claim.spec.id not in state.ended:
                tokens += tokens_of(row)
                if batch and tokens > self._batch_tokens:
                    break
                batch.append((item, row))
            waiting.popleft()
        return batch
