"""A generator trained to be Lipschitz, without noise: the radius is τ/L.

The proposal cites Zhang et al. 2020 for Lipschitz-enforced generators. The bound is the definition of a Lipschitz
constant, whoever enforces it; what matters is that the constant is proven and not estimated.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.evaluation.samples import Certified, Method, Samples

METHOD: Final = "Lipschitz-enforced generator (our re-implementation)"
CLAIM: Final = (
    "distance between the outputs of the honest and the attacked prompt under the same randomness, and so W1 of their "
    "laws; holds surely for the generator whose constant is proven, without noise or samples"
)


def lipschitz_enforced(constant: Lipschitz) -> Method:
    """Returns the method that claims L·ε + o of every prompt, L and o proven for the generator that made the samples.

    The samples enter by D and τ only.

    Proof: docs/theory/lipschitz.md, "Proven Lipschitz constants (T4)".
    """

    def method(samples: Samples) -> Certified:
        def bound(epsilon: float) -> float:
            if samples.radius_in_sigmas(epsilon) == 0:
                return 0.0
            return min(samples.diameter, round_up(float(constant.bounds(np.array([epsilon]))[0])))

        return Certified(METHOD, CLAIM, constant.radius(samples.tolerance), bound)

    return method
