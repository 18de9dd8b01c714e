"""An oracle for tests and research: one job from start to end in one process, as a plain loop. It serves no request.

Workers spread a job over executors and Redis; this loop calls the same functions in order. Everything random comes from
the job's seed, so both give the same result, which tests/workers/test_executor.py compares.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import JobResult, JobSpec, Output, RunWords
from smoothgen.errors import GenerationFailed
from smoothgen.noise import Stream
from smoothgen.queue import CompleteLook
from smoothgen.scores import Score
from workers.distances import OutputMetric
from workers.generators import Failure, Generator, Made
from workers.generators.batching import Batcher, FixedBatcher, Generate, Outputs
from workers.jobs.certification import NONE_DRAWN
from workers.jobs.measurement import measure
from workers.jobs.methods import method_of
from workers.jobs.neighbour_runs import condition_of_runs, with_equal_outputs_at_0, words_of
from workers.jobs.provenance import JobOnModel
from workers.jobs.sampling import Row, Samples, blocks_of, condition_of, generate, rows_of
from workers.jobs.selection import Draws, samples_to_draw, select_output
from workers.scores import scores_of
from workers.sensitivity import sense

OnOutputs = Callable[[Sequence[Row], Sequence[Made | Failure]], None]
"""Is given the outputs of a batch, one for each row: a row names the job, the stream and the index of its sample."""


class Watch(Protocol):
    """Hears what a job does as it runs. Any call may raise, which stops the job at this batch boundary."""

    def output_chosen(self, output: Output, sheet: bytes | None) -> None:
        """Hears that the output is fixed; nothing is certified yet. `sheet`: a picture of the noisy samples, PNG."""
        ...

    def batch_done(self, samples: int, failed: int, seconds: float) -> None:
        """Hears that a batch was generated and measured."""
        ...


def run_job(
    spec: JobSpec,
    generator: Generator,
    metric: OutputMetric,
    *,
    batcher: Batcher,
    watch: Watch,
    precision: str | None = None,
    scores: Sequence[Score] = (),
    on_outputs: OnOutputs | None = None,
) -> JobResult:
    """Runs a job to its certificate or abstention. `precision`: what the generator computes in, for the certificate;
    `scores`: of the job's claims, one for each; `on_outputs`: is given every output, and where it belongs.

    With a FixedBatcher every sample stands at its row of a batch of that size. Raises TooLarge where that does not fit,
    InvalidInput for a prompt or parameters the model cannot take, GenerationFailed when the model gives nothing to
    certify, and whatever `watch` raises.
    """
    started = time.time()
    condition = condition_of(spec, generator)
    sensed = sense(spec, generator, metric, condition, batcher=batcher, on_batch=watch.batch_done)
    if sensed.selection is not None:
        condition = condition_of(spec, generator, sensed.selection.sigma, condition.template)
    draw = _Drawing(generator, batcher, watch, on_outputs)
    outputs = [o for batch in draw(samples_to_draw(spec, condition)) for o in batch]
    fixed = batcher.batch_size if isinstance(batcher, FixedBatcher) else None
    job = JobOnModel(spec, generator, metric, condition, precision=precision, batch_size=fixed, scores=scores)
    selected = select_output(job, Draws(outputs, device_s=draw.device_s, started=started, sensed=sensed))
    selection = selected.stored
    watch.output_chosen(selection.output, selected.sheet)
    method = method_of(spec)
    if (result := method.after_selection(spec, selected)) is not None:
        return result
    centre = metric.read_centre(selection.centre, selection.bound)
    condition = condition_of_runs(spec, generator, condition, selection)
    distances = NONE_DRAWN
    scored: list[NDArray[np.float64]] = []
    words: list[RunWords] = []

    def measured(outputs: Sequence[Made | Failure]) -> NDArray[np.float64]:
        found = measure(outputs, metric, centre)
        if (columns := scores_of(outputs, scores)) is not None:
            scored.append(columns)
        if spec.noised:
            return found
        words.extend(words_of(condition, range(len(words), len(words) + len(outputs)), outputs))
        return with_equal_outputs_at_0(spec, found, outputs, selection)

    for size in method.looks(spec, selection):
        following = Samples(spec, condition, Stream.CERTIFICATION, range(len(distances), size))
        # Measured batch by batch, within the batch's time: what is kept of a sample is one number.
        distances = np.concatenate([distances, *draw([following], measured)])
        look = CompleteLook(
            distances,
            sensed.device_s + draw.device_s,
            draw.last_failure,
            tuple(words),
            np.concatenate(scored) if scored else None,
        )
        if (result := method.take(spec, selection, look).result) is not None:
            return result
    raise GenerationFailed(f"job {spec.id} goes on after its last look")


class _Drawing:
    """Draws samples batch by batch and counts what they cost."""

    def __init__(
        self, generator: Generator, batcher: Batcher, watch: Watch, on_outputs: OnOutputs | None = None
    ) -> None:
        self._generator, self._batcher, self._watch, self._on_outputs = generator, batcher, watch, on_outputs
        self.device_s, self.last_failure = 0.0, ""

    def __call__(self, samples: Sequence[Samples], keep: Callable = list) -> Iterator:  # type: ignore[type-arg]
        started = time.perf_counter()

        def one_batch(rows: Sequence[Row]) -> Sequence[Made | Failure]:
            return generate(self._generator, rows)

        for rows, outputs in self._batches(samples, one_batch):
            if self._on_outputs is not None:
                self._on_outputs(rows, outputs)
            yield keep(outputs)
            failures = [o for o in outputs if isinstance(o, Failure)]
            if failures:
                self.last_failure = failures[-1].reason
            seconds, started = time.perf_counter() - started, time.perf_counter()
            self.device_s += seconds
            self._watch.batch_done(len(rows), len(failures), seconds)

    def _batches(self, samples: Sequence[Samples], one_batch: Generate[Row]) -> Iterator[tuple[Sequence[Row], Outputs]]:
        """Yields (rows, outputs) batch by batch, of a fixed batch only those that are asked for."""
        if not isinstance(self._batcher, FixedBatcher):
            yield from self._batcher.run(rows_of(samples), one_batch)
            return
        for each in samples:
            for rows, ours in blocks_of(each, self._batcher.batch_size):
                made = self._batcher.survive(rows, one_batch)
                yield rows[ours.start : ours.stop], made[ours.start : ours.stop]
