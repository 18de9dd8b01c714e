"""What is asked of a score: its mean, the share of outputs beyond a threshold, or a quantile, at most or at least x."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.certificates.bounds.bands import ORDER_STATISTICS, TWO_VALUED, Band
from smoothgen.certificates.bounds.rounding import complement, round_down, round_up
from smoothgen.certificates.evidence import LARGEST_BOUND, Evidence
from smoothgen.errors import InvalidClaim

MEAN: Final = "mean"
SHARE: Final = "share"
QUANTILE: Final = "quantile:"
LEAST_RANGE: Final = 1e-9
PLUGIN_V1: Final = "plugin/v1"
"""The wording of a plug-in's scores. It never changes: other words get another name."""
_WHOLE_SHARE: Final = 1.0


@dataclass(frozen=True)
class ScoreIdentity:
    """Which score is meant: a bounded function of an output, and of things that no attack touches.

    name: in requests. options: everything else that fixes the function, as JSON data. least, most: the range [a, b],
    which every value lies in. two_valued: whether only a and b occur. digest: of the code and weights that computed it,
    None for scores whose name says which function they are. wording: the name of the words that statements have for a
    score of a plug-in; None for other scores, and in documents older than that name. No number rests on it.

    Proof: docs/theory/scores.md, "What is claimed".

    Raises InvalidClaim unless a < b are finite numbers with 10⁻⁹ between them at least.
    """

    name: str
    least: float
    most: float
    two_valued: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    digest: str | None = None
    wording: str | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.least) and math.isfinite(self.most) and self.most - self.least >= LEAST_RANGE):
            raise InvalidClaim(
                f"score {self.name!r} must have a range of finite numbers a < b, {LEAST_RANGE:g} apart at least, got "
                f"[{self.least!r}, {self.most!r}]"
            )
        if max(abs(self.least), abs(self.most)) > LARGEST_BOUND:
            raise InvalidClaim(f"score {self.name!r} must have a range within ±{LARGEST_BOUND:g}")


@dataclass(frozen=True)
class AskedClaim:
    """A claim on a score, as it is asked for. Fixed before any certification sample is drawn.

    of: "mean": the mean score; "share": the share of outputs whose score is strictly above `above`; "quantile:q", with
    q in (0, 1): the q-quantile. at_most, at_least: exactly one of them, the value x that is asked.

    The q-quantile is at most x exactly where the share of outputs above x is at most 1 − q, and it is at least x where
    the share of outputs below x is at most q. So shares and quantiles are both the probability of one *bad event* with
    a fixed threshold: `limit` is the most of it that is asked, and `series` is 1 where it happens.

    Proof: docs/theory/scores.md, "What is claimed".

    Raises InvalidClaim for a claim that is none: no limit or two, a value at which the claim is empty or can never
    hold, a threshold outside the range.
    """

    score: ScoreIdentity
    of: str = MEAN
    at_most: float | None = None
    at_least: float | None = None
    above: float | None = None

    def __post_init__(self) -> None:
        if (self.at_most is None) == (self.at_least is None):
            raise InvalidClaim(f"{self.named} must say at_most or at_least, one of them")
        self._require_kind()
        low, high = (0.0, _WHOLE_SHARE) if self.of == SHARE else (self.score.least, self.score.most)
        within = low <= self.asked < high if self.at_least is None else low < self.asked <= high
        if not within:  # refuses NaN too
            end = f"[{low!r}, {high!r})" if self.at_least is None else f"({low!r}, {high!r}]"
            raise InvalidClaim(
                f"{self.named}: {'at_most' if self.at_least is None else 'at_least'}={self.asked!r} must lie in {end}: "
                "at the open end every output meets it, and beyond the range none or all do"
            )

    def _require_kind(self) -> None:
        if self.of not in (MEAN, SHARE) and self.quantile is None:
            raise InvalidClaim(
                f"{self.named}: of must be 'mean', 'share' or 'quantile:q' with q strictly between 0 and 1, and 1 - q "
                f"too once it is rounded, such as 'quantile:0.99', got {self.of!r:.80}"
            )
        if self.of != SHARE:
            if self.above is not None:
                raise InvalidClaim(f"{self.named}: above={self.above!r} is the threshold of of='share'; leave it out")
        elif self.above is None:
            if not self.score.two_valued:
                raise InvalidClaim(
                    f"{self.named}: of='share' counts the outputs whose score is above a threshold, and this score has "
                    "more than two values; give above"
                )
        elif not self.score.least <= self.above < self.score.most:
            raise InvalidClaim(
                f"{self.named}: above={self.above!r} must lie in [{self.score.least!r}, {self.score.most!r}); no score "
                "is above the end of its range"
            )

    @property
    def named(self) -> str:
        """Returns the claim's score, for messages."""
        return f"the claim on score {self.score.name!r}"

    @property
    def asked(self) -> float:
        """Returns x: the at_most or the at_least."""
        if self.at_least is not None:
            return self.at_least
        return math.nan if self.at_most is None else self.at_most

    @property
    def quantile(self) -> float | None:
        """Returns q of "quantile:q"; None for another claim, or a q that is none.

        A q so near to 0 that 1 - q is rounded to 1 is none: every output would meet such a claim.
        """
        try:
            q = float(self.of.removeprefix(QUANTILE)) if self.of.startswith(QUANTILE) else math.nan
        except ValueError:
            return None
        return q if 0 < q < 1 and complement(q) < 1 else None

    @property
    def of_mean(self) -> bool:
        """Returns whether the claim is on the mean, and not on the probability of an event."""
        return self.of == MEAN

    @property
    def best(self) -> float:
        """Returns a score that is as good as one can be for this claim: an end of the range."""
        return self.score.least if self.at_least is None else self.score.most

    @property
    def room(self) -> float:
        """Returns how large a share of all outputs may be the worst if all others are the best: in (0, 1]."""
        if not self.of_mean:
            return self.limit if self.is_upper else 1 - self.limit
        return abs(self.asked - self.best) / (self.score.most - self.score.least)

    @property
    def width(self) -> float:
        """Returns the largest value of the series: b − a, rounded up, for a mean, and 1 for an event."""
        return float(_difference(self.score.most, self.score.least)) if self.of_mean else 1.0

    @property
    def band(self) -> Band:
        """Returns the band of the series: one exact binomial where it has two values."""
        return ORDER_STATISTICS if self.of_mean and not self.score.two_valued else TWO_VALUED

    @property
    def limit(self) -> float:
        """Returns x where the claim is on a mean or a share. For a quantile: the share that may lie beyond x."""
        q = self.quantile
        if q is None:
            return self.asked
        return complement(q) if self.at_least is None else q

    @property
    def is_upper(self) -> bool:
        """Returns whether `stated` is an upper bound, which holds where it is at most the limit."""
        return self.at_least is None or self.quantile is not None

    def series(self, values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns how bad each output is, in [0, width], shape (n,): h − a or b − h for a mean, 1 for the bad event.

        values: scores, shape (n,); NaN, or a number outside the range, is a sample that failed, and stays NaN.
        """
        h = np.asarray(values, dtype=np.float64)
        score = self.score
        with np.errstate(invalid="ignore"):
            failed = ~((h >= score.least) & (h <= score.most))
            if score.two_valued:
                failed |= (h != score.least) & (h != score.most)
            if self.of_mean:
                bad = self._badness(h)
            elif self.quantile is not None:
                bad = np.where(h > self.asked if self.at_least is None else h < self.asked, 1.0, 0.0)
            else:
                over = h > (score.least if self.above is None else self.above)
                bad = np.where(over if self.at_least is None else ~over, 1.0, 0.0)
        return np.where(failed, np.nan, bad)

    def _badness(self, h: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns h − a or b − h, rounded up."""
        return _difference(h, self.score.least) if self.at_least is None else _difference(self.score.most, h)

    def evidence(self, values: Sequence[float] | NDArray[np.float64]) -> Evidence:
        """Returns the series as evidence. values: as in `series`. Raises InvalidDistances where there are none."""
        return Evidence.from_measurements(self.series(values), bound=self.width, diameter=self.width)

    def full(self, bound: float) -> float:
        """Returns the claim in the score's own terms from a bound on the mean of the series, in full digits.

        A bound u on the mean of h − a is a + u for at_most; one on b − h is b − u for at_least. A share of at least x
        is 1 less the bound on the others. Rounded outward by at most one unit of a double.
        """
        if self.of_mean:
            start = self.score.least if self.at_least is None else -self.score.most
        else:
            start = 0.0 if self.is_upper else -_WHOLE_SHARE
        value = float(_difference(bound, -start))
        return value if self.is_upper else -value

    def stated(self, bound: float) -> float:
        """Returns `full` as a certificate prints it, nine digits, rounded outward, and never beyond the range."""
        low, high = (self.score.least, self.score.most) if self.of_mean else (0.0, _WHOLE_SHARE)
        value = self.full(bound)
        return min(high, round_up(value)) if self.is_upper else max(low, round_down(value))

    def met_by(self, stated: float) -> bool:
        """Returns whether a stated bound is what was asked."""
        return stated <= self.limit if self.is_upper else stated >= self.limit

    def fails_at(self, value: float) -> bool:
        """Returns whether one output of this score is already worse than what is asked of all. NaN is."""
        [bad] = self.series([value])
        if math.isnan(bad):
            return True
        if self.of_mean:
            return value > self.asked if self.at_least is None else value < self.asked
        return bool(bad)

    def asks_the_same_as(self, other: AskedClaim) -> bool:
        """Returns whether two claims ask the same of one score."""
        return self._normal == other._normal and _same_json(self.score.options, other.score.options)

    @property
    def _normal(self) -> AskedClaim:
        """Returns the claim with the threshold of a two-valued share written out, and q as a number is written; without
        the score's options, which are JSON data."""
        score = replace(self.score, options={}, wording=None)
        if self.quantile is not None:
            return replace(self, score=score, of=f"{QUANTILE}{self.quantile!r}")
        above = score.least if self.of == SHARE and self.above is None else self.above
        return replace(self, score=score, above=above)


def require_distinct(claims: Sequence[AskedClaim]) -> None:
    """Raises InvalidClaim where two claims ask the same: each would pay its own share of alpha for nothing."""
    for place, claim in enumerate(claims):
        for first in range(place):
            if claim.asks_the_same_as(claims[first]):
                raise InvalidClaim(
                    f"claims {first + 1} and {place + 1} ask the same of score {claim.score.name!r}, and each takes a "
                    "share of the failure probability; leave one out",
                    field=f"robustness.claims.{place}",
                )


def require_asked(claims: Sequence[AskedClaim], *, asks_shift: bool, keep: float | None = None) -> None:
    """Raises InvalidClaim where claims on scores are to be all that is asked, and there are none or keep asks as well.

    keep: the share that an answer is to keep, None where none is asked.
    """
    if asks_shift:
        return
    if not claims:
        raise InvalidClaim(
            "asks_shift=False asks for claims on scores alone, and there are none; give one, or leave asks_shift out",
            field="asks_shift",
        )
    if keep is not None:
        raise InvalidClaim(
            f"asks_shift=False asks for claims on scores alone, and keep={keep!r} for an answer as well; leave one of "
            "the two out",
            field="asks_shift",
        )


def _same_json(one: Any, other: Any) -> bool:
    """Returns whether two JSON values are one: to Python true equals 1, and to JSON it does not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_same_json(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same_json, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _difference(minuend: ArrayLike, subtrahend: ArrayLike) -> NDArray[np.float64]:
    """Returns the least double that is at least the exact difference: Knuth's two-sum gives the error of the
    subtraction."""
    x, y = np.asarray(minuend, dtype=np.float64), -np.asarray(subtrahend, dtype=np.float64)
    total = x + y
    of_y = total - x
    error = (x - (total - of_y)) + (y - of_y)
    return np.where(error > 0, np.nextafter(total, math.inf), total)
