"""Computes the work items in hand: samples of different jobs stand side by side in one batch.

The executor runs in the computing thread and knows no Redis: `workers.serving.delivery` stores what it returns.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from smoothgen.contracts import FieldError, JobSpec, Problem
from smoothgen.errors import GenerationFailed, InvalidInput
from smoothgen.noise import Stream
from smoothgen.queue import Claim
from workers.generators import Condition, Failure, Made
from workers.generators.batching import Batcher, FixedBatcher, TooLarge
from workers.job_logs import lines_about
from workers.jobs.certification import after_selection
from workers.jobs.measurement import measure
from workers.jobs.sampling import Row, Samples, blocks_of, fixed_size, generate, rows_of
from workers.jobs.selection import samples_to_draw, select_output
from workers.progress import made_progress
from workers.sensitivity import NOTHING_SENSED, Sensed, sense
from workers.serving.loaded_model import LoadedModel
from workers.serving.pacing import Speed
from workers.serving.recent_conditions import RecentConditions
from workers.serving.results import Ended, Measured, NoRoom, Refused, Result, crashed, nothing_to_certify
from workers.serving.run_state import RunState
from workers.serving.slowness import Slowness


class _ToldToStop(Exception):
    """Raised between the batches of a selection's probes where the item is to be handed back or its job has ended."""


@dataclass
class _WorkItem:
    """A work item as it is computed. place: its place among the claims in hand; seconds: its share of the batches."""

    place: int
    claim: Claim
    condition: Condition
    samples: list[Samples]
    sensed: Sensed = NOTHING_SENSED
    batch_size: int | None = None
    outputs: list[Made | Failure] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every sample has been drawn."""
        return len(self.outputs) == sum(len(s.indices) for s in self.samples)


class Executor:
    """Computes work items of one model, in batches that the memory holds."""

    def __init__(self, model: LoadedModel, batch_size: int) -> None:
        self._model, self._batcher, self.speed = model, Batcher(batch_size), Speed()
        self._slowness = Slowness(model.card.id)
        self._conditions = RecentConditions(model.generator)

    @property
    def batch_size(self) -> int:
        """Samples a batch: as configured, or fewer where memory was short."""
        return self._batcher.batch_size

    def run(self, state: RunState) -> list[Result]:
        """Returns what came of every work item in hand, in order."""
        results: list[Result] = [None] * len(state.claims)
        groups: defaultdict[Hashable, list[_WorkItem]] = defaultdict(list)
        for place, claim in enumerate(state.claims):
            if self._has_fixed_batches(claim):
                results[place] = self._run_fixed(place, claim, state)
                continue
            results[place] = self._guarded(claim, partial(self._prepare, place, claim, state, groups), noiseless=True)
        for items in groups.values():
            refused = self._draw_mixed(items, state)
            for item in items:
                if refused is not None:
                    results[item.place] = refused
                elif item.complete:
                    finish = partial(self._finish, item, state.started)
                    results[item.place] = self._guarded(item.claim, finish, noiseless=False)
        return results

    # Mixed batches: samples whose conditions mix stand in one batch, whichever job they are of.

    def _prepare(
        self, place: int, claim: Claim, state: RunState, groups: defaultdict[Hashable, list[_WorkItem]]
    ) -> None:
        with contextlib.suppress(_ToldToStop):
            item = self._item(place, claim, state)
            groups[item.samples[0].mixes_with].append(item)

    def _draw_mixed(self, items: Sequence[_WorkItem], state: RunState) -> Refused | None:
        """Fills the items' outputs batch by batch, until they are complete or the run is told to stop.

        Returns a problem where one concerns all of them.
        """
        waiting = [(item, row) for item in items for row in rows_of(item.samples)]

        def one_batch(rows: Sequence[tuple[_WorkItem, Row]]) -> Sequence[Made | Failure]:
            return generate(self._model.generator, [row for _, row in rows])

        while waiting and not state.stop:
            if state.ended:
                waiting = [(item, row) for item, row in waiting if item.claim.spec.id not in state.ended]
            batch, waiting = waiting[: self.batch_size], waiting[self.batch_size :]
            if not batch:
                break
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
            self._measured(batch[0][0], len(batch), outputs, seconds, state)
        return None

    # Fixed batches: every batch of the job has one size and holds no other job's samples.

    def _has_fixed_batches(self, claim: Claim) -> bool:
        return self._model.fixes_batches if claim.opening is None else claim.opening.batch_size is not None

    def _run_fixed(self, place: int, claim: Claim, state: RunState) -> Result:
        """Returns what came of an item of fixed batches.

        A selection that does not fit is run again with smaller batches, all of it. A chunk that does not fit starts
        its job over, since its other chunks were computed at the larger size.
        """
        limit = min(self.batch_size, claim.batch_limit or self.batch_size)
        size = fixed_size(claim.spec, limit) if claim.opening is None else claim.opening.batch_size
        while size is not None:
            try:
                return self._run_blocks(place, claim, state, FixedBatcher(size))
            except TooLarge as error:
                size = error.batch_size
            structlog.get_logger().warning("fixed_batch_too_large", **claim.spec.log_fields, batch_size=size)
            self._batcher.batch_size = min(self._batcher.batch_size, size)  # so that no later job begins with more
            state.drawn[place] = 0
            if not claim.opens:
                return NoRoom(size)
        return None

    def _run_blocks(self, place: int, claim: Claim, state: RunState, batcher: FixedBatcher) -> Result:
        items: list[_WorkItem] = []

        def prepare() -> None:
            with contextlib.suppress(_ToldToStop):
                items.append(self._item(place, claim, state, batcher))

        refused = self._guarded(claim, prepare, noiseless=True)
        if not items:
            return refused
        [item] = items

        def compute() -> Result:
            self._draw_blocks(item, state, batcher)
            return self._finish(item, state.started) if item.complete else None

        return self._guarded(claim, compute, noiseless=False)

    def _draw_blocks(self, item: _WorkItem, state: RunState, batcher: FixedBatcher) -> None:
        """Fills the item's outputs block by block, until it is complete or the run is told to stop.

        Raises TooLarge, GenerationFailed.
        """
        for samples in item.samples:
            for rows, ours in blocks_of(samples, batcher.batch_size):
                if state.stop or item.claim.spec.id in state.ended:
                    return
                begun = time.perf_counter()
                outputs = batcher.survive(rows, partial(generate, self._model.generator))[ours.start : ours.stop]
                seconds = time.perf_counter() - begun
                item.outputs += outputs
                item.seconds += seconds
                state.drawn[item.place] += len(outputs)
                self._measured(item, batcher.batch_size, outputs, seconds, state)

    # What both kinds of batches share.

    def _item(self, place: int, claim: Claim, state: RunState, fixed: FixedBatcher | None = None) -> _WorkItem:
        """Returns the claim's item, with its prompt embedded and, for a selection, its sensitivity sensed.

        fixed: what draws its batches, where they are of one size. Raises _ToldToStop, and as `condition_of` does.
        """
        spec, selection = claim.spec, claim.opening
        batch_size = None if fixed is None else fixed.batch_size
        if claim.opens:
            sensed = self._sensed(place, spec, state, fixed or self._batcher)
            condition = self._conditions.of(spec)
            if sensed.selection is not None:
                condition = self._conditions.of(spec, sensed.selection.sigma, condition.template)
            return _WorkItem(place, claim, condition, samples_to_draw(spec, condition), sensed, batch_size)
        chosen = None if selection is None or selection.sigma_selection is None else selection.sigma_selection["sigma"]
        condition = self._conditions.of(spec, chosen, None if selection is None else selection.template)
        chunk = range(claim.first, claim.first + claim.count)
        return _WorkItem(place, claim, condition, [Samples(spec, condition, Stream.CERTIFICATION, chunk)])

    def _sensed(self, place: int, spec: JobSpec, state: RunState, batcher: Batcher) -> Sensed:
        """Returns what the selection learns of its prompt before it draws a sample. Raises _ToldToStop."""
        if not spec.probe_samples:
            return NOTHING_SENSED

        def on_batch(samples: int, failed: int, seconds: float) -> None:
            state.drawn[place] += samples
            self.speed.measured(samples, seconds)
            state.batch_done(samples, failed, seconds)
            if state.stop or spec.id in state.ended:
                raise _ToldToStop

        generator, metric = self._model.generator, self._model.metric(spec.metric)
        return sense(spec, generator, metric, self._conditions.of(spec), batcher=batcher, on_batch=on_batch)

    def _measured(
        self, item: _WorkItem, rows: int, outputs: Sequence[Made | Failure], seconds: float, state: RunState
    ) -> None:
        """Remembers how fast a batch was. rows: of the batch as computed; outputs: those that count."""
        self.speed.measured(len(outputs), seconds)
        # The hash stands for the parameters: it is remembered for long, and they may hold a seed image of megabytes.
        kind = (hash(item.claim.spec.parameters), item.condition.embedding.shape, rows)
        self._slowness.measured(kind, seconds)
        state.batch_done(len(outputs), sum(isinstance(o, Failure) for o in outputs), seconds)

    def _finish(self, item: _WorkItem, started: float) -> Result:
        spec = item.claim.spec
        metric = self._model.metric(spec.metric)
        if not item.claim.opens:
            selection = item.claim.opening
            if selection is None:
                raise GenerationFailed(f"job {spec.id} has a chunk and no opening")
            distances = measure(item.outputs, metric, metric.read_centre(selection.centre, selection.bound))
            failures = [o.reason for o in item.outputs if isinstance(o, Failure)]
            return Measured(distances, item.seconds, failures[-1] if failures else "")
        selected = select_output(
            spec,
            self._model.generator,
            metric,
            item.condition,
            item.outputs,
            device_s=item.seconds,
            started=started,
            sensed=item.sensed,
            precision=self._model.precision,
            batch_size=item.batch_size,
        )
        result = after_selection(spec, selected)
        return selected if result is None else Ended(selected, result)

    def _guarded(self, claim: Claim, step: Callable[[], Result], *, noiseless: bool) -> Result:
        """Returns what the step returns, or a problem for whatever it raises: one job fails, and the worker lives.

        noiseless: whether the step draws no noise. Raises TooLarge.
        """
        try:
            with lines_about(claim.spec):
                return step()
        except TooLarge:
            raise
        except InvalidInput as error:
            pointed = f"/{error.field.replace('.', '/')}" if error.field else None
            errors = [FieldError(pointer=pointed, detail=str(error))] if pointed else None
            title = "The request cannot be served as written"
            return Refused(Problem.of("invalid-request", title, 422, str(error), errors=errors), noiseless)
        except GenerationFailed as error:
            return nothing_to_certify(error)
        except Exception as error:
            return crashed(claim.spec, error)
        finally:
            made_progress()
