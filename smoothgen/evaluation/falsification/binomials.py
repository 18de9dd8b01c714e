"""Labels, guards and deviations under attack: exact lower bounds on how probable an event really became."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.errors import InvalidDistances
from smoothgen.evaluation.confidence import probability_at_least, probability_at_most

MOST_THRESHOLDS: Final = 64
"""Distances that are tried on the training half."""


def event_lower_bound(bad: int, draws: int, alpha: float) -> float:
    """Returns a lower bound on the probability of a bad output under attack: `bad` of `draws` fresh attacked outputs.

    P(the probability is below the bound) ≤ alpha. Set it against T3's Φ(Φ⁻¹(p̄) + r), such as
    `certificate.exceedance(epsilon, distance)` or a guard's certified bound. Raises InvalidDistances, InvalidAlpha.

    Proof: docs/theory/evaluation.md, "Labels, guards and deviations".
    """
    return probability_at_least(bad, draws, alpha)


def probability_shift_lower_bound(
    honest_bad: int, honest_draws: int, attacked_bad: int, attacked_draws: int, alpha: float
) -> float:
    """Returns a lower bound on how much more probable an event is under attack, at least 0.

    Two exact bounds, half of alpha each. It is a lower bound on the total variation, and so on W₁ of a metric in which
    the event and its complement lie 1 apart. Raises InvalidDistances, InvalidAlpha.

    Proof: docs/theory/evaluation.md, "Labels, guards and deviations".
    """
    attacked = probability_at_least(attacked_bad, attacked_draws, alpha / 2)
    honest = probability_at_most(honest_bad, honest_draws, alpha / 2)
    return max(0.0, attacked - honest)


def label_shift_lower_bound(
    honest: Sequence[str | None], attacked: Sequence[str | None], *, alpha: float
) -> tuple[float, frozenset[str | None]]:
    """Returns a lower bound on W₁ of the laws of labels, in the metric 1{labels differ}, and the set of labels read.

    honest, attacked: labels of independent fresh outputs; None is a failed output, a label of its own. The first half
    of either chooses the labels that the attack made more frequent, the second half is counted. P(W₁ is below the
    bound) ≤ alpha. Raises InvalidDistances for fewer than two labels of either law, InvalidAlpha.

    Proof: docs/theory/evaluation.md, "Labels, guards and deviations".
    """
    if min(len(honest), len(attacked)) < 2:
        raise InvalidDistances(
            f"labels of two outputs or more are needed of either law, got {len(honest)} and {len(attacked)}",
            field="attacked",
        )
    p_half, q_half = len(honest) // 2, len(attacked) // 2
    p, q = Counter(honest[:p_half]), Counter(attacked[:q_half])
    gained = frozenset(label for label in q if q[label] * p_half > p[label] * q_half)
    honest_bad = sum(label in gained for label in honest[p_half:])
    attacked_bad = sum(label in gained for label in attacked[q_half:])
    draws = len(honest) - p_half, len(attacked) - q_half
    return probability_shift_lower_bound(honest_bad, draws[0], attacked_bad, draws[1], alpha), gained


@dataclass(frozen=True)
class Exceeded:
    """P(R′ > distance) from below, against what is certified. distance: chosen on the training half, metric units."""

    distance: float
    lower: float
    certified: float


def deviation_exceeded(distances: ArrayLike, certified: Callable[[float], float], *, alpha: float) -> Exceeded:
    """Returns where fresh attacked outputs lie further out than a certificate says they may, as far as can be proven.

    distances: of independent fresh outputs under ONE attack to the certificate's centre, shape (n,); NaN or infinity
    is a failed output, beyond every distance. certified: from a distance t to the certified upper bound on
    P(R′ > t) for this attack's norm, such as `lambda t: certificate.exceedance(epsilon, t)`. The first half chooses t,
    the second half is counted. P(the probability is below `lower`) ≤ alpha, whatever t was chosen. Raises
    InvalidDistances for fewer than two distances, InvalidAlpha.

    Proof: docs/theory/evaluation.md, "Labels, guards and deviations".
    """
    given: NDArray[np.float64] = np.asarray(distances, dtype=np.float64)
    if given.ndim != 1 or len(given) < 2:
        raise InvalidDistances(f"two distances or more are needed, got shape {given.shape}", field="distances")
    measured = np.where(np.isnan(given), np.inf, given)
    half = len(measured) // 2
    train, read = np.sort(measured[:half]), measured[half:]
    # Just below a distance that was seen, and 0: the empirical survival function steps nowhere else.
    finite = train[np.isfinite(train)]
    steps = np.unique(np.concatenate(([0.0], np.nextafter(finite, 0.0))))
    candidates = steps[np.unique(np.linspace(0, len(steps) - 1, MOST_THRESHOLDS).astype(np.int64))]
    best = max(candidates.tolist(), key=lambda t: _margin(t, train, len(read), certified, alpha))
    lower = probability_at_least(int(np.count_nonzero(read > best)), len(read), alpha)
    return Exceeded(best, lower, certified(best))


def _margin(
    distance: float, train: NDArray[np.float64], draws: int, certified: Callable[[float], float], alpha: float
) -> float:
    """Returns by how much the lower bound would exceed the certified one if the other half were like this one."""
    above = len(train) - int(np.searchsorted(train, distance, side="right"))
    count = min(draws, round(above * draws / len(train)))
    return probability_at_least(count, draws, alpha) - certified(distance)
