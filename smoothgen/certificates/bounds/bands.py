"""The bands: from sampled distances to upper bounds on P(R > t) that hold for all t together.

A band is a step function. Its construction is named in the certificate and a name's meaning never changes: a new
construction gets a new name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainccinv

from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_up
from smoothgen.certificates.bounds.theorems import Probabilities, upward_shift
from smoothgen.errors import InvalidAlpha, InvalidDistances, UnknownName

_INVERSION_SLACK: Final = 1e-9  # relative; far above the error of the inverse incomplete beta function
RANK_0_SHARE: Final = 0.3
GRID_STEP: Final = 0.35
LEAST_ALPHA: Final = 1e-12


@dataclass(frozen=True)
class SurvivalBand:
    """Upper bounds on P(R > t): `levels[k]` for t in [edges[k], edges[k+1]).

    edges: shape (K+1,), increasing, from 0 to the bound D_c; levels: shape (K,), in [0, 1]. With probability at least
    1 − alpha (the alpha the band was built with) every level is an upper bound.

    Proof: docs/theory/statistics.md, "All t at once: a grid of ranks"; of what is read from a band:
    docs/theory/bounds.md, "T2, spread", docs/theory/bounds.md, "T2′, spread and diameter together", and
    docs/theory/bounds.md, "T3, deviation of one output".
    """

    edges: NDArray[np.float64]
    levels: NDArray[np.float64]

    def integral_of_worst_shift(self, radius_in_sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns T2's right side, ∫₀^{D_c} W_r(P(R > t)) dt, for every r, shape (m,) → (m,), rounded up."""
        shifts = self._probabilities.worst_shifts(radius_in_sigmas)
        # numpy's pairwise sum, not a BLAS product: its error is below the slack at any length, and a row's value does
        # not depend on how many rows are computed with it.
        integrals: NDArray[np.float64] = (shifts * self._lengths).sum(axis=1) * (1 + RELATIVE_SLACK)
        return integrals

    def bound_by_oscillation(self, diameter: float, radius_in_sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns T2′: max over 0 ≤ s ≤ D/2 of ∫₀ˢ W_r(S) dt + ∫ₛ^{D−s} W⁺_r(S) dt, for every r, rounded up.

        S(t): the levels. diameter: D > 0, metric units. r of shape (m,) → (m,). T2′ is never above T1 or T2 by more
        than the rounding. The maximand is concave and piecewise linear in s, so it is read at all its kinks.
        """
        starts, ends = self._kinks(diameter)
        lost_or_gained = self._cumulated(self._probabilities.worst_shifts(radius_in_sigmas))
        gained = self._cumulated(upward_shift(self.levels[None, :], radius_in_sigmas[:, None]))
        values = self._read(lost_or_gained, starts) + (self._read(gained, ends) - self._read(gained, starts))
        # A running sum of K terms is off by at most K units of 2⁻⁵³ of itself, and three of them are read.
        slack = RELATIVE_SLACK + 4 * len(self.levels) * 2.0**-53
        largest: NDArray[np.float64] = values.max(axis=1) * (1 + slack)
        return largest

    def raised(self, slack: float) -> SurvivalBand:
        """Returns this band with `slack` added to every level, at most 1: for a law that far off in total variation."""
        return SurvivalBand(self.edges, np.minimum(1.0, self.levels + slack)) if slack else self

    def _kinks(self, diameter: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns the s at which T2′'s maximand may turn, and D − s for each: 0, D/2, every edge t and every D − t
        between."""
        candidates = np.concatenate((self.edges, diameter - self.edges, [0.0, diameter / 2]))
        starts = np.unique(np.clip(candidates, 0.0, diameter / 2))
        return starts, np.maximum(diameter - starts, starts)

    def _cumulated(self, heights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns ∫₀^edge of step functions with these heights, (m, K) → (m, K + 1)."""
        sums = np.zeros((len(heights), len(self.edges)))
        np.cumsum(heights * self._lengths, axis=1, out=sums[:, 1:])
        return sums

    def _read(self, cumulated: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the integrals up to `at`, (m, K + 1) → (m, len(at)): linear between edges, constant beyond the
        last."""
        step = np.clip(np.searchsorted(self.edges, at, side="right") - 1, 0, len(self.levels) - 1)
        lengths = self._lengths[step]
        inside = np.clip(at - self.edges[step], 0.0, lengths)
        share = np.divide(inside, lengths, out=np.ones_like(lengths), where=lengths > 0)
        below: NDArray[np.float64] = cumulated[:, step]
        return below + share * (cumulated[:, step + 1] - below)

    @cached_property
    def _probabilities(self) -> Probabilities:
        return Probabilities(self.levels[None, :])

    @cached_property
    def _lengths(self) -> NDArray[np.float64]:
        return np.diff(self.edges)

    def survival_upper_bound(self, distance: float) -> float:
        """Returns the upper bound on P(R > distance); 0 at and beyond D_c. Raises InvalidDistances for NaN."""
        if math.isnan(distance):
            raise InvalidDistances(f"distance must be a number, got {distance!r}", field="distance")
        if distance >= self.edges[-1]:
            return 0.0
        step = int(np.searchsorted(self.edges, distance, side="right")) - 1
        return float(self.levels[max(step, 0)])

    def quantiles(self, gammas: Sequence[float], attacked: NDArray[np.float64]) -> list[float]:
        """Returns T3's t for every gamma: the smallest for which P(R′ > t) ≤ gamma is proven under an attack, rounded
        up.

        attacked: the most each of `levels` can become under the attack, shape (K,). Every t is an edge of the band (an
        order statistic), the last edge where no level is small enough.
        """
        bound = float(self.edges[-1])
        proven = [np.flatnonzero(attacked <= gamma) for gamma in gammas]
        return [min(round_up(float(self.edges[p[0]])), bound) if p.size else bound for p in proven]


@dataclass(frozen=True)
class Band:
    """A named construction: build(sorted distances, bound, alpha), and how it spends alpha.

    Proof: docs/theory/statistics.md, "All t at once: a grid of ranks".
    """

    name: str
    build: Callable[[NDArray[np.float64], float, float], SurvivalBand]
    split: Callable[[int, float], Mapping[str, float]]


def require_alpha(alpha: float) -> None:
    """Raises InvalidAlpha unless alpha lies in [1e-12, 1), where every level below is computed to nine digits."""
    if not LEAST_ALPHA <= alpha < 1:  # refuses NaN too
        raise InvalidAlpha(
            f"alpha must lie in [{LEAST_ALPHA:g}, 1), got {alpha!r}; it is 1 - confidence, such as 0.001",
            field="alpha",
        )


def grid_ranks(n: int, alpha: float) -> NDArray[np.int64]:
    """Returns ranks m₀ = 0 < m₁ < … < n (how many samples lie above), in steps of max(1, 0.35·√(m·ln(20/α))).

    Proof: docs/theory/statistics.md, "All t at once: a grid of ranks".
    """
    require_alpha(alpha)
    log_term = math.log(20 / alpha)
    ranks = [0]
    while True:
        following = ranks[-1] + max(1, int(GRID_STEP * math.sqrt(ranks[-1] * log_term)))
        if following >= n:
            return np.array(ranks, dtype=np.int64)
        ranks.append(following)


def _rank_alphas(count: int, alpha: float) -> NDArray[np.float64]:
    """Returns each rank's alpha: three tenths on rank 0, the rest shared equally; all of it where rank 0 is alone."""
    if count == 1:
        return np.array([alpha])
    alphas = np.full(count, (1 - RANK_0_SHARE) * alpha / (count - 1))
    alphas[0] = RANK_0_SHARE * alpha
    return alphas


def clopper_pearson_upper(ranks: NDArray[np.int64], n: int, alphas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns, for m samples above, the quantile that the survival exceeds with probability ≤ alpha only, rounded up.

    Clopper & Pearson (1934). Proof: docs/theory/statistics.md, "One order statistic".
    """
    quantile: NDArray[np.float64] = betainccinv(ranks + 1, n - ranks, alphas) * (1 + _INVERSION_SLACK)
    return np.minimum(1.0, quantile)


@lru_cache(maxsize=256)  # a server certifies at a few n and alpha, thousands of times
def _grid(n: int, alpha: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns the grid of ranks and the level of each. Neither depends on the distances."""
    ranks = grid_ranks(n, alpha)
    levels = clopper_pearson_upper(ranks, n, _rank_alphas(len(ranks), alpha))
    for shared in (ranks, levels):
        shared.setflags(write=False)
    return ranks, levels


def _order_statistics(ordered: NDArray[np.float64], bound: float, alpha: float) -> SurvivalBand:
    """Returns the band of any distances: P(R > R_(n−m)) is stochastically at most Beta(m+1, n−m), ties included."""
    n = len(ordered)
    ranks, levels = _grid(n, alpha)
    # ordered[n−1−m] has m samples behind it: P(R > it) ≤ level, and so for every t up to the next grid rank.
    # Read from small t to large: 1 below the last grid rank's distance, rank 0 from the largest sample to D_c.
    distances = np.minimum(ordered[n - 1 - ranks], bound)
    edges = np.concatenate(([0.0], distances[::-1], [bound]))
    return SurvivalBand(edges=edges, levels=np.concatenate(([1.0], levels[::-1])))


def _order_statistics_split(n: int, alpha: float) -> Mapping[str, float]:
    alphas = _rank_alphas(len(_grid(n, alpha)[0]), alpha)
    return {"rank_0": float(alphas[0]), "each_other_rank": float(alphas[-1]), "grid_ranks": len(alphas)}


def _two_valued(ordered: NDArray[np.float64], bound: float, alpha: float) -> SurvivalBand:
    """Returns the band of distances that can only be 0 or D_c, fixed before any data: one Clopper–Pearson bound."""
    exceeding = int(np.count_nonzero(ordered))
    if not np.all((ordered == 0) | (ordered >= bound)):
        stray = ordered[(ordered != 0) & (ordered < bound)][0]
        raise InvalidDistances(
            f"band 'two-valued/v1' takes distances of 0 or {bound!r} only, got {float(stray)!r}; "
            "use band='order-statistics/v1'"
        )
    n = len(ordered)
    level = 1.0 if exceeding == n else float(clopper_pearson_upper(np.array([exceeding]), n, np.array([alpha]))[0])
    return SurvivalBand(edges=np.array([0.0, bound]), levels=np.array([level]))


def _two_valued_split(n: int, alpha: float) -> Mapping[str, float]:
    del n
    return {"exceedance": alpha}


def _no_samples(ordered: NDArray[np.float64], bound: float, alpha: float) -> SurvivalBand:
    """Returns the band in which every distance may be D_c: what is known without a sample. min(T1, T2) is then T1."""
    del alpha
    if len(ordered):
        raise InvalidDistances(
            f"band 'no-samples/v1' takes no distances, got {len(ordered)}; use band='order-statistics/v1'",
            field="band",
        )
    return SurvivalBand(edges=np.array([0.0, bound]), levels=np.array([1.0]))


def _no_samples_split(n: int, alpha: float) -> Mapping[str, float]:
    del n, alpha
    return {}  # the band cannot fail, so it spends nothing


ORDER_STATISTICS: Final = Band("order-statistics/v1", _order_statistics, _order_statistics_split)
"""The band of any distances. Proof: docs/theory/statistics.md, "All t at once: a grid of ranks"."""
TWO_VALUED: Final = Band("two-valued/v1", _two_valued, _two_valued_split)
"""The band of distances that are 0 or D_c. Proof: docs/theory/statistics.md, "One order statistic"."""
NO_SAMPLES: Final = Band("no-samples/v1", _no_samples, _no_samples_split)
"""The band of no distances. Proof: docs/theory/statistics.md, "Without samples"."""
BANDS: Final[Mapping[str, Band]] = MappingProxyType({b.name: b for b in (ORDER_STATISTICS, TWO_VALUED, NO_SAMPLES)})


def band_by_name(name: str) -> Band:
    """Returns the band of this name. Raises UnknownName."""
    if name not in BANDS:
        raise UnknownName("band", name, BANDS, field="band")
    return BANDS[name]
