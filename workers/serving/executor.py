"""Computing the pieces of work in hand: samples of different jobs side by side in one batch, results piece by piece.

Runs in the computing thread. No Redis: what comes out is delivered by `workers.serving.worker`.
"""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import structlog
from numpy.typing import NDArray

from smoothgen.contracts import FieldError, JobResult, JobSpec, Problem, Template
from smoothgen.errors import GenerationFailed, InvalidInput
from smoothgen.noise import Stream
from smoothgen.queue import Claim
from workers.generators import Condition, Failure, Made
from workers.generators.batching import Batcher, FixedBatcher, TooLarge
from workers.job_logs import lines_about, log_crash
from workers.jobs.certification import after_selection
from workers.jobs.sampling import Row, Samples, blocks_of, condition_of, fixed_size, generate, rows_of
from workers.jobs.selection import Selected, measure, samples_to_draw, select_output
from workers.progress import made_progress
from workers.sensitivity import NOTHING_SENSED, Sensed, sense
from workers.serving.loaded_model import LoadedModel
from workers.serving.pacing import Speed
from workers.serving.run_state import RunState
from workers.serving.slowness import Slowness

_CONDITIONS_KEPT = 256
_WITH_IMAGES_KEPT = 4
"""Conditions with a seed image are kept in this number only: each has megabytes."""


@dataclass(frozen=True)
class Ended:
    """An opening that was the whole job."""

    opened: Selected
    result: JobResult


@dataclass(frozen=True)
class Measured:
    """A chunk's distances, seconds of compute, and the reason of its last failed sample ('' if none)."""

    distances: NDArray[np.float64]
    device_s: float
    failure: str


@dataclass(frozen=True)
class Refused:
    """The job fails. `noiseless`: for a reason found before any noise was drawn."""

    problem: Problem
    noiseless: bool


@dataclass(frozen=True)
class NoRoom:
    """The job's fixed batches do not fit this worker's memory: it starts over with ones of at most `batch_limit`."""

    batch_limit: int


Done = Selected | Ended | Measured | Refused | NoRoom | None
"""What came of a piece. None: the piece is unfinished and is handed back, or its job has ended meanwhile."""


class _ToldToStop(Exception):
    """Raised between the batches of an opening's probes where the piece is to be handed back or its job has ended."""


@dataclass
class _Piece:
    place: int
    claim: Claim
    condition: Condition
    samples: list[Samples]
    sensed: Sensed = NOTHING_SENSED
    batch_size: int | None = None
    outputs: list[Made | Failure] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def whole(self) -> bool:
        return len(self.outputs) == sum(len(s.indices) for s in self.samples)


class _Recent(OrderedDict[tuple[str, float | None, Template | None], Condition]):
    """The last `most` conditions of jobs, by job, noise level and template."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: tuple[str, float | None, Template | None], condition: Condition) -> None:
        """Keep one, in the oldest's place where there are too many."""
        self[key] = condition
        if len(self) > self._most:
            self.popitem(last=False)


class Executor:
    """Runs hands of one model."""

    def __init__(self, served: LoadedModel, batch_size: int) -> None:
        self._served, self._batcher, self.speed = served, Batcher(batch_size), Speed()
        self._slowness = Slowness(served.card.id)
        # A job's chunks come again and again; its prompt need not be embedded for each.
        self._conditions, self._with_images = _Recent(_CONDITIONS_KEPT), _Recent(_WITH_IMAGES_KEPT)

    @property
    def batch_size(self) -> int:
        """Samples a batch, less than configured where memory was short."""
        return self._batcher.batch_size

    def run(self, watch: RunState) -> list[Done]:
        """What came of every piece of the hand, in order."""
        started = watch.started
        done: list[Done] = [None] * len(watch.claims)
        groups: defaultdict[Hashable, list[_Piece]] = defaultdict(list)
        for place, claim in enumerate(watch.claims):
            if self._keeps_to_itself(claim):
                done[place] = self._run_alone(place, claim, watch, started)
                continue
            done[place] = self._guarded(claim, partial(self._prepare, place, claim, watch, groups), noiseless=True)
        for pieces in groups.values():
            failed = self._draw(pieces, watch)
            for piece in pieces:
                if failed is not None:
                    done[piece.place] = failed
                elif piece.whole:
                    finish = partial(self._finish, piece, started)
                    done[piece.place] = self._guarded(piece.claim, finish, noiseless=False)
        return done

    def _prepare(self, place: int, claim: Claim, watch: RunState, groups: defaultdict[Hashable, list[_Piece]]) -> None:
        with contextlib.suppress(_ToldToStop):
            piece = self._piece(place, claim, watch)
            groups[piece.samples[0].mixes_with].append(piece)

    def _keeps_to_itself(self, claim: Claim) -> bool:
        """Whether the piece's batches are of one size and hold no other job's samples: as its opening fixed."""
        return self._served.fixes_batches if claim.opening is None else claim.opening.batch_size is not None

    def _run_alone(self, place: int, claim: Claim, watch: RunState, started: float) -> Done:
        """What came of a piece of fixed batches. An opening that does not fit is run again with smaller ones, all of
        it; beside a chunk there are distances of the larger size, so the job starts over."""
        limit = min(self.batch_size, claim.batch_limit or self.batch_size)
        size = fixed_size(claim.spec, limit) if claim.opening is None else claim.opening.batch_size
        while size is not None:
            try:
                return self._run_blocks(place, claim, watch, started, FixedBatcher(size))
            except TooLarge as error:
                size = error.batch_size
            structlog.get_logger().warning("fixed_batch_too_large", **claim.spec.log_fields, batch_size=size)
            self._batcher.batch_size = min(self._batcher.batch_size, size)  # so that no later job begins with more
            watch.drawn[place] = 0
            if not claim.opens:
                return NoRoom(size)
        return None

    def _run_blocks(self, place: int, claim: Claim, watch: RunState, started: float, batcher: FixedBatcher) -> Done:
        pieces: list[_Piece] = []

        def prepare() -> None:
            with contextlib.suppress(_ToldToStop):
                pieces.append(self._piece(place, claim, watch, batcher))

        refused = self._guarded(claim, prepare, noiseless=True)
        if not pieces:
            return refused
        [piece] = pieces

        def compute() -> Done:
            self._draw_blocks(piece, watch, batcher)
            return self._finish(piece, started) if piece.whole else None

        return self._guarded(claim, compute, noiseless=False)

    def _draw_blocks(self, piece: _Piece, watch: RunState, batcher: FixedBatcher) -> None:
        """Fill the piece's outputs block by block, until done or told to stop. Raises TooLarge, GenerationFailed."""
        for samples in piece.samples:
            for rows, ours in blocks_of(samples, batcher.batch_size):
                if watch.stop or piece.claim.spec.id in watch.ended:
                    return
                begun = time.perf_counter()
                made = batcher.survive(rows, partial(generate, self._served.generator))[ours.start : ours.stop]
                seconds = time.perf_counter() - begun
                piece.outputs += made
                piece.seconds += seconds
                watch.drawn[piece.place] += len(made)
                self.speed.measured(len(made), seconds)
                self._slowness.measured(_kind(piece, batcher.batch_size), seconds)
                watch.batch_done(len(made), sum(isinstance(o, Failure) for o in made), seconds)

    def _piece(self, place: int, claim: Claim, watch: RunState, fixed: FixedBatcher | None = None) -> _Piece:
        """`fixed`: what draws it, where its batches are of one size."""
        spec, opening = claim.spec, claim.opening
        batch_size = None if fixed is None else fixed.batch_size
        if claim.opens:
            sensed = self._sensed(place, spec, watch, fixed or self._batcher)
            condition = self._condition(spec)
            if sensed.selection is not None:
                condition = self._condition(spec, sensed.selection.sigma, condition.template)
            return _Piece(place, claim, condition, samples_to_draw(spec, condition), sensed, batch_size)
        selected = None if opening is None or opening.sigma_selection is None else opening.sigma_selection["sigma"]
        condition = self._condition(spec, selected, None if opening is None else opening.template)
        chunk = range(claim.first, claim.first + claim.count)
        return _Piece(place, claim, condition, [Samples(spec, condition, Stream.CERTIFICATION, chunk)])

    def _sensed(self, place: int, spec: JobSpec, watch: RunState, batcher: Batcher) -> Sensed:
        """What the opening learns of its prompt first. Raises _ToldToStop."""
        if not spec.probe_samples:
            return NOTHING_SENSED

        def on_batch(samples: int, failed: int, seconds: float) -> None:
            watch.drawn[place] += samples
            self.speed.measured(samples, seconds)
            watch.batch_done(samples, failed, seconds)
            if watch.stop or spec.id in watch.ended:
                raise _ToldToStop

        return sense(
            spec,
            self._served.generator,
            self._served.metric(spec.metric),
            self._condition(spec),
            batcher=batcher,
            on_batch=on_batch,
        )

    def _condition(self, spec: JobSpec, sigma: float | None = None, template: Template | None = None) -> Condition:
        """The job's condition, at the level and in the chat template its opening chose where it did."""
        kept = self._conditions if getattr(spec.parameters, "image", None) is None else self._with_images
        key = (spec.id, sigma, template)
        if key not in kept:
            kept.keep(key, condition_of(spec, self._served.generator, sigma, template))
        return kept[key]

    def _draw(self, pieces: Sequence[_Piece], watch: RunState) -> Refused | None:
        """Fill the pieces' outputs batch by batch, until done or told to stop. A problem concerns all of them."""
        waiting = [(piece, row) for piece in pieces for row in rows_of(piece.samples)]

        def one_batch(rows: Sequence[tuple[_Piece, Row]]) -> Sequence[Made | Failure]:
            return generate(self._served.generator, [row for _, row in rows])

        while waiting and not watch.stop:
            if watch.ended:
                waiting = [(piece, row) for piece, row in waiting if piece.claim.spec.id not in watch.ended]
            batch, waiting = waiting[: self.batch_size], waiting[self.batch_size :]
            if not batch:
                break
            started = time.perf_counter()
            try:
                outputs = self._batcher.survive(batch, one_batch)
            except GenerationFailed as error:
                return _nothing_to_certify(error)
            seconds = time.perf_counter() - started
            for (piece, _), output in zip(batch, outputs, strict=True):
                piece.outputs.append(output)
                piece.seconds += seconds / len(batch)
                watch.drawn[piece.place] += 1
            self.speed.measured(len(batch), seconds)
            self._slowness.measured(_kind(batch[0][0], len(batch)), seconds)
            watch.batch_done(len(batch), sum(isinstance(o, Failure) for o in outputs), seconds)
        return None

    def _finish(self, piece: _Piece, started: float) -> Done:
        spec = piece.claim.spec
        metric = self._served.metric(spec.metric)
        if not piece.claim.opens:
            opening = piece.claim.opening
            if opening is None:
                raise GenerationFailed(f"job {spec.id} has a chunk and no opening")
            distances = measure(piece.outputs, metric, metric.read_centre(opening.centre, opening.bound))
            failures = [o.reason for o in piece.outputs if isinstance(o, Failure)]
            return Measured(distances, piece.seconds, failures[-1] if failures else "")
        opened = select_output(
            spec,
            self._served.generator,
            metric,
            piece.condition,
            piece.outputs,
            device_s=piece.seconds,
            started=started,
            sensed=piece.sensed,
            precision=self._served.precision,
            batch_size=piece.batch_size,
        )
        result = after_selection(spec, opened)
        return opened if result is None else Ended(opened, result)

    def _guarded(self, claim: Claim, step: Callable[[], Done], *, noiseless: bool) -> Done:
        """The step's outcome. Whatever it raises fails this job and no other; the worker lives."""
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
            return _nothing_to_certify(error)
        except Exception as error:
            return crashed(claim.spec, error)
        finally:
            made_progress()


def _kind(piece: _Piece, rows: int) -> Hashable:
    """What batches that take about as long have in common. The parameters' hash stands for them: it is kept for long,
    and they may hold a seed image of megabytes."""
    return hash(piece.claim.spec.parameters), piece.condition.embedding.shape, rows


def crashed(spec: JobSpec, error: Exception) -> Refused:
    """The problem of a job that made our own code fail."""
    log_crash("job_crashed", spec, error)
    detail = f"the worker failed with {type(error).__name__}; its log has the cause under job {spec.id}"
    return Refused(Problem.of("worker-error", "The worker failed", 500, detail), noiseless=False)


def _nothing_to_certify(error: GenerationFailed) -> Refused:
    problem = Problem.of("generation-failed", "The model gave nothing to certify", 500, str(error))
    return Refused(problem, noiseless=False)
