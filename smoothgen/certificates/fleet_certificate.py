"""The fleet certificate: counts of one window, and the average shift they prove (T5). Frozen data.

W_r is concave, so the mean of the requests' bounds is at most the bound of their mean survival. The distances behind
the counts are differently distributed: Clopper & Pearson (1934) for Poisson-binomial counts, by Hoeffding (1956).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainccinv

from smoothgen.certificates.bands import SurvivalBand, require_alpha
from smoothgen.certificates.fleet_grid import GRID, THRESHOLDS, fleet_thresholds, require_diameter
from smoothgen.certificates.radius import BoundCurve, safe_radius
from smoothgen.certificates.rounding import RELATIVE_SLACK, complement, round_down
from smoothgen.certificates.shift_bounds import Method, ShiftBounds
from smoothgen.errors import InvalidCertificate, InvalidInput, InvalidTolerance
from smoothgen.mechanisms import Mechanism, mechanism_from_dict

LOOKS: Final = 30
"""Looks at a running window, at its first 2^0, 2^1, … 2^29 requests. Redis holds no longer string than 2^29 bytes, and
equal shares of a finite number of looks cost less, from 2^5 requests on, than 1/(j(j+1)) for all j does."""
CURVE_STEP: Final = 1 / 16  # in sigmas: the same attacks for every window, so that two curves compare point by point
CURVE_POINTS: Final = 33
SCHEMA: Final = "smoothgen/fleet/v1"
METHOD: Final = "fleet/v1"
"""min(T1, T5) over the named grid. Another meaning gets another name."""
FLEET_V1: Final = Method(METHOD, SCHEMA, oscillation=False, failures_at_diameter=True, furthest=math.inf)
"""T2, not T2′: the largest over s is no concave function of the survival, so it cannot be averaged over requests."""
_LEVEL_SLACK: Final = 1e-9  # relative; far above the error of the inverse incomplete beta function


def exceedance_limit(counts: ArrayLike, requests: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """Upper limit on p̄ = (p₁ + … + p_N)/N from K, how many of N independent events of probabilities p_i happened.

    P(p̄ > limit(K)) ≤ alpha whatever the p_i: the greater of Clopper & Pearson's limit and (K + 1)/N, at most 1. Above
    (K + 1)/N Hoeffding (1956) makes the binomial the worst case; below it Clopper–Pearson alone can fail too often.
    Counts K in [0, N] and requests N ≥ 1 broadcast. Rounded up.
    """
    k, n = np.broadcast_arrays(np.asarray(counts, dtype=np.float64), np.asarray(requests, dtype=np.float64))
    # K = N − 1 and K = N are covered by the cap; the inverse needs N − K ≥ 1.
    clopper_pearson = betainccinv(k + 1, np.maximum(n - k, 1), alpha) * (1 + _LEVEL_SLACK)
    one_more = (k + 1) / n * (1 + RELATIVE_SLACK)
    limit: NDArray[np.float64] = np.minimum(1.0, np.maximum(clopper_pearson, one_more))
    return limit


@dataclass(frozen=True)
class FleetCertificate:
    """What is proven about the average request of one pool (model, mechanism, metric) in one window of time.

    With probability at least `confidence` over the extra draws, for EVERY epsilon at once, for this reading of the
    window and every other one, running or closed: if each request's embedding is moved by its own attack of l2 norm
    ≤ epsilon, then the Wasserstein-1 shift of the outputs, averaged over the requests named here, is at most
    `w1_bound(epsilon)`. An average: nothing is promised about any single request.

    counts: for each threshold of the grid, how many requests exceed it; outstanding requests exceed all.
    requests: N, the first N of the window by submission. outstanding: those of them that had not ended.
    left_out: submissions among them that were refused before any noise was drawn. submitted: all submissions seen.
    diameter: D, metric units. alpha: of the whole window, all looks together.
    closed: whether the window is over; if so these are all its requests. look: j where the first 2^j requests of a
    running window were looked at, None for a closed window or where there was none to look at.
    Raises InvalidCertificate where these contradict each other; InvalidAlpha, InvalidMetric.
    """

    counts: tuple[int, ...]
    requests: int
    outstanding: int
    left_out: int
    submitted: int
    diameter: float
    mechanism: Mechanism
    alpha: float
    closed: bool
    look: int | None
    grid: str = GRID

    def __post_init__(self) -> None:
        require_alpha(self.alpha)
        require_diameter(self.diameter)
        for broken, reason in (
            (self.grid != GRID, f"grid must be {GRID!r}, got {self.grid!r:.80}"),
            (len(self.counts) != THRESHOLDS, f"counts must hold {THRESHOLDS} numbers, got {len(self.counts)}"),
            (
                any(a < b for a, b in pairwise((self.requests, *self.counts, self.outstanding, 0))),
                "counts must fall from at most `requests` to at least `outstanding` ≥ 0",
            ),
            (
                self.left_out < 0 or self.requests + self.left_out > self.submitted,
                f"requests {self.requests} and left_out {self.left_out} must be part of submitted {self.submitted}",
            ),
            (
                self.closed and (self.look is not None or self.requests + self.left_out != self.submitted),
                "a closed window has no look and leaves no submission out but the refused ones",
            ),
            (
                not self.closed and self.requests != look_size(self.look),
                f"look {self.look!r} of a running window is not one of {self.requests} requests",
            ),
        ):
            if broken:
                raise InvalidCertificate(reason)

    @property
    def confidence(self) -> float:
        """1 − alpha, rounded as a decimal: of everything said about this window together."""
        return complement(self.alpha)

    @property
    def look_alpha(self) -> float:
        """What this look spends: half of alpha for the closed window, an equal part of the other half for a look."""
        return look_alpha(self.alpha, closed=self.closed)

    @cached_property
    def survival(self) -> SurvivalBand:
        """Upper bounds on (1/N)·Σ P(R_i > t) for all t ∈ [0, D) together; 1 where no request was looked at."""
        fractions = fleet_thresholds()
        levels = np.ones(THRESHOLDS)
        if self.requests:
            levels = exceedance_limit(self.counts, self.requests, self.look_alpha / THRESHOLDS)
        return SurvivalBand(edges=np.append(fractions, 1.0) * self.diameter, levels=levels)

    def w1_bound(self, epsilon: float) -> float:
        """Upper bound on the average W₁ when no attack is of norm above epsilon: min(T1, T5, D), rounded up.

        Raises InvalidEpsilon unless epsilon ≥ 0 and finite.
        """
        return self._bound.printed([epsilon])[0]

    def radius(self, tolerance: float) -> float:
        """The largest epsilon found whose bound, as printed, is at most `tolerance` ∈ (0, D). Rounded down.

        Raises InvalidTolerance.
        """
        if not 0 < tolerance < self.diameter:  # refuses NaN too
            raise InvalidTolerance(
                f"tolerance must lie strictly between 0 and the metric's diameter {self.diameter!r}, got {tolerance!r}",
                field="tolerance",
            )
        return safe_radius(self._bound, tolerance)

    @cached_property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """(epsilon, W₁ bound) for attacks of 0, 1/16, … 2 sigmas."""
        epsilons = [round_down(k * CURVE_STEP * self.mechanism.effective_sigma) for k in range(CURVE_POINTS)]
        return tuple(zip(epsilons, self._bound.printed(epsilons), strict=True))

    @property
    def statement(self) -> str:
        """What is certified, in words, read from the curve at half a sigma. Deterministic."""
        return self.said_of(*self.curve[CURVE_POINTS // 4])

    def said_of(self, epsilon: float, w1_bound: float) -> str:
        """The statement with these two numbers in it: `verify_fleet` reads a stranger's."""
        if not self.requests:
            return (
                "No request has been looked at. What needs no samples holds for every single request: no attack of l2 "
                f"norm at most {epsilon!r} moves the distribution of its outputs by more than {w1_bound!r} in "
                "Wasserstein-1."
            )
        which = f"the requests of a closed window, {self.requests} in number"
        if not self.closed:
            which = f"the requests that opened a running window, {self.requests} in number"
        sentences = [
            f"With confidence {self.confidence!r}, attacks of l2 norm at most {epsilon!r}, a different one on every "
            f"request if need be, move the distribution of the outputs by no more than {w1_bound!r} in Wasserstein-1 "
            f"on average over {which}.",
            "This is an average over these requests, not a promise to each of them: some may be moved further.",
        ]
        if self.mechanism.remark is not None:
            sentences.append(self.mechanism.remark)
        if self.outstanding:
            sentences.append(f"{self.outstanding} of them had not ended and count as the worst distance.")
        if self.left_out:
            sentences.append(f"{self.left_out} refused before any noise was drawn are not among them.")
        later = self.submitted - self.requests - self.left_out
        if later:
            sentences.append(f"{later} later submissions are not part of this statement.")
        return " ".join(sentences)

    def to_dict(self) -> dict[str, Any]:
        """JSON form; `from_dict` reads it, `verify_fleet` judges it."""
        return {
            "schema": SCHEMA,
            "method": METHOD,
            "statement": self.statement,
            "grid": self.grid,
            "counts": list(self.counts),
            "requests": self.requests,
            "outstanding": self.outstanding,
            "left_out": self.left_out,
            "submitted": self.submitted,
            "diameter": self.diameter,
            "mechanism": self.mechanism.to_dict(),
            "confidence": self.confidence,
            "alpha": self.alpha,
            "closed": self.closed,
            "look": self.look,
            "look_alpha": self.look_alpha,
            "curve": [list(point) for point in self.curve],
        }

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> FleetCertificate:
        """Inverse of `to_dict`: reads what the claims rest on and derives the claims again.

        Raises InvalidCertificate for what is missing, of the wrong kind, or contradicts itself.
        """
        if not isinstance(document, Mapping) or document.get("schema") != SCHEMA or document.get("method") != METHOD:
            raise InvalidCertificate(f"a fleet certificate is an object of schema {SCHEMA!r}, method {METHOD!r}")
        missing = {"counts", "mechanism", "look", *_KINDS} - set(document)
        if missing:
            raise InvalidCertificate(f"fields missing: {sorted(missing)}")
        read = {name: _plain(document[name], kind, name) for name, kind in _KINDS.items()}
        counts, look, mechanism = document["counts"], document["look"], document["mechanism"]
        if not isinstance(counts, list) or not isinstance(mechanism, Mapping):
            raise InvalidCertificate("counts must be a list of whole numbers, mechanism an object")
        try:
            return cls(
                counts=tuple(_plain(count, int, "counts") for count in counts),
                mechanism=mechanism_from_dict(mechanism),
                look=None if look is None else _plain(look, int, "look"),
                **read,
            )
        except InvalidCertificate:
            raise
        except InvalidInput as error:
            raise InvalidCertificate(str(error), field=error.field) from error

    @cached_property
    def _bound(self) -> BoundCurve:
        """ε ↦ min(T1, T5, D): T5 is T2's integral over the pooled survival."""
        return BoundCurve(self.survival, ShiftBounds(self.diameter, self.mechanism, FLEET_V1))


def look_size(look: int | None) -> int:
    """How many requests a look is at: 2^look, 0 for none. Raises InvalidCertificate for a look nobody has paid for."""
    if look is None:
        return 0
    if not 0 <= look < LOOKS:
        raise InvalidCertificate(f"look must lie in [0, {LOOKS}), got {look!r}", field="look")
    return 1 << look


def look_alpha(alpha: float, *, closed: bool) -> float:
    """What one look spends of a window's alpha: half for the closed window, of the other half an equal part each."""
    return alpha / 2 if closed else alpha / 2 / LOOKS


_KINDS: Final[Mapping[str, type]] = {
    "requests": int,
    "outstanding": int,
    "left_out": int,
    "submitted": int,
    "diameter": float,
    "alpha": float,
    "closed": bool,
    "grid": str,
}


def _plain(value: Any, kind: type, where: str) -> Any:
    """A value of exactly this kind; a whole number will do for a float. No whole number beyond 64 bits."""
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise InvalidCertificate(f"{where} must be of kind {kind.__name__}, got {value!r:.80}", field=where)
    if isinstance(value, int) and not -(2**63) < value < 2**63:
        raise InvalidCertificate(f"{where} must fit in 64 bits", field=where)
    return kind(value)
