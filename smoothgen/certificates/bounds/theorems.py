"""The theorems T1 to T3: how far a Gaussian shift of r sigmas can move the law of the outputs.

Everything here is a pure function of r = ε/σ (`radius_in_sigmas`) and of probabilities; no sampling, no
statistics. Results are upper bounds: each is rounded up past the error of the double arithmetic behind it.
T1 and T3 are Neyman–Pearson for two Gaussians (Cohen, Rosenfeld & Kolter 2019); T2 bounds W₁
by weighted total variation (Villani, Optimal Transport, Thm 6.15) and by the worst event of each probability.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, erfinv, ndtr, ndtri

from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK

_ABSOLUTE_SLACK: Final = 4e-15  # sums of six normal CDFs, each exact to about one ulp of 1
_NEWTON_STEPS: Final = 4  # three reach 1e-13 or the last bits for r in [1e-6, 60]; the dual is a bound after any number
_TINY: Final = 1e-300
_FURTHEST: Final = 1e6  # sigmas, where a total variation has long been 1 to the last bit
_SQRT_2PI: Final = math.sqrt(2 * math.pi)


def total_variation(radius_in_sigmas: float) -> float:
    """Returns T1's factor TV(N(0,I), N(δ,I)) = 2Φ(r/2) − 1 for ‖δ‖ = r, rounded up and at most 1.

    Proof: docs/theory/bounds.md, "T1, universal".
    """
    if radius_in_sigmas == 0:
        return 0.0
    return min(1.0, float(erf(radius_in_sigmas / math.sqrt(8))) * (1 + RELATIVE_SLACK))


def total_variation_radius(distance: float) -> float:
    """Returns the largest r whose total variation is at most `distance` ∈ [0, 1), rounded down: T1 solved for r.

    Proof: docs/theory/bounds.md, "T1, universal".
    """
    return math.sqrt(8) * float(erfinv(distance)) * (1 - 1e-12)


def worst_event_shift(probability: ArrayLike, radius_in_sigmas: ArrayLike) -> NDArray[np.float64]:
    """Returns W_r(p) = max { ∫_A |dN(r,1) − dN(0,1)| : P(A) ≤ p }, rounded up (T2).

    Both arguments broadcast; probabilities lie in [0, 1], r ≥ 0. Concave and increasing in p, increasing in r,
    W_r(0) = 0, W_r(1) = 2·TV.

    The worst event is {|ρ − 1| > κ}, ρ the likelihood ratio: u > b, and below κ = 1 also u < a. While p is small
    only the upper tail is used and W = Φ(Φ⁻¹(p) + r) − p. Beyond, a is found by Newton's method, and the value
    returned is the Lagrangian dual κp + E(|ρ − 1| − κ)₊, which bounds W_r(p) from above for EVERY κ ≥ 0: an
    unconverged κ costs tightness (second order), never validity.

    Proof: docs/theory/bounds.md, "T2, spread", and docs/theory/bounds.md, "Computing W_r(p): any κ gives a bound".
    """
    p, r = np.broadcast_arrays(
        np.asarray(probability, dtype=np.float64), np.asarray(radius_in_sigmas, dtype=np.float64)
    )
    return _worst_shift(Probabilities(p.reshape(-1, 1)), r.reshape(-1, 1)).reshape(p.shape)


class Probabilities:
    """Probabilities p, shape (1, K), with what every r needs of them, computed once: Φ⁻¹(p) and Φ⁻¹(p/2).

    Proof: docs/theory/bounds.md, "Computing W_r(p): any κ gives a bound".
    """

    def __init__(self, p: NDArray[np.float64]) -> None:
        self.p = p
        with np.errstate(divide="ignore"):
            self.quantile: NDArray[np.float64] = ndtri(p)
            self.half_quantile: NDArray[np.float64] = ndtri(p / 2)

    def worst_shifts(self, radius_in_sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns W_r(p) for every r and p, shape (m,) → (m, K): `worst_event_shift` to the last bit, and faster."""
        return _worst_shift(self, radius_in_sigmas[:, None])


def _worst_shift(levels: Probabilities, r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns W_r(p) for r of shape (m, 1) and p of shape (1, K), or each r with its own p of shape (m, 1)."""
    p = levels.p
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        safe_r = np.where(r > 0, r, 1.0)
        tail_only = ndtr(-(math.log(2) / safe_r + safe_r / 2))  # P(ρ > 2): up to here a = −∞
        shift = ndtr(levels.quantile + safe_r) - p
        rows, columns = np.nonzero(p > tail_only)
        if rows.size:
            # Everything at full length: numpy adds two arrays of a few dozen numbers faster than an array and a scalar.
            of_p = columns if len(p) == 1 else rows
            shift[rows, columns] = _two_tailed(
                p.reshape(-1)[of_p],
                levels.quantile.reshape(-1)[of_p],
                levels.half_quantile.reshape(-1)[of_p],
                safe_r[rows, 0],
                tail_only[rows, 0],
            )
    shift = np.minimum(shift * (1 + RELATIVE_SLACK) + _ABSOLUTE_SLACK, 2 * _total_variation(r))
    return np.where((p <= 0) | (r <= 0), 0.0, shift)


def _two_tailed(
    p: NDArray[np.float64],
    quantile: NDArray[np.float64],
    half_quantile: NDArray[np.float64],
    r: NDArray[np.float64],
    tail_only: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Returns the dual of W_r(p) for p > P(ρ > 2), minimised over κ ∈ (0, 1). Arguments broadcast.

    The unknown is a, the edge of the lower tail, with 1 − κ = c = e^{ra − r²/2} and b = (ln(2 − c) + r²/2)/r. Newton's
    method on ln(P(worst event) − P(ρ > 2)) as a function of a, which is close to straight whichever tail grows, from
    the least of three starting points beyond the solution: all the growth in the lower tail, all of it in the upper
    one, and equal tails around r/2 (r → 0).
    """
    half_r = r / 2
    remaining = np.maximum(p - tail_only, _TINY)
    c_of_upper_tail = np.maximum(1 - np.expm1(-r * (quantile + half_r)), _TINY)
    start = np.minimum(ndtri(remaining), half_r + np.log(c_of_upper_tail) / r)
    start = np.minimum(start, half_r)
    a = np.minimum(start, half_r + half_quantile)
    best: NDArray[np.float64] = np.full_like(a, np.inf)
    for step in range(_NEWTON_STEPS + 1):
        exponent = r * (a - half_r)
        kappa, c = -np.expm1(exponent), np.exp(exponent)
        b = half_r + np.log1p(kappa) / r
        upper, lower = ndtr(-b), ndtr(a)
        event = upper + lower
        gain = (ndtr(r - b) - upper) + (lower - ndtr(a - r))
        best = np.fmin(best, kappa * p + (gain - kappa * event))
        if step < _NEWTON_STEPS:
            grown = np.maximum(event - tail_only, _TINY)
            slope = (_density(a) + _density(b) * c / (2 - c)) / grown
            a = a + np.log(remaining / grown) / np.maximum(slope, _TINY)
            a = np.minimum(np.maximum(a, -45.0), start)
    return best


def upward_shift(probability: ArrayLike, radius_in_sigmas: ArrayLike) -> NDArray[np.float64]:
    """Returns W⁺_r(p) = max { Φ(Φ⁻¹(q) + r) − q : q ≤ p }, rounded up: what an event of probability ≤ p can gain (T2′).

    Both arguments broadcast; probabilities lie in [0, 1], r ≥ 0. W⁺ increases in p and r and is at most W_r(p). From
    p = Φ(−r/2) on it is constant, the total variation.

    Proof: docs/theory/bounds.md, "T2′, spread and diameter together".
    """
    p, r = np.broadcast_arrays(
        np.asarray(probability, dtype=np.float64), np.asarray(radius_in_sigmas, dtype=np.float64)
    )
    r = np.minimum(r, _FURTHEST)
    with np.errstate(divide="ignore"):
        quantile = np.minimum(ndtri(p), -r / 2)
        gain = (ndtr(quantile + r) - ndtr(quantile)) * (1 + RELATIVE_SLACK) + _ABSOLUTE_SLACK
    return np.where((p <= 0) | (r <= 0), 0.0, np.minimum(gain, _total_variation(r)))


def universal_w1_bound(diameter: float, radius_in_sigmas: float) -> float:
    """Returns T1's bound: W₁(P, Q) ≤ D·(2Φ(r/2) − 1) for any generator that receives ideal noise. Metric units.

    Proof: docs/theory/bounds.md, "T1, universal".
    """
    return diameter * total_variation(radius_in_sigmas)


def universal_w1_bounds(diameter: float, radius_in_sigmas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns T1's bound for many r at once, shape (m,) → (m,), metric units.

    Proof: docs/theory/bounds.md, "T1, universal".
    """
    return diameter * _total_variation(radius_in_sigmas)


def attacked_probability(probability: ArrayLike, radius_in_sigmas: float) -> NDArray[np.float64]:
    """Returns T3's Φ(Φ⁻¹(p) + r), rounded up: the most an event of probability ≤ p can weigh after a shift of r sigmas.

    Proof: docs/theory/bounds.md, "T3, deviation of one output".
    """
    p = np.asarray(probability, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        attacked = ndtr(ndtri(p) + radius_in_sigmas) * (1 + RELATIVE_SLACK) + _ABSOLUTE_SLACK
    return np.where(p <= 0, 0.0, np.minimum(attacked, 1.0))


def _total_variation(r: NDArray[np.float64]) -> NDArray[np.float64]:
    variation: NDArray[np.float64] = np.minimum(1.0, erf(r / math.sqrt(8)) * (1 + RELATIVE_SLACK))
    return variation


def _density(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(-0.5 * (x * x)) / _SQRT_2PI
