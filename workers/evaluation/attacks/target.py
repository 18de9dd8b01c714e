"""The prompt under attack: its outputs at any displacement of its embedding, and how strong a displacement looks.

Three kinds of noise never meet: the certificate's (the job's seed), that of the search for attacks, and that of the
fresh outputs which alone are reported. The generator's own shared randomness is the certificate's throughout.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import Parameters
from smoothgen.errors import InvalidMetric
from smoothgen.noise import Seed, Stream
from workers.distances import Centre, OutputMetric
from workers.evaluation.attacks.ball import Array, displaced
from workers.evaluation.outputs import Output, condition_for, features, labels, outputs
from workers.generators import Condition, Smoothing
from workers.generators.unnoised import Unnoised
from workers.jobs.measurement import measure
from workers.serving.loaded_model import LoadedModel

SEARCH_STREAM: Final = Stream.SELECTION
FRESH_STREAM: Final = Stream.CERTIFICATION
HELD_OUT: Final = 1_000_000
"""The first search sample by which attacks are compared; those before it belong to gradients."""


def seed_for(job_seed: Seed, purpose: str) -> Seed:
    """Returns a seed that no job has: a hash of the job's seed and of what it is for."""
    digest = hashlib.sha256(f"{job_seed}/{purpose}".encode()).hexdigest()
    return Seed(int(digest[:32], 16), "client")


@dataclass(frozen=True, eq=False)
class Target:
    """A prompt, the noise it is protected by, and the metric that outputs are compared in.

    smoothing: of the certificate's job, None for the model without noise. seed: the job's. search: how many noisy
    outputs say how strong a displacement is. centre: the certificate's.
    """

    loaded: LoadedModel
    prompt: str
    parameters: Parameters
    smoothing: Smoothing | None
    seed: Seed
    metric: OutputMetric
    centre: Centre
    randomness: Literal["common", "fresh"] = "common"
    search: int = 16
    batch_size: int = 64
    _known: dict[str, list[Output]] = field(default_factory=dict, repr=False)

    @cached_property
    def condition(self) -> Condition:
        """The honest prompt as the generator sees it."""
        return condition_for(self.loaded, self.prompt, self.parameters, self.smoothing)

    @property
    def x(self) -> NDArray[np.floating]:
        """The embedding that is attacked."""
        return self.condition.embedding

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of x."""
        return self.x.shape

    @property
    def search_seed(self) -> Seed:
        """The seed of the noise that attacks are searched with."""
        return seed_for(self.seed, "search")

    def unprotected(self) -> Target:
        """Returns the same prompt on the model without noise. Under common randomness one output says all."""
        count = 1 if self.randomness == "common" else self.search
        return replace(self, smoothing=None, search=count, _known={})

    def embedding_of(self, prompt: str) -> NDArray[np.floating]:
        """Returns the embedding of another prompt. Raises InvalidInput where the model cannot take it."""
        return condition_for(self.loaded, prompt, self.parameters, self.smoothing).embedding

    def norm(self, delta: Array) -> float:
        """Returns a displacement's norm in the units of the certificate's radius, rounded up."""
        return (Unnoised() if self.smoothing is None else self.condition.mechanism).attack_norm(delta)

    def fresh(self, count: int, delta: Array | None = None) -> list[Output]:
        """Returns fresh outputs, honest or displaced, sample by sample under the same noise."""
        if self.smoothing is None and self.randomness == "common":
            return self._made(self.seed, FRESH_STREAM, 1, 0, delta)  # ω of the job; nothing else is random
        return self._made(seed_for(self.seed, "fresh"), FRESH_STREAM, count, 0, delta)

    def searched(self, delta: Array | None = None) -> list[Output]:
        """Returns the outputs by which attacks are compared, honest or displaced."""
        if self.smoothing is None and self.randomness == "common":
            return self._made(self.seed, SEARCH_STREAM, 1, 0, delta)
        return self._made(self.search_seed, SEARCH_STREAM, self.search, HELD_OUT, delta)

    def for_regression(self, count: int) -> tuple[Array, list[Output]]:
        """Returns the noise of so many honest search outputs, shape (count, *x.shape), and these outputs."""
        first = 2 * HELD_OUT
        indices = range(first, first + count)
        noise = self.condition.mechanism.draw(self.search_seed, SEARCH_STREAM, indices, self.shape)
        return noise, self._made(self.search_seed, SEARCH_STREAM, count, first, None)

    def values(self, deltas: Sequence[Array]) -> Array:
        """Returns how far each displacement moves the search outputs, shape (len(deltas),), metric units."""
        return np.array([self.strength(self._honest, self.searched(delta)) for delta in deltas])

    def strength(self, honest: Sequence[Output], attacked: Sequence[Output]) -> float:
        """Returns an estimate of W₁ between two groups of outputs, from below: the distance of their mean features, the
        total variation of their labels, or the difference of mean distances to the centre."""
        try:
            p, q = Counter(labels(self.metric, honest)), Counter(labels(self.metric, attacked))
        except InvalidMetric:
            before, after = self.features(honest), self.features(attacked)
            return float(np.linalg.norm(_mean(after) - _mean(before)))
        shares = [abs(p[label] / len(honest) - q[label] / len(attacked)) for label in {*p, *q}]
        return sum(shares) / 2

    def features(self, made: Sequence[Output]) -> Array:
        """Returns features that move by no more than outputs do, shape (len(made), d), NaN where an output failed.

        Distances to the centre, shape (len(made), 1), for metrics that have no features of their own.
        """
        try:
            return features(self.loaded, self.metric, made)
        except InvalidMetric:
            return measure(made, self.metric, self.centre)[:, None]

    @property
    def _honest(self) -> list[Output]:
        if "honest" not in self._known:
            self._known["honest"] = self.searched()
        return self._known["honest"]

    def _made(self, seed: Seed, stream: Stream, count: int, first: int, delta: Array | None) -> list[Output]:
        embedding = None if delta is None else displaced(self.x, delta, self.norm(delta))
        return outputs(
            self.loaded,
            self.prompt,
            self.parameters,
            self.smoothing,
            seed,
            stream,
            count,
            embedding=embedding,
            batch_size=self.batch_size,
            first=first,
            randomness=self.randomness,
        )


def _mean(rows: Array) -> Array:
    whole = rows[np.isfinite(rows).all(axis=1)]
    return whole.mean(axis=0) if len(whole) else np.zeros(rows.shape[1])
