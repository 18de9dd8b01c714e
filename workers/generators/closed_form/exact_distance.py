"""The exact Wasserstein distance between the outputs of a closed-form model at two prompts, to compare bounds with."""

from __future__ import annotations

import math


def true_w1(name: str, x: float, sigma: float, attack: float) -> float:
    """Returns the exact W₁ between the outputs at x and at x + attack, by integrating |F_P − F_Q| over outputs.

    For monotone and for three-valued laws both distribution functions are normal CDFs of a threshold in u.
    Raises ValueError for a model without a closed form.
    """
    from scipy.integrate import quad
    from scipy.special import ndtr

    def shifted_mass(threshold: float) -> float:
        return float(abs(ndtr((threshold - x) / sigma) - ndtr((threshold - x - attack) / sigma)))

    if name in ("closed-form-tanh", "closed-form-slow"):
        # F(y) = P(u ≤ artanh(2y − 1)/2); substitute y = g(u).
        def moved(u: float) -> float:
            return shifted_mass(u) / math.cosh(2 * u) ** 2

        return float(quad(moved, -12, 12, limit=400)[0])
    if name == "closed-form-step":
        return shifted_mass(2.5)
    if name == "closed-form-three-valued":
        return 0.5 * (shifted_mass(-1.0) + shifted_mass(1.0))
    raise ValueError(f"no closed form for {name!r}")
