"""Jobs of an evaluation in this process: planned as the gateway plans, run as a worker runs, every output kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from smoothgen.contracts import GenerateRequest, JobResult
from smoothgen.contracts import Output as ServedOutput
from smoothgen.noise import Seed, Stream
from smoothgen.studies.answer import Asked
from workers.distances import OutputMetric
from workers.evaluation.outputs import Output, outputs
from workers.generators.batching import Batcher, FixedBatcher
from workers.jobs.in_process import run_job
from workers.jobs.sampling import Row, fixed_size
from workers.serving.loaded_model import LoadedModel

_PLAIN_RUNS: Final = 3


@dataclass
class Counted:
    """What a job did: its batches, its samples, and its outputs by stream and index."""

    batches: int = 0
    generated: int = 0
    made: dict[Stream, dict[int, Output]] = field(default_factory=dict)

    def output_chosen(self, output: ServedOutput, sheet: bytes | None) -> None:
        """Hears of the output that is served."""

    def batch_done(self, samples: int, failed: int, seconds: float) -> None:
        """Counts a batch."""
        del failed, seconds
        self.batches += 1
        self.generated += samples

    def keep(self, rows: Sequence[Row], made: Sequence[Output]) -> None:
        """Keeps the outputs of a batch."""
        for (samples, index), output in zip(rows, made, strict=True):
            self.made.setdefault(samples.stream, {})[index] = output

    def of_stream(self, stream: Stream) -> list[Output]:
        """Returns the outputs of a stream, in order of their indices."""
        return [output for _, output in sorted(self.made.get(stream, {}).items(), key=lambda item: item[0])]


@dataclass(frozen=True)
class Ran:
    """A job that ended well, and what it took. seconds: wall clock."""

    asked: Asked
    metric: OutputMetric
    result: JobResult
    counted: Counted
    seconds: float


def run(loaded: LoadedModel, request: GenerateRequest, *, batch_size: int) -> Ran:
    """Runs one request to its end. Raises InvalidInput for a request that cannot be planned, GenerationFailed."""
    asked = Asked.of(request, loaded.card)
    metric, counted = loaded.metric(asked.spec.metric), Counted()
    size = fixed_size(asked.spec, batch_size)
    batcher = FixedBatcher(size) if loaded.fixes_batches else Batcher(batch_size)
    started = time.perf_counter()
    result = run_job(
        asked.spec,
        loaded.generator,
        metric,
        batcher=batcher,
        watch=counted,
        precision=loaded.precision,
        scores=loaded.scores(asked.spec),
        on_outputs=counted.keep,
    )
    return Ran(asked, metric, result, counted, time.perf_counter() - started)


def plain_seconds(loaded: LoadedModel, asked: Asked) -> float:
    """Returns the seconds of one generation of the prompt without noise and certificate: the fastest of three."""

    def once() -> float:
        started = time.perf_counter()
        prompt, parameters = asked.spec.request.prompt, asked.spec.parameters
        outputs(loaded, prompt, parameters, None, Seed(0, "client"), Stream.SERVED, 1, batch_size=1)
        return time.perf_counter() - started

    return min(once() for _ in range(_PLAIN_RUNS))
