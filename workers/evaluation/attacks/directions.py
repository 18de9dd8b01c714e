"""The named attacks on an embedding: each returns the strongest displacement it finds at one norm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidInput, InvalidMetric, InvalidParameters, UnknownName
from workers.evaluation.attacks.ascent import (
    Ascent,
    Found,
    Gradient,
    ascend,
    differenced,
    random_directions,
    scored,
    strongest,
)
from workers.evaluation.attacks.ball import Array, length, onto
from workers.evaluation.attacks.gradients import Loss, Through, differentiable
from workers.evaluation.attacks.target import Target
from workers.evaluation.outputs import labels

FEW_COORDINATES: Final = 32
"""Up to so many numbers in an embedding, gradients are differenced where the generator gives none."""
_PROBE: Final = 0.25
"""The moves of differences and of scores, in epsilons."""


@dataclass(frozen=True)
class Search:
    """How hard attacks search. ascent: of those that climb. rows: noisy inputs or outputs that one gradient or score
    is averaged over. pairs: opposite moves of an estimated gradient. directions: random ones tried. regression: outputs
    that are regressed on their noise. others: prompts whose outputs are aimed at."""

    ascent: Ascent = field(default_factory=Ascent)
    rows: int = 4
    pairs: int = 4
    directions: int = 8
    regression: int = 128
    others: tuple[str, ...] = ()


class Attacker:
    """The attacks on one target. Gradients and outputs that several of them need are made once."""

    def __init__(self, target: Target, search: Search, rng: np.random.Generator) -> None:
        self.target, self._search, self._rng = target, search, rng
        self._few = replace(target, search=min(search.rows, target.search), _known={})
        self._through = _through(target, search.rows)
        self._regressed: Array | None = None
        self._others = [x for x in map(self._readable, search.others) if x is not None]

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the attacks that this target allows, in the order in which they run."""
        text = self.target.loaded.generator.output_kind == "text"
        gradients = self._through is not None or self.target.x.size <= FEW_COORDINATES
        losses = [AWAY, SHIFT] if gradients else []
        aimed = [LINE] if self._others else []
        towards = [TOWARDS] if self._others and self._through is not None else []
        answers = [ANSWER] if text and self._through is not None else []
        regressed = [REGRESSED] if self.target.smoothing is not None else []
        return (*regressed, *aimed, *losses, *towards, *answers, NES, SPSA, RANDOM)

    def run(self, name: str, epsilon: float, starts: Sequence[Array] = ()) -> Found:
        """Returns the strongest displacement of norm at most epsilon that an attack finds.

        starts: displacements from which the attacks that climb begin, beside their own. Raises UnknownName.
        """
        if name not in self.names:
            raise UnknownName("attack on this target", name, self.names, field="attacks")
        if name == LINE:
            shifts = [other.astype(np.float64) - self.target.x for other in self._others]
            return strongest(self.target.values, [onto(shift, epsilon) for shift in shifts])
        if name == REGRESSED:
            along = self._regression()
            return strongest(self.target.values, [onto(along, epsilon), onto(-along, epsilon)])
        if name == RANDOM:
            few = random_directions(
                self._few.values,
                epsilon,
                shape=self.target.shape,
                count=self._search.directions,
                rng=self._rng,
            )
            return strongest(self.target.values, [few.delta])
        return ascend(
            self._gradient(name, epsilon),
            self.target.values,
            starts,
            epsilon,
            shape=self.target.shape,
            ascent=self._search.ascent,
            rng=self._rng,
        )

    def _gradient(self, name: str, epsilon: float) -> Gradient:
        if name in (NES, SPSA):
            law = "normal" if name == NES else "signs"
            step = _PROBE * epsilon
            return scored(self._few.values, step, pairs=self._search.pairs, rng=self._rng, law=law)  # type: ignore[arg-type]
        if self._through is None:
            return differenced(self._few.values, _PROBE * epsilon)
        other = self._others[0] if name == TOWARDS else None
        return self._through.gradient(_LOSSES[name], other)

    def _regression(self) -> Array:
        """Returns the direction in which the noise itself moved the outputs most.

        The mean output's gradient under Gaussian noise is the covariance of outputs and noise over the variance
        (Stein's identity), so honest noisy outputs tell it without any query of an attacked prompt.
        """
        if self._regressed is None:
            noise, made = self.target.for_regression(self._search.regression)
            u = noise.reshape(len(noise), -1)
            features = self._numbers(made)
            whole = np.isfinite(features).all(axis=1)
            u, features = u[whole], features[whole] - features[whole].mean(axis=0)
            few = u.shape[1] * 4 <= len(u)
            slopes = np.linalg.lstsq(u, features, rcond=None)[0] if few else u.T @ features
            self._regressed = np.linalg.svd(slopes, full_matrices=False)[0][:, 0].reshape(self.target.shape)
        return self._regressed

    def _numbers(self, made: Sequence[object]) -> Array:
        """Returns what is regressed: features, or for labels whether an output lost the most frequent one."""
        try:
            found = labels(self.target.metric, made)  # type: ignore[arg-type]
        except InvalidMetric:
            return self.target.features(made)  # type: ignore[arg-type]
        lost = [float(label != self.target.centre.value) for label in found]
        return np.array(lost)[:, None]

    def _readable(self, prompt: str) -> NDArray[np.floating] | None:
        """Returns the embedding of another prompt, None where it cannot be compared with this one."""
        try:
            other = self.target.embedding_of(prompt)
        except InvalidInput:
            return None
        same = other.shape == self.target.shape and length(other.astype(np.float64) - self.target.x) > 0
        return other if same else None


def _through(target: Target, rows: int) -> Through | None:
    """Returns gradients through the generator, None where it has none or where its noise enters step by step."""
    if not differentiable(target):
        return None
    try:
        return Through(target, rows)
    except InvalidParameters:
        return None


AWAY: Final = "PGD, away from the centre"
SHIFT: Final = "PGD, shift of the mean"
TOWARDS: Final = "PGD, towards another prompt"
ANSWER: Final = "PGD, another answer"
LINE: Final = "line to another prompt"
REGRESSED: Final = "outputs regressed on their noise"
NES: Final = "score-based, NES"
SPSA: Final = "score-based, SPSA"
RANDOM: Final = "random directions"
_LOSSES: Final[Mapping[str, Loss]] = MappingProxyType(
    {
        AWAY: "away from the centre",
        SHIFT: "shift of the mean",
        TOWARDS: "towards another prompt",
        ANSWER: "another answer",
    }
)
