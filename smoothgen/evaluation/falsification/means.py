"""Lower bounds on the difference of two means of bounded values, by the sharpest of three inequalities.

None is always the sharpest: Hoeffding's loses least where values fill their range, Chernoff's (Hoeffding's first, with
a relative entropy) where means are near an end of it, the empirical Bernstein bound where many values vary little.
Which one is used is fixed on training values, before the values that count are seen.
"""

from __future__ import annotations

import math
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK
from smoothgen.errors import InvalidDistances, InvalidParameters

Inequality = Literal["hoeffding", "chernoff", "bernstein"]
INEQUALITIES: Final[tuple[Inequality, ...]] = ("hoeffding", "chernoff", "bernstein")
_BISECTIONS: Final = 60
_Values = NDArray[np.float64]


def gap_lower_bound(
    honest: ArrayLike,
    attacked: ArrayLike,
    *,
    width: float,
    alpha: float,
    inequality: Inequality,
    size: int | None = None,
) -> float:
    """Returns a lower bound on E[attacked] − E[honest] for independent values in [0, width].

    honest: shape (m,), attacked: shape (n,). P(the difference is below the bound) ≤ alpha: by Hoeffding for both at
    once, else by a bound for each with half of alpha. May be negative. size: of samples that vary as these do, in
    place of m and n; a forecast then, and no bound. Raises InvalidAlpha, InvalidParameters, and InvalidDistances for
    fewer than two values or values outside [0, width].

    Proof: docs/theory/evaluation.md, "Differences of means".
    """
    p, q = _values(honest, 0.0, width), _values(attacked, 0.0, width)
    require_alpha(alpha)
    if inequality == "hoeffding":
        sizes = (size or len(p), size or len(q))
        error = width * math.sqrt(math.log(1 / alpha) * (1 / sizes[0] + 1 / sizes[1]) / 2)
        gap = float(q.mean() - p.mean()) - error
    else:
        rising = _least_mean(q / width, alpha / 2, inequality, size or len(q))
        falling = _least_mean(1 - p / width, alpha / 2, inequality, size or len(p))
        gap = width * (rising + falling - 1)
    return max(-width, gap - 4 * width * RELATIVE_SLACK)


def paired_gap_lower_bound(
    differences: ArrayLike, *, width: float, alpha: float, inequality: Inequality, size: int | None = None
) -> float:
    """Returns a lower bound on E[attacked − honest] from independent pairs of values in [0, width].

    differences: attacked minus honest of every pair, shape (n,). The two of a pair may depend on each other, as they do
    where both were drawn with the same noise, and then differ little. P(the difference of the means is below the bound)
    ≤ alpha. size, and what is raised: as for `gap_lower_bound`.

    Proof: docs/theory/evaluation.md, "Differences of means".
    """
    d = _values(differences, -width, width)
    require_alpha(alpha)
    least = _least_mean((d / width + 1) / 2, alpha, inequality, size or len(d))
    return max(-width, width * (2 * least - 1) - 4 * width * RELATIVE_SLACK)


def _least_mean(values: _Values, alpha: float, inequality: Inequality, size: int) -> float:
    """Returns a lower bound on the mean of values in [0, 1], exceeded with probability ≤ alpha."""
    mean, log_term = min(1.0, max(0.0, float(values.mean()))), math.log(1 / alpha)
    if inequality == "hoeffding":
        return mean - math.sqrt(log_term / (2 * size))
    if inequality == "chernoff":
        return _chernoff(mean, log_term / size)
    if inequality == "bernstein":
        log_term = math.log(2 / alpha)
        variance = float(values.var(ddof=1))
        return mean - math.sqrt(2 * variance * log_term / size) - 7 * log_term / (3 * (size - 1))
    raise InvalidParameters(f"inequality must be one of {list(INEQUALITIES)}, got {inequality!r}", field="inequality")


def _chernoff(mean: float, exponent: float) -> float:
    """Returns the smallest m ≤ mean with kl(mean, m) ≤ exponent, rounded down: bisection keeps its lower end below."""
    low, high = 0.0, mean
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        too_far = middle == 0 or _relative_entropy(mean, middle) * (1 - RELATIVE_SLACK) > exponent
        low, high = (middle, high) if too_far else (low, middle)
    return low


def _relative_entropy(mean: float, other: float) -> float:
    """Returns kl of coins with these means, 0 < other ≤ mean ≤ 1."""
    if mean == 1:
        return -math.log(other)
    return mean * math.log(mean / other) + (1 - mean) * math.log((1 - mean) / (1 - other))


def _values(given: ArrayLike, low: float, high: float) -> _Values:
    values = np.asarray(given, dtype=np.float64)
    if not (math.isfinite(high) and high > 0):
        raise InvalidParameters(f"width must be positive and finite, got {high!r}", field="width")
    # Written so that NaN is refused too.
    if values.ndim != 1 or len(values) < 2 or not ((values >= low) & (values <= high)).all():
        raise InvalidDistances(
            f"two values or more, each in [{low!r}, {high!r}], are needed, got shape {values.shape} and "
            f"{values.ravel()[:3].tolist()!r}; the range must be known before they are drawn, and a failed output "
            "needs a value too"
        )
    return values
