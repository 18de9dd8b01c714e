"""Drawing samples: noise by (seed, stream, index), and batches that may mix the samples of several jobs."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from smoothgen.contracts import JobSpec
from smoothgen.noise import Seed, Stream
from workers.generators import Condition, Draw, Failure, Generator, Made, Smoothing, joined

_FRESH_DRAWS = {
    Stream.SELECTION: Stream.GENERATOR_SELECTION,
    Stream.CERTIFICATION: Stream.GENERATOR,
    Stream.SERVED: Stream.GENERATOR_SERVED,
}


def seed_of(spec: JobSpec) -> Seed:
    """The job's seed."""
    return Seed(int(spec.seed, 16), spec.seed_origin)


def condition_of(spec: JobSpec, generator: Generator) -> Condition:
    """The job's prompt as the generator sees it. Raises InvalidPrompt, InvalidParameters and the like."""
    smoothing = Smoothing(
        spec.request.robustness.mechanism, spec.sigma, Draw(seed_of(spec), Stream.GENERATOR_COMMON, 0)
    )
    return generator.condition(spec.request.prompt, spec.parameters, smoothing)


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one job: the indices of one stream."""

    spec: JobSpec
    condition: Condition
    stream: Stream
    indices: range

    @property
    def mixes_with(self) -> Hashable:
        """Samples with equal keys, of one model, may share a batch."""
        mixes = self.condition.mixes
        return self.spec.id if mixes is None else (mixes, self.spec.parameters)


Row = tuple[Samples, int]
"""One sample: whose, and its index."""


def rows_of(samples: Sequence[Samples]) -> list[Row]:
    """Every sample of these, in order."""
    return [(s, index) for s in samples for index in s.indices]


def generate(generator: Generator, rows: Sequence[Row]) -> Sequence[Made | Failure]:
    """One batch: one output a row. The rows may be of several jobs whose samples mix."""
    runs = [(samples, [index for _, index in run]) for samples, run in groupby(rows, key=lambda row: row[0])]
    noise = [s.condition.mechanism.draw(seed_of(s.spec), s.stream, indices, s.condition.embedding.shape)
             for s, indices in runs]  # fmt: skip
    draws = [draw for s, indices in runs for draw in _draws(s, indices)]
    condition = joined([(s.condition, len(indices)) for s, indices in runs])
    return generator.generate(condition, np.concatenate(noise), draws, rows[0][0].spec.parameters)


def _draws(samples: Samples, indices: Sequence[int]) -> Iterator[Draw]:
    """The generator's own randomness of each sample."""
    seed = seed_of(samples.spec)
    if samples.spec.request.robustness.randomness == "common":
        return iter([Draw(seed, Stream.GENERATOR_COMMON, 0)] * len(indices))
    return (Draw(seed, _FRESH_DRAWS[samples.stream], index) for index in indices)
