"""Shared by every Gaussian mechanism: an attack of norm ε against one noise level, rounded to the safe side."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_FLOOR, Context
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidCertificate, InvalidEpsilon, InvalidParameters, InvalidSigma
from smoothgen.mechanisms.grid import on_grid, slack_per_number

LEAST_SIGMA: Final = 1e-30
LARGEST_SIGMA: Final = 1e30
"""Far outside this range the noise would be all zero or infinite in the model's single precision."""
MOST_STEPS: Final = 10_000
LARGEST_SHIFT_IN_SIGMAS: Final = 128.0
"""Beyond an attack of so many sigmas nothing but the diameter is claimed: the radius search ends at half of it."""


_NORM_SLACK: Final = 1e-13
"""Relative; above the error of x' − x in doubles and of numpy's pairwise sum of a billion squares."""


class OneNoiseLevel:
    """r = ε/σ for mechanisms that amount to one Gaussian of level `effective_sigma` (a lower bound of it).

    Proof: docs/theory/setting.md, "One number: r"; of its rounding: docs/theory/mechanisms.md, "Rounding".
    """

    @property
    def effective_sigma(self) -> float:
        """Returns the σ of one Gaussian draw that protects as well, rounded down, in units of the attacked vector."""
        raise NotImplementedError

    @property
    def remark(self) -> str | None:
        """Returns a sentence for the certificate's statement, None where the noise is what everybody expects."""
        return None

    @property
    def norm(self) -> str:
        """Returns which norm epsilon is measured in, as the certificate's statement names it."""
        return "l2"

    def radius_in_sigmas(self, epsilon: float) -> float:
        """Returns ε/σ rounded up one ulp. Raises InvalidEpsilon unless ε ≥ 0 and finite."""
        if not (math.isfinite(epsilon) and epsilon >= 0):
            raise InvalidEpsilon(f"epsilon must be a finite number of at least 0, got {epsilon!r}")
        return 0.0 if epsilon == 0 else math.nextafter(epsilon / self.effective_sigma, math.inf)

    def attack_norm(self, delta: NDArray[np.float64]) -> float:
        """Returns ‖δ‖₂, rounded up. Raises InvalidEpsilon unless every component is finite."""
        return l2_norm(delta)

    def noise_norm(self, dimension: int) -> float:
        """Returns √E‖η‖² = σ_eff·√d, in units of the attacked vector."""
        return self.effective_sigma * math.sqrt(dimension)

    def epsilon(self, radius_in_sigmas: float) -> float:
        """Returns r·σ rounded down one ulp."""
        return max(0.0, math.nextafter(radius_in_sigmas * self.effective_sigma, 0.0))

    @property
    def drawn_sigma(self) -> float:
        """Returns the level of the noise that is added to x: σ itself, not a lower bound of it."""
        return self.effective_sigma

    def noisy(self, x: NDArray[Any], noise: NDArray[np.float64], step: int = 0) -> NDArray[np.float64]:
        """Returns x + noise on the public grid, shape of `noise` (see `Mechanism.noisy`)."""
        del step
        return on_grid(x, noise, self.drawn_sigma)

    def rounding_slack(self, dimension: int) -> float:
        """Returns d·β₀ (see `Mechanism.rounding_slack`)."""
        return dimension * slack_per_number(self.drawn_sigma)


def l2_norm(delta: NDArray[np.float64]) -> float:
    """Returns ‖δ‖₂ over all axes, rounded up. Raises InvalidEpsilon unless every component, and the norm, is finite.

    Proof: docs/theory/mechanisms.md, "Rounding".
    """
    largest = norm = float(np.max(np.abs(delta), initial=0.0))
    if math.isfinite(largest) and largest > 0:
        # The components are scaled, so that neither tiny nor huge components vanish in their squares.
        norm = largest * math.sqrt(float(np.sum(np.square(delta / largest)))) * (1 + _NORM_SLACK)
    if not math.isfinite(norm):
        raise InvalidEpsilon(f"an attack must have finite components and a finite norm, got one of norm {norm!r}")
    return norm


def direction(delta: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Returns ‖δ‖₂ to double precision and δ/‖δ‖₂ as a flat vector, for δ ≠ 0.

    Proof: docs/theory/covers.md, "The mean that is bounded".
    """
    scaled = delta.reshape(-1) / np.max(np.abs(delta))
    length = math.sqrt(float(np.sum(np.square(scaled))))
    return float(np.max(np.abs(delta))) * length, scaled / length


def require_sigma(name: str, value: object) -> None:
    """Raises InvalidSigma unless `value` is a number in [1e-30, 1e30]."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not (number and LEAST_SIGMA <= value <= LARGEST_SIGMA):  # type: ignore[operator]
        raise InvalidSigma(
            f"{name} must be a positive finite number in [{LEAST_SIGMA:g}, {LARGEST_SIGMA:g}], got {value!r}; "
            "over HTTP, robustness.budget lets the server choose it"
        )


def require_steps(value: object) -> None:
    """Raises InvalidParameters unless `value` is a whole number of denoising steps."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_STEPS:
        raise InvalidParameters(f"steps must be a whole number in [1, {MOST_STEPS}], got {value!r}")


def printed(sigma: float) -> str:
    """Returns six digits of a level, rounded down: no printed level promises more than the noise gives."""
    return f"{float(Context(prec=6, rounding=ROUND_FLOOR).create_decimal(repr(sigma))):.6g}"


def read_fields(document: Mapping[str, Any], mechanism: str, fields: Mapping[str, type]) -> dict[str, Any]:
    """Returns the fields of a mechanism's JSON form. Raises InvalidCertificate on a missing, foreign or ill-typed
    one."""
    read: dict[str, Any] = {}
    for name, kind in fields.items():
        value = document.get(name)
        accepted = (int, float) if kind is float else (kind,)
        if isinstance(value, bool) or not isinstance(value, accepted):
            break
        try:
            read[name] = kind(value)
        except OverflowError:  # a whole number that no double holds
            break
    if len(read) != len(fields) or set(document) != {"name", *fields}:
        wanted = ", ".join(f"{name} ({'number' if kind is float else 'whole number'})" for name, kind in fields.items())
        raise InvalidCertificate(f"mechanism {mechanism!r} takes exactly {wanted}; got {dict(document)!r:.200}")
    return read
