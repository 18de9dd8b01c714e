"""One known other prompt against a certificate: its distance, the ball's bound there, and a bound of its own.

For a known shift δ the likelihood ratio ρ = e^{ru − r²/2} of the attacked to the honest noise is known on every sample:
u = ⟨η, δ⟩/(σ‖δ‖) is standard normal and r = ‖δ‖/σ. W₁(P, Q) ≤ E[R·|ρ − 1|] (the first half of theorem T2), so the
distances of the certification samples and the noise they were drawn with bound the shift to that very prompt, without
another model call. Proofs: docs/theory/covers.md; test martingales after Waudby-Smith & Ramdas (2024).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_up
from smoothgen.certificates.bounds.theorems import total_variation, worst_event_shift
from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.evidence import Evidence
from smoothgen.errors import InvalidDistances, InvalidEpsilon, InvalidSeed
from smoothgen.mechanisms.protocol import Projecting
from smoothgen.noise import SCHEME, Seed, Stream

_BOLDEST: Final = 0.9
"""Share of the capital a bet may lose at most: any number below 1 is valid."""
_SPREAD_GUESS: Final = 1 / 4
"""Of the largest value: the standard deviation assumed before any sample is seen."""
_TAIL: Final = 3.0
"""κ is exceeded with probability _TAIL·ln(1/α)/n: mass so rare that n samples say little about it."""
_ABSOLUTE_SLACK: Final = 4e-15  # of D_c; sums of a few normal CDFs, each exact to about one ulp of 1
_RESULT_SLACK: Final = 1e-9  # relative; far above the error of n logarithms and of a projection of any length
_BISECTIONS: Final = 40
_MOST_COORDINATES: Final = 200_000_000
_CHUNK_COORDINATES: Final = 1 << 22


@dataclass(frozen=True)
class Cover:
    """What is known of one other prompt. Bounds are on W₁ between the outputs of the two prompts, rounded up.

    distance: the attack norm of its shift. inside: within the certified radius. ball_bound: what the certificate says
    of EVERY shift of this norm; universal_bound: the same without samples (T1). prompt_bound: of this very shift, None
    where the noise cannot be drawn again; samples: how many it rests on. selected_sigma_may_differ: the certificate's
    sigma was selected by its prompt, and so far away another may be selected: prompt_bound is then about the other
    prompt under the certificate's sigma.

    Proof: docs/theory/covers.md, "What is answered".
    """

    distance: float
    inside: bool
    ball_bound: float
    universal_bound: float
    prompt_bound: float | None
    samples: int
    selected_sigma_may_differ: bool = False

    @property
    def w1_bound(self) -> float:
        """Returns the least bound that applies to the other prompt as it would be served."""
        if self.prompt_bound is None or self.selected_sigma_may_differ:
            return self.ball_bound
        return min(self.ball_bound, self.prompt_bound)


def covers(certificate: Certificate, deltas: Sequence[NDArray[np.float64]], *, alpha: float) -> list[Cover]:
    """Returns what a certificate says of other prompts, given the shifts δ = x' − x that lead to them, each of the
    shape of x.

    alpha: what EACH prompt's own bound may spend, apart from the certificate's alpha: for k bounds to hold together
    with probability 1 − α, α/k. It is a probability over the certificate's samples, so the prompts must have been
    chosen without looking at those: neither at their noise, whose seed stands in the certificate, nor at their
    distances or anything computed from them, as radius and curve are.

    Proof: docs/theory/covers.md, "Whose probability". Raises InvalidEpsilon for a shift that is not finite,
    InvalidAlpha.
    """
    require_alpha(alpha)
    distances = [round_up(certificate.mechanism.attack_norm(delta)) for delta in deltas]
    moved = [k for k, delta in enumerate(deltas) if delta.any()]
    drawn = _projections(certificate, [deltas[k] for k in moved])
    own = dict(zip(moved, drawn, strict=True)) if drawn else {}
    return [_cover(certificate, distance, own.get(k), alpha) for k, distance in enumerate(distances)]


def _cover(
    certificate: Certificate, distance: float, own: tuple[NDArray[np.float64], float] | None, alpha: float
) -> Cover:
    evidence, diameter = certificate.evidence, certificate.evidence.diameter
    bound: float | None = None
    if distance == 0:  # the two prompts have one and the same x
        bound = 0.0
    elif own is not None:
        sizes = (evidence.samples,) if certificate.looks is None else certificate.looks.sizes
        bound = prompt_bound(
            evidence,
            *own,
            alpha=alpha,
            sizes=sizes,
            worst=certificate.bounds.worst_distance(evidence),
            rounding_slack=certificate.rounding_slack,
        )
    beyond = distance > certificate.reach
    return Cover(
        distance=distance,
        inside=distance <= certificate.radius,
        ball_bound=certificate.w1_bound(distance),
        universal_bound=diameter if beyond else min(certificate.universal_w1_bound(distance), diameter),
        prompt_bound=bound,
        samples=0 if own is None else len(own[0]),
        selected_sigma_may_differ=beyond,
    )


def _projections(
    certificate: Certificate, deltas: Sequence[NDArray[np.float64]]
) -> list[tuple[NDArray[np.float64], float]]:
    """Returns the noise of the first certification samples, drawn again and projected: (u, r) for each shift ≠ 0.

    Returns nothing where it cannot be drawn again: no samples, a seed or construction of noise that is not known, a
    mechanism that cannot tell. How many samples are drawn depends on the shape of x alone, as a limit on the work.
    """
    mechanism, seed, samples = certificate.mechanism, _seed_of(certificate), certificate.evidence.samples
    if seed is None or not samples or not deltas or not isinstance(mechanism, Projecting):
        return []
    shape = deltas[0].shape
    coordinates = max(1, mechanism.draw(seed, Stream.CERTIFICATION, [0], shape).size)
    samples = max(1, min(samples, _MOST_COORDINATES // coordinates))
    chunk = max(1, _CHUNK_COORDINATES // coordinates)
    along, radii = np.empty((len(deltas), samples)), [0.0] * len(deltas)
    for first in range(0, samples, chunk):
        indices = range(first, min(first + chunk, samples))
        noise = mechanism.draw(seed, Stream.CERTIFICATION, indices, shape)
        for k, delta in enumerate(deltas):
            along[k, indices.start : indices.stop], radii[k] = mechanism.project(noise, delta)
    return list(zip(along, radii, strict=True))


def _seed_of(certificate: Certificate) -> Seed | None:
    sampling = certificate.provenance.sampling
    if sampling is None or sampling.noise_scheme != SCHEME:
        return None
    try:
        return Seed(int(sampling.seed, 16), sampling.seed_origin)
    except (ValueError, InvalidSeed):
        return None


def prompt_bound(
    evidence: Evidence,
    along: NDArray[np.float64],
    radius_in_sigmas: float,
    *,
    alpha: float,
    sizes: Sequence[int],
    worst: float | None = None,
    rounding_slack: float = 0.0,
) -> float:
    """Returns an upper bound on W₁ to the one prompt at the shift δ, rounded up. P(it is too low) ≤ alpha.

    Proof: docs/theory/covers.md, "An upper confidence bound on it".

    Args:
        evidence: the distances R, in sample order; failed samples count as `worst`.
        along: u of the first m samples, shape (m,), with m ≤ evidence.samples. Each u must be a standard normal known
            for its own sample, and δ chosen without looking at any of them, or at the distances.
        radius_in_sigmas: r = ‖δ‖/σ, > 0.
        sizes: the numbers of samples that might have been taken, fixed before the first. They tune the bets; that the
            number taken was chosen by looking costs nothing (Ville's inequality).
        worst: the furthest that an output, or a failure, may lie from the centre; by default the larger of D_c and D.
        rounding_slack: as in `certify`. E[R·|ρ − 1|] under the noise as computed and under ideal noise differ by what
            an event of that probability can weigh, worst·W_r(slack), and the two prompts' laws by 2·slack·D.

    Raises InvalidAlpha, InvalidEpsilon, InvalidDistances.
    """
    require_alpha(alpha)
    r = radius_in_sigmas
    if not (math.isfinite(r) and r > 0):
        raise InvalidEpsilon(f"radius_in_sigmas must be a positive finite number, got {r!r}")
    if not 0 < len(along) <= evidence.samples:
        raise InvalidDistances(f"{len(along)} projections for {evidence.samples} distances; give 1 to that many")
    worst = max(evidence.bound, evidence.diameter) if worst is None else worst
    weight = 2 * total_variation(r)  # E|ρ − 1|, rounded up
    drawn = evidence.distances[: len(along)].astype(np.float64)
    distances = np.where(np.isinf(drawn), worst, np.minimum(drawn, evidence.bound))
    with np.errstate(under="ignore"):
        weights = np.abs(np.expm1(r * along - r * r / 2))
    bets = [_Bets.placed(distances, weights, r, worst, alpha, size) for size in sorted(set(sizes))[::-2]]
    low, high = 0.0, worst * weight
    enough = math.log(len(bets) / alpha)
    if _capital(bets, high) >= enough:
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (low, middle) if _capital(bets, middle) >= enough else (middle, high)
    carried = worst * float(worst_event_shift(rounding_slack, r)) + 2 * rounding_slack * evidence.diameter
    bound = high * (1 + _RESULT_SLACK) + _ABSOLUTE_SLACK * worst + carried
    return min(round_up(bound), evidence.diameter)


@dataclass(frozen=True)
class _Bets:
    """A game against the hypothesis E[R·W] ≥ M: sample i multiplies the capital by 1 + stake_i·(M − payoff_i).

    Shapes (m,). stake_i and all that enters payoff_i beside sample i itself are fixed by the samples before it.
    """

    stakes: NDArray[np.float64]
    payoffs: NDArray[np.float64]

    @classmethod
    def placed(
        cls,
        distances: NDArray[np.float64],
        weights: NDArray[np.float64],
        r: float,
        worst: float,
        alpha: float,
        size: int,
    ) -> _Bets:
        """Returns the bets tuned for `size` samples.

        R·W = (R − g(u))·W + g(u)·W with g = m + (D_c − m)(1 − κ/W)₊, whose mean E[g·W] is known exactly: g takes the
        distances' mean m so far where W is small, and D_c where W is large, so that what is left to learn from the
        samples, Z = (R − g)·W, varies little and never exceeds (D_c − m)·κ.
        """
        kappa = _exceeded_with_probability(min(0.5, _TAIL * math.log(1 / alpha) / size), r)
        before = np.arange(1, len(distances) + 1)  # one more than the samples seen: the first mean is 0
        m = np.minimum(_sums_before(distances) / before, worst)
        known = m * 2 * total_variation(r) + (worst - m) * mean_excess(kappa, r)
        rest = (distances - m) * weights - (worst - m) * np.maximum(weights - kappa, 0.0)
        centred = rest - _sums_before(rest) / before
        variance = ((_SPREAD_GUESS * worst * kappa) ** 2 + _sums_before(centred * centred)) / before
        boldest = _BOLDEST / ((worst - m) * kappa + known)  # M ≥ 0, so no factor falls below 1 − _BOLDEST
        with np.errstate(divide="ignore", over="ignore"):
            stakes = np.minimum(np.sqrt(2 * math.log(1 / alpha) / (size * variance)), boldest)
        return cls(stakes, known + rest)


def _capital(bets: Sequence[_Bets], mean: float) -> float:
    """Returns ln of the sum of the games' capitals after all samples, which increases in the mean put to the test."""
    logs = [float(np.log1p(b.stakes * (mean - b.payoffs)).sum()) for b in bets]
    most = max(logs)
    return most + math.log(math.fsum(math.exp(each - most) for each in logs))


def _sums_before(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the sum of the values before each, shape (m,) → (m,)."""
    sums: NDArray[np.float64] = np.concatenate(([0.0], np.cumsum(values)[:-1]))
    return sums


def mean_excess(kappa: float, radius_in_sigmas: float) -> float:
    """Returns E(|ρ − 1| − κ)₊ in closed form, rounded up. κ ≥ 0, r > 0.

    Proof: docs/theory/covers.md, "An upper confidence bound on it".
    """
    r = radius_in_sigmas
    b = math.log1p(kappa) / r + r / 2
    mean = float(ndtr(r - b) - (1 + kappa) * ndtr(-b))
    if kappa < 1:
        a = math.log1p(-kappa) / r + r / 2
        mean += float((1 - kappa) * ndtr(a) - ndtr(a - r))
    return max(0.0, mean * (1 + RELATIVE_SLACK)) + _ABSOLUTE_SLACK


def _exceeded_with_probability(p: float, r: float) -> float:
    """Returns κ with P(|ρ − 1| > κ) ≈ p. Any κ ≥ 0 gives a valid bound; the equation need not be solved well."""
    if p <= float(ndtr(-(math.log(2) / r + r / 2))):  # the upper tail alone
        return float(np.expm1(-r * ndtri(p) - r * r / 2))

    def missing(kappa: float) -> float:
        upper = ndtr(-(math.log1p(kappa) / r + r / 2))
        lower = ndtr(math.log1p(-kappa) / r + r / 2) if kappa < 1 else 0.0
        return float(upper + lower - p)

    return float(brentq(missing, 0.0, 1.0, xtol=1e-300, rtol=1e-12, maxiter=2000))
