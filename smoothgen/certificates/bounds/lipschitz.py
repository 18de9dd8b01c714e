"""Theorem T4: a generator that is proven to be Lipschitz moves no further than its constant allows, noise or no noise.

The proof is the worker's: it computes the constant from the weights it runs. Here it is a number with its factors, and
the arithmetic that follows from it. A spectral norm measured at some points is an estimate and has no place here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_down, round_up
from smoothgen.errors import InvalidCertificate, InvalidLipschitz, InvalidMetric
from smoothgen.mechanisms import Mechanism

_MOST_FACTORS: Final = 4096
_LARGEST: Final = 1e30
_FIELDS: Final = ("constant", "offset", "factors", "metric")


@dataclass(frozen=True)
class Lipschitz:
    """W₁(P, Q) ≤ constant·‖δ‖₂ + offset for EVERY x and δ, proven, not measured (theory T4).

    constant: metric units per unit of the attacked vector, at least the product of the factors. factors: a proven upper
    bound of each layer's operator norm, the metric's feature map included. offset: metric units, what the outputs'
    rounding and the generator's floating point may add. metric: the name of the one metric all this is proven in.

    Proof: docs/theory/lipschitz.md, "Proven Lipschitz constants (T4)".

    Raises InvalidLipschitz for numbers that are negative or beyond 1e30, a constant below 1e-30, one below the product
    of its factors, and a metric without a name.
    """

    constant: float
    offset: float
    factors: tuple[float, ...]
    metric: str

    def __post_init__(self) -> None:
        _require_number("constant", self.constant, 1 / _LARGEST)
        _require_number("offset", self.offset, 0.0)
        for factor in self.factors:
            _require_number("factors", factor, 0.0)
        if not 1 <= len(self.factors) <= _MOST_FACTORS:
            raise InvalidLipschitz(
                f"factors must list 1 to {_MOST_FACTORS} layer norms, got {len(self.factors)}; "
                "a constant without them cannot be checked",
                field="lipschitz.factors",
            )
        if not (isinstance(self.metric, str) and self.metric):
            raise InvalidLipschitz(
                f"metric must name the metric the constant is proven in, got {self.metric!r:.80}",
                field="lipschitz.metric",
            )
        # In exact arithmetic: a product of doubles rounds, and may round below.
        product = math.prod(map(Fraction, self.factors), start=Fraction(1))
        if Fraction(self.constant) < product:
            raise InvalidLipschitz(
                f"constant {self.constant!r} is below the product of its factors, {float(product)!r}; round it up",
                field="lipschitz.constant",
            )

    def bounds(self, epsilons: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns T4's bound at every epsilon, shape (m,) → (m,), in full digits, past the error of its arithmetic."""
        bounds: NDArray[np.float64] = (self.constant * epsilons + self.offset) * (1 + RELATIVE_SLACK)
        return bounds

    def radius(self, tolerance: float) -> float:
        """Returns the largest 9-digit epsilon found whose printed bound is at most the tolerance; 0 where none is."""
        within = round_down(tolerance)  # as far as a bound can be printed
        if self.offset >= within:
            return 0.0
        epsilon = (within - self.offset) / self.constant
        for step in (0.0, 1e-12, 1e-9, 1e-6, 1e-3):
            candidate = round_down(epsilon * (1 - step))
            if round_up(float(self.bounds(np.array([candidate]))[0])) <= tolerance:
                return candidate
        return 0.0

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {
            "constant": self.constant,
            "offset": self.offset,
            "factors": list(self.factors),
            "metric": self.metric,
        }

    @classmethod
    def from_dict(cls, document: Any) -> Lipschitz:
        """Reads what `to_dict` writes. Raises InvalidCertificate for what has another shape, and as the class does."""
        if not isinstance(document, Mapping) or set(document) != set(_FIELDS):
            raise InvalidCertificate(
                f"lipschitz must have exactly {list(_FIELDS)}, got {document!r:.200}", field="lipschitz"
            )
        factors = document["factors"]
        if not isinstance(factors, list):
            raise InvalidCertificate(
                f"lipschitz.factors must be a list, got {factors!r:.80}", field="lipschitz.factors"
            )
        return cls(
            _plain(document["constant"]), _plain(document["offset"]), tuple(map(_plain, factors)), document["metric"]
        )


def require_proven_in(lipschitz: Lipschitz, metric: str) -> None:
    """Raises InvalidMetric where the distances are in another metric than the one the constant is proven in."""
    if lipschitz.metric != metric:
        raise InvalidMetric(
            f"the Lipschitz constant is proven in metric {lipschitz.metric!r}, and the distances are in {metric!r}; "
            "leave it out",
            field="lipschitz.metric",
        )


def require_l2(mechanism: Mechanism, what: str) -> None:
    """Raises InvalidMetric where the mechanism measures attacks in another norm than the l2 norm `what` speaks of."""
    if mechanism.norm != "l2":
        raise InvalidMetric(
            f"{what} speaks of the l2 norm of an attack, mechanism {mechanism.name!r} of the {mechanism.norm}; "
            "use round noise with it, such as Gaussian",
            field="mechanism",
        )


def _require_number(name: str, value: Any, least: float) -> None:
    if isinstance(value, bool) or not (isinstance(value, int | float) and least <= value <= _LARGEST):
        raise InvalidLipschitz(
            f"{name} must be a number in [{least:g}, {_LARGEST:g}], got {value!r:.80}", field=f"lipschitz.{name}"
        )


def _plain(value: Any) -> Any:
    """Returns a whole number as the float that a reader wrote 1 for, and anything else as given: the class refuses
    it."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
