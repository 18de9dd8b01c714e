"""Center Smoothing (Kumar & Goldstein 2021, arXiv 2102.09701), re-implemented: how far the centre of a ball can move.

The smoothed function answers with the centre c of a small ball that holds half of the noisy outputs. Its certificate
says how far that centre moves under an attack: at most three times the radius R̂ of the ball around c which holds the
share p = Φ(Φ⁻¹(½ + Δ) + r) of the honest outputs. Two forms, which differ in how samples become probabilities: the
paper's, by Hoeffding's inequality, and one by exact binomials, which is sharper and not in the paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import binom

from smoothgen.certificates.bounds.bands import clopper_pearson_upper, require_alpha
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_down, round_up
from smoothgen.certificates.bounds.theorems import attacked_probability
from smoothgen.errors import InvalidDistances, InvalidParameters
from smoothgen.evaluation.confidence import probability_at_least
from smoothgen.evaluation.samples import (
    Certified,
    Features,
    Samples,
    distances,
    nothing_claimed,
    whole,
)

Confidence = Literal["hoeffding", "exact"]

PAPER_MARGIN: Final = 0.05
"""Δ of the paper. Its own check fails at this Δ for fewer than about 1,200 selection samples (at α₁ = 0.005)."""
CANDIDATES: Final = 30
"""Selection outputs that are tried as the centre, as in the paper's procedure for outputs of many dimensions."""
_LARGEST_MARGIN: Final = 0.499
BALLS: Final = 3
"""1 + β for a centre whose ball is at most β = 2 times as wide as the smallest."""
CLAIM: Final = (
    "distance between the centre answered to the honest and to the attacked prompt; holds at one epsilon, or for the "
    "radius, where both answers are made from samples of this size and neither abstains, with probability 1 - alpha"
)
_NAMES: Final = {
    "hoeffding": "Center Smoothing (Kumar & Goldstein 2021, our re-implementation)",
    "exact": "Center Smoothing (our re-implementation, exact binomials)",
}


def center_smoothing(samples: Samples) -> Certified:
    """Returns Center Smoothing's claim by exact binomials, with the margin that these sample sizes ask for.

    The margin Δ is fixed by the numbers of samples alone: the least that the selection asks for, and as much again as
    the check of the centre may err, so that it passes nearly always.

    Proof: docs/theory/evaluation.md, "Center Smoothing".
    """
    return CenterSmoothing("exact", _affordable_margin("exact", samples)).certify(samples)


def center_smoothing_of_the_paper(samples: Samples) -> Certified:
    """Returns Center Smoothing's claim by the paper's formula, with Δ = 0.05 where the sample sizes allow it.

    Fewer samples than Δ = 0.05 needs would always abstain, so Δ is then as large as the sizes ask for. Proof:
    docs/theory/evaluation.md, "Center Smoothing".
    """
    margin = max(PAPER_MARGIN, _affordable_margin("hoeffding", samples))
    return CenterSmoothing("hoeffding", margin).certify(samples)


@dataclass(frozen=True)
class CenterSmoothing:
    """Center Smoothing with a margin fixed before any sample was drawn.

    confidence: how samples become probabilities. margin: Δ in (0, ½). Half of alpha pays for the answer to the
    attacked prompt (its ball and the check of its centre, a quarter each), half for the certificate. Raises
    InvalidParameters.

    Proof: docs/theory/evaluation.md, "Center Smoothing".
    """

    confidence: Confidence
    margin: float

    def __post_init__(self) -> None:
        if self.confidence not in _NAMES:
            raise InvalidParameters(
                f"confidence must be one of {sorted(_NAMES)}, got {self.confidence!r}", field="confidence"
            )
        if not 0 < self.margin < 0.5:
            raise InvalidParameters(
                f"margin must lie strictly between 0 and 0.5, got {self.margin!r}; draw more selection samples where "
                "they ask for a larger one",
                field="margin",
            )

    def certify(self, samples: Samples) -> Certified:
        """Returns the claim, or no claim where the centre's ball is not proven to hold about half of the outputs."""
        name = _NAMES[self.confidence]
        chosen = self.answer(samples.selection, samples.certification, alpha=samples.alpha, diameter=samples.diameter)
        if isinstance(chosen, str):
            return nothing_claimed(name, CLAIM, samples.diameter, chosen)
        ordered = np.sort(samples.distances_to(chosen))
        share = samples.alpha / 2

        def bound(epsilon: float) -> float:
            r = samples.radius_in_sigmas(epsilon)
            if r == 0:
                return 0.0
            rank = self.rank(self.needed_mass(r), len(ordered), share)
            if rank > len(ordered):
                return samples.diameter
            return min(samples.diameter, round_up(BALLS * float(ordered[rank - 1]) * (1 + RELATIVE_SLACK)))

        inside = sum(round_up(BALLS * d * (1 + RELATIVE_SLACK)) <= samples.tolerance for d in ordered.tolist())
        r = self.largest_shift(inside, len(ordered), share)
        return Certified(name, CLAIM, round_down(samples.sigma * r * (1 - RELATIVE_SLACK)), bound)

    def answer(
        self, selection: Features, check: Features, *, alpha: float, diameter: float
    ) -> NDArray[np.float64] | str:
        """Returns the smoothed function's answer, a centre of shape (d,), or why it abstains.

        selection: outputs that propose the centre, shape (n₀, d): the first are tried, the rest measure their balls.
        check: outputs drawn independently of them that must lie in the centre's ball often enough, shape (n, d). An
        honest and an attacked prompt are answered in the same way.
        """
        good = whole(selection)
        if not good.any():
            return f"all {len(good)} selection outputs failed"
        least = self.least_margin(len(selection), alpha / 4)
        if least > self.margin:
            return f"{len(selection)} selection outputs ask for a margin of {least:.4f}, above {self.margin:.4f}"
        tried = _tried(len(selection))
        if not good[:tried].any():
            return f"all {tried} outputs that are tried as the centre failed"
        centre, radius = smallest_ball(selection[:tried], selection[tried:], diameter)
        if radius >= diameter:
            return "no ball smaller than the diameter holds half of the selection outputs"
        inside = int(np.count_nonzero(distances(check, centre, diameter) <= radius))
        held = _mass_at_least(inside, len(check), alpha / 4, self.confidence)
        if not held > 0.5 - self.margin:
            return f"the centre's ball holds at least {held:.4f} of the outputs, not more than {0.5 - self.margin:.4f}"
        return centre

    def least_margin(self, selection: int, alpha: float) -> float:
        """Returns the smallest Δ for which a ball of mass ½ + Δ holds half of the outputs that measure and one of those
        that are tried as the centre, but for alpha; 1 where there are too few."""
        tried = _tried(selection)
        missed = 0.5**tried  # no candidate lies in the ball
        return least_margin(selection - tried, alpha - missed, self.confidence) if missed < alpha / 2 else 1.0

    def needed_mass(self, radius_in_sigmas: float) -> float:
        """Returns p = Φ(Φ⁻¹(½ + Δ) + r), rounded up: the honest mass that keeps ½ + Δ under every attack of r."""
        return float(attacked_probability(0.5 + self.margin, radius_in_sigmas))

    def rank(self, mass: float, draws: int, alpha: float) -> int:
        """Returns k for which the k-th smallest of `draws` distances is, with probability ≥ 1 − alpha, no smaller than
        the radius of a ball of this mass; draws + 1 where no order statistic is."""
        if mass >= 1:
            return draws + 1
        if self.confidence == "hoeffding":
            return math.ceil((mass + _hoeffding(draws, alpha)) * draws)
        rank = int(binom.ppf(1 - alpha, draws, mass)) + 1
        # The quantile function's last bits may be off by one rank: the lower bound that decides is the radius' own.
        while rank <= draws and probability_at_least(rank, draws, alpha) < mass:
            rank += 1
        return rank

    def largest_shift(self, inside: int, draws: int, alpha: float) -> float:
        """Returns the largest r whose needed mass is proven to lie in a ball that `inside` of `draws` outputs hit."""
        held = _mass_at_least(inside, draws, alpha, self.confidence)
        return max(0.0, float(ndtri(held) - ndtri(0.5 + self.margin))) if held > 0 else 0.0


def least_margin(outputs: int, alpha: float, confidence: Confidence = "exact") -> float:
    """Returns the smallest Δ for which a ball of mass ½ + Δ holds half of so many outputs, but for alpha.

    Half is ⌈n/2⌉. Raises InvalidAlpha, and InvalidDistances for no outputs. Proof: docs/theory/evaluation.md,
    "Center Smoothing".
    """
    require_alpha(alpha)
    if outputs < 1:
        raise InvalidDistances(f"a ball is measured by one output or more, got {outputs!r}", field="selection")
    if confidence == "hoeffding":
        return _hoeffding(outputs, alpha)
    half = (outputs + 1) // 2
    return float(clopper_pearson_upper(np.array([half - 1]), outputs, np.array([alpha]))[0]) - 0.5


def smallest_ball(candidates: Features, measured: Features, diameter: float) -> tuple[NDArray[np.float64], float]:
    """Returns the candidate whose ball of half of the measured outputs is smallest, and the radius of that ball.

    Half is ⌈n/2⌉; candidates that failed are passed over. If any ball of radius ρ holds a candidate and half of the
    measured outputs, the radius is at most 2ρ. Proof: docs/theory/evaluation.md, "Center Smoothing".
    """
    half = (len(measured) + 1) // 2
    tried = candidates[whole(candidates)]
    radii = [float(np.partition(distances(measured, point, diameter), half - 1)[half - 1]) for point in tried]
    best = int(np.argmin(radii))
    return tried[best], radii[best]


def _tried(selection: int) -> int:
    return min(CANDIDATES, selection // 3)


def _affordable_margin(confidence: Confidence, samples: Samples) -> float:
    """Returns the margin of the selection outputs and that of the check together, or nearly ½ where that is more."""
    selection = CenterSmoothing(confidence, _LARGEST_MARGIN).least_margin(len(samples.selection), samples.alpha / 4)
    return min(_LARGEST_MARGIN, selection + least_margin(len(samples.certification), samples.alpha / 4, confidence))


def _mass_at_least(inside: int, draws: int, alpha: float, confidence: Confidence) -> float:
    if confidence == "exact":
        return probability_at_least(inside, draws, alpha)
    return max(0.0, (inside / draws - _hoeffding(draws, alpha)) * (1 - RELATIVE_SLACK))


def _hoeffding(draws: int, alpha: float) -> float:
    return math.sqrt(math.log(1 / alpha) / (2 * draws))
