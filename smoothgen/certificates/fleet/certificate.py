"""The fleet certificate: counts of one window, and the average shift they prove (T5). Frozen data.

W_r is concave, so the mean of the requests' bounds is at most the bound of their mean survival. The distances behind
the counts are differently distributed: Clopper & Pearson (1934) for Poisson-binomial counts, by Hoeffding (1956).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from smoothgen.certificates.bounds.bands import SurvivalBand
from smoothgen.certificates.bounds.radius import BoundCurve, safe_radius
from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.certificates.bounds.shift_bounds import Method, ShiftBounds
from smoothgen.certificates.fleet.counts import FLEET_METHODS, FLEET_V1, FleetCounts
from smoothgen.certificates.fleet.grid import THRESHOLDS, fleet_thresholds
from smoothgen.certificates.fleet.levels import exceedance_limit
from smoothgen.certificates.fleet.statement import fleet_statement, fleet_statement_v1
from smoothgen.certificates.fleet.subject import FleetSubject
from smoothgen.certificates.format.document import content_digest
from smoothgen.errors import InvalidCertificate, InvalidInput, InvalidTolerance
from smoothgen.mechanisms import mechanism_from_dict

CURVE_STEP: Final = 1 / 16  # in sigmas: the same attacks for every window, so that two curves compare point by point
CURVE_POINTS: Final = 33


@dataclass(frozen=True)
class FleetCertificate(FleetCounts):
    """What is proven about the average request of one pool (model, mechanism, metric) in one window of time.

    With probability at least `confidence` over the extra draws, for EVERY epsilon at once, for this reading of the
    window and every other one, running or closed: if each request's embedding is moved by its own attack of l2 norm
    ≤ epsilon, then the Wasserstein-1 shift of the outputs, averaged over the requests named here, is at most
    `w1_bound(epsilon)`. An average: nothing is promised about any single request.

    The fields are those of `FleetCounts`.
    """

    @cached_property
    def survival(self) -> SurvivalBand:
        """Returns the upper bounds on (1/N)·Σ P(R_i > t) for all t ∈ [0, D) together; 1 where no request was looked
        at."""
        fractions = fleet_thresholds()
        levels = np.ones(THRESHOLDS)
        if self.requests:
            levels = exceedance_limit(self.counts, self.requests, self.look_alpha / THRESHOLDS)
        band = SurvivalBand(edges=np.append(fractions, 1.0) * self.diameter, levels=levels)
        return band.raised(self.rounding_slack)

    def w1_bound(self, epsilon: float) -> float:
        """Returns an upper bound on the average W₁ when no attack is of norm above epsilon: min(T1, T5, D), rounded up.

        Raises InvalidEpsilon unless epsilon ≥ 0 and finite.
        """
        return self.bound_curve.printed([epsilon])[0]

    def radius(self, tolerance: float) -> float:
        """Returns the largest epsilon found whose bound, as printed, is at most `tolerance` ∈ (0, D). Rounded down.

        Raises InvalidTolerance.
        """
        if not 0 < tolerance < self.diameter:  # refuses NaN too
            raise InvalidTolerance(
                f"tolerance must lie strictly between 0 and the metric's diameter {self.diameter!r}, got {tolerance!r}",
                field="tolerance",
            )
        return safe_radius(self.bound_curve, tolerance)

    @cached_property
    def curve(self) -> tuple[tuple[float, float], ...]:
        """Returns (epsilon, W₁ bound) for attacks of 0, 1/16, … 2 sigmas."""
        epsilons = [round_down(k * CURVE_STEP * self.mechanism.effective_sigma) for k in range(CURVE_POINTS)]
        return tuple(zip(epsilons, self.bound_curve.printed(epsilons), strict=True))

    @property
    def statement(self) -> str:
        """Returns what is certified, in words, read from the curve at half a sigma. Deterministic."""
        return self.said_of(*self.curve[CURVE_POINTS // 4])

    def said_of(self, epsilon: float, w1_bound: float) -> str:
        """Returns the statement with these two numbers in it: `verify_fleet` reads a stranger's."""
        written = fleet_statement_v1 if self.method == FLEET_V1.name else fleet_statement
        return written(self, epsilon, w1_bound)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form; `from_dict` reads it, `verify_fleet` judges it."""
        first = self.method == FLEET_V1.name
        subject = None if self.subject is None else self.subject.to_dict()
        document = {
            "schema": FLEET_METHODS[self.method].schema,
            "method": self.method,
            "statement": self.statement,
            **({} if first else {"subject": subject}),
            "grid": self.grid,
            "counts": list(self.counts),
            "requests": self.requests,
            "outstanding": self.outstanding,
            "left_out": self.left_out,
            "submitted": self.submitted,
            "diameter": self.diameter,
            **({} if first else {"rounding_slack": self.rounding_slack}),
            "mechanism": self.mechanism.to_dict(),
            "confidence": self.confidence,
            "alpha": self.alpha,
            "closed": self.closed,
            "look": self.look,
            "look_alpha": self.look_alpha,
            "curve": [list(point) for point in self.curve],
        }
        return document if first else {**document, "digest": content_digest(document)}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> FleetCertificate:
        """Reads what `to_dict` writes: only what the claims rest on, from which the claims are derived again.

        Raises InvalidCertificate for what is missing, of the wrong kind, or contradicts itself.
        """
        method = next((m for m in FLEET_METHODS.values() if _is_of(m, document)), None)
        if method is None:
            known = " or ".join(f"schema {m.schema!r} with method {m.name!r}" for m in FLEET_METHODS.values())
            raise InvalidCertificate(f"a fleet certificate is an object of {known}")
        first = method is FLEET_V1
        kinds = _KINDS if first else {**_KINDS, "rounding_slack": float}
        missing = {"counts", "mechanism", "look", *kinds, *(() if first else ("subject",))} - set(document)
        if missing:
            raise InvalidCertificate(f"fields missing: {sorted(missing)}")
        read = {name: _plain(document[name], kind, name) for name, kind in kinds.items()}
        counts, look, mechanism = document["counts"], document["look"], document["mechanism"]
        if not isinstance(counts, list) or not isinstance(mechanism, Mapping):
            raise InvalidCertificate("counts must be a list of whole numbers, mechanism an object")
        try:
            return cls(
                counts=tuple(_plain(count, int, "counts") for count in counts),
                mechanism=mechanism_from_dict(mechanism),
                look=None if look is None else _plain(look, int, "look"),
                subject=None if first or document["subject"] is None else FleetSubject.from_dict(document["subject"]),
                method=method.name,
                **read,
            )
        except InvalidCertificate:
            raise
        except InvalidInput as error:
            raise InvalidCertificate(str(error), field=error.field) from error

    @cached_property
    def bound_curve(self) -> BoundCurve:
        """Returns min(T1, T5, D) as a function of ε: T5 is T2's integral over the pooled survival."""
        bounds = ShiftBounds(self.diameter, self.mechanism, FLEET_METHODS[self.method], self.rounding_slack)
        return BoundCurve(self.survival, bounds)


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


def _is_of(method: Method, document: Any) -> bool:
    return (
        isinstance(document, Mapping)
        and document.get("schema") == method.schema
        and document.get("method") == method.name
    )


def _plain(value: Any, kind: type, where: str) -> Any:
    """Returns a value of exactly this kind; a whole number will do for a float. No whole number beyond 64 bits."""
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise InvalidCertificate(f"{where} must be of kind {kind.__name__}, got {value!r:.80}", field=where)
    if isinstance(value, int) and not -(2**63) < value < 2**63:
        raise InvalidCertificate(f"{where} must fit in 64 bits", field=where)
    return kind(value)
