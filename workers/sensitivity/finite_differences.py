"""How far outputs move along fixed public directions: the sensitivity s(x) of theory §5, by finite differences.

s is a function of the noisy embedding and of public constants only: the directions, the step and the generator's own
randomness are the same for every prompt, job and server. That is what lets the level of the noise be chosen by it.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import Parameters
from smoothgen.errors import GenerationFailed
from smoothgen.mechanisms import Gaussian
from smoothgen.noise import Seed, Stream
from workers.distances import OutputMetric
from workers.generators import Condition, Draw, Failure, Generator, Made
from workers.generators.batching import Batcher

PUBLIC_SEED: Final = Seed(0x5E2517117, "client")
"""The seed of the probe directions. Everybody may know it, attackers included: s needs no secret."""
PUBLIC_DRAW: Final = Draw(PUBLIC_SEED, Stream.GENERATOR_COMMON, 0)
"""The place of the generator's own randomness ω₀, which every probe uses."""

OnBatch = Callable[[int, int, float], None]
"""Called after each batch with the number of samples, of failed samples, and the seconds. The call may raise to stop
the probe."""


@dataclass(frozen=True)
class Probed:
    """The result of probing some points: two arrays of shape (points,), inf where an output failed.

    sensitivities: s, the mean distance moved over the directions, divided by the step, in metric units per unit of
    sigma.
    slopes: the steepest secant, the largest distance moved divided by the l2 length of the move.
    """

    sensitivities: NDArray[np.float64]
    slopes: NDArray[np.float64]


@lru_cache(maxsize=16)
def public_directions(probes: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Returns the probe directions u_p, standard normal, shape (probes, *shape). The directions are public and depend
    on no prompt and no job."""
    return Gaussian(1.0).draw(PUBLIC_SEED, Stream.CALIBRATION, range(probes), shape)


def probe(
    generator: Generator,
    metric: OutputMetric,
    condition: Condition,
    parameters: Parameters,
    offsets: NDArray[np.float64],
    *,
    step: float,
    probes: int,
    batcher: Batcher,
    on_batch: OnBatch,
) -> Probed:
    """Probes the points x + offsets, shape (points, *x.shape), with 1 + probes generations each and many points to a
    batch.

    s(x) is the mean over p of d(G(x + step·u_p, ω₀), G(x, ω₀)) / step. Every point is put on the mechanism's grid
    before it is moved, so s is a function of what the grid shows of x + offset. The selection of σ needs this. Raises
    GenerationFailed where not even one sample fits the device.
    """
    points = condition.mechanism.noisy(condition.embedding, offsets)
    still = np.zeros(condition.embedding.shape)
    directions = public_directions(probes, condition.embedding.shape)
    moves = step * np.concatenate([np.zeros_like(directions[:1]), directions])
    lengths = np.linalg.norm(moves[1:].reshape(probes, -1), axis=1)
    rows = [(point, move) for point in range(len(offsets)) for move in range(1 + probes)]

    def one_batch(batch: Sequence[tuple[int, int]]) -> Sequence[Made | Failure]:
        moved = dataclasses.replace(condition, embedding=np.stack([points[p] + moves[m] for p, m in batch]))
        return generator.generate(moved, np.stack([still] * len(batch)), [PUBLIC_DRAW] * len(batch), parameters)

    displacements: list[NDArray[np.float64]] = []
    unmeasured: list[Made | Failure] = []
    started = time.perf_counter()
    for batch, outputs in batcher.run(rows, one_batch):
        unmeasured += outputs
        while len(unmeasured) > probes:  # a point's outputs are let go of as soon as they are measured
            displacements.append(_displacements(metric, unmeasured[: 1 + probes]))
            del unmeasured[: 1 + probes]
        seconds, started = time.perf_counter() - started, time.perf_counter()
        on_batch(len(batch), sum(isinstance(o, Failure) for o in outputs), seconds)
    moved = np.array(displacements).reshape(len(offsets), probes)
    return Probed(moved.mean(axis=1) / step, (moved / lengths).max(axis=1))


def _displacements(metric: OutputMetric, outputs: Sequence[Made | Failure]) -> NDArray[np.float64]:
    """Returns the distances of the moved outputs from the first; inf for all of them where one failed or cannot be
    measured.

    Counting a failure as the diameter would make s finite where the generator is at its worst.
    """
    contents = [output.content for output in outputs if not isinstance(output, Failure)]
    failed = np.full(len(outputs) - 1, np.inf)
    if len(contents) < len(outputs):
        return failed
    try:
        distances = metric.distances(contents[1:], metric.choose_centre(contents[:1]))
    except GenerationFailed:
        return failed
    return distances if np.isfinite(distances).all() else failed
