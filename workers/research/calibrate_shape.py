"""Learn a model's noise shape: what `smoothgen calibrate --shape` does.

From pairs of paraphrases their differences, from these the shape; then, on the public prompts, the level at which it
moves outputs as far as the model's default round noise does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from smoothgen.contracts import Parameters
from smoothgen.errors import InvalidParameters
from smoothgen.mechanisms import Gaussian, Mechanism, Shape, ShapedGaussian
from smoothgen.noise import Seed, Stream
from workers.distances import OutputMetric
from workers.generators import Condition, Draw, Generator, Smoothing
from workers.generators.batching import Batcher
from workers.sensitivity.displacement import made_with, mean_displacement
from workers.stored.shapes import SHRINKAGE, StoredShape, learn_shape, require_learnable, require_pictures

_LEVELS: Final = (0.75, 0.9, 1.0, 1.1, 1.25)
"""The levels at which a match is looked for, as multiples of the level at which both noises are equally long."""
PROBES: Final = 15


def calibrate_shape(
    generator: Generator,
    metric: OutputMetric,
    pairs: Sequence[tuple[str, str]],
    prompts: Sequence[str],
    *,
    parameters: Parameters,
    seed: Seed,
    batch_size: int,
    probes: int = PROBES,
) -> StoredShape:
    """Returns the shape of a picture model with its level. Raises InvalidInput where the model cannot have one."""
    model, sigma = generator.identity.name, generator.default_sigma
    require_pictures(model, makes_pictures=generator.image is not None)
    bench = Bench(generator, parameters, seed, Batcher(batch_size))
    differences = bench.differences(pairs)
    shape = learn_shape(f"{model[:150]} paraphrases {_digest(pairs)}", differences)
    level, displacement = bench.matched_level(shape, metric, prompts, sigma=sigma, probes=probes)
    return StoredShape(
        shape=shape.to_dict(),
        sigma=level,
        matched_sigma=sigma,
        metric=metric.name,
        displacement=float(f"{displacement:.6g}"),
        shrinkage=SHRINKAGE,
        pairs=len(pairs),
        prompts=len(prompts),
        probes=probes,
        seed=str(seed),
        parameters=parameters.for_certificate(),
    )


class Bench:
    """A generator under fixed parameters, which embeds prompts and moves them. Every prompt has an ω of its own."""

    def __init__(self, generator: Generator, parameters: Parameters, seed: Seed, batcher: Batcher) -> None:
        self._generator, self._parameters, self._seed, self._batcher = generator, parameters, seed, batcher

    def differences(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Returns x − x' of every pair, shape (pairs, d). Raises InvalidParameters for x too large, or of several
        sizes."""
        # One first: a model of 77×768 numbers is refused before it has embedded a thousand prompts.
        require_learnable(self._generator.identity.name, [self._embedded(pairs[0][0]).size])
        points = [(self._embedded(a), self._embedded(b)) for a, b in tqdm(pairs, desc="paraphrases", unit="pair")]
        require_learnable(self._generator.identity.name, [point.size for pair in points for point in pair])
        return np.array([a - b for a, b in points])

    def matched_level(
        self,
        shape: Shape,
        metric: OutputMetric,
        prompts: Sequence[str],
        *,
        sigma: float,
        probes: int = PROBES,
    ) -> tuple[float, float]:
        """Returns the level at which shaped noise moves outputs as far as round noise of level `sigma`, in four digits,
        and the distance of that move: the mean over prompts and draws.

        Raises InvalidParameters where no level tried comes near.
        """
        length = ShapedGaussian(1.0, shape).noise_norm(shape.dimension) / shape.dimension**0.5
        levels = [sigma / length * level for level in _LEVELS]
        noises: list[Mechanism] = [Gaussian(sigma), *(ShapedGaussian(level, shape) for level in levels)]
        target, *reached = np.mean(
            [
                self._displacements(prompt, place, noises, metric, probes)
                for place, prompt in enumerate(tqdm(prompts, desc="matching", unit="prompt"))
            ],
            axis=0,
        )
        reached = np.maximum.accumulate(reached)
        if not reached[0] <= target <= reached[-1]:
            raise InvalidParameters(
                f"no level of shape {shape.name!r} matches: round noise moves outputs by {target:.4g}, the shape by "
                f"{reached[0]:.4g} at {levels[0]:.4g} to {reached[-1]:.4g} at {levels[-1]:.4g}; give more prompts"
            )
        return float(f"{np.interp(target, reached, levels):.4g}"), float(target)

    def _displacements(
        self, prompt: str, place: int, noises: Sequence[Mechanism], metric: OutputMetric, probes: int
    ) -> list[float]:
        """Returns how far every noise moves the prompt's output on average. All noises use the same draws."""
        condition, draw = self._condition(prompt, place)
        x, indices = condition.embedding, range(place * probes, (place + 1) * probes)
        drawn = [n.noisy(x, n.draw(self._seed, Stream.CALIBRATION, indices, x.shape)) - x for n in noises]
        stacked = np.concatenate([np.zeros((1, *x.shape)), *drawn])
        unmoved, *moved = made_with(self._generator, condition, stacked, draw, self._parameters, self._batcher)
        return [mean_displacement(metric, unmoved, moved[k * probes : (k + 1) * probes]) for k in range(len(noises))]

    def _embedded(self, prompt: str) -> NDArray[np.float64]:
        return self._condition(prompt, 0)[0].embedding.astype(np.float64).reshape(-1)

    def _condition(self, prompt: str, place: int) -> tuple[Condition, Draw]:
        draw = Draw(self._seed, Stream.GENERATOR_COMMON, place)
        return self._generator.condition(prompt, self._parameters, Smoothing("embedding", 1.0, draw)), draw


def _digest(pairs: Sequence[tuple[str, str]]) -> str:
    """Returns eight digits that distinguish pair files in a shape's name."""
    return hashlib.sha256("\n".join("\t".join(pair) for pair in pairs).encode()).hexdigest()[:8]
