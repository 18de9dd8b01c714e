"""Smoothing of a conditional generator that answers with the mean of its noisy outputs, the GAN smoothing of tables.

The proposal cites Zhang et al. 2021 for smoothed conditional GANs. No paper with such a bound was found, so no formula
of theirs is reproduced: this is the bound that Gaussian smoothing gives for the mean of any bounded output.
"""

from __future__ import annotations

from typing import Final

from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_down, round_up
from smoothgen.certificates.bounds.theorems import total_variation_radius, universal_w1_bound
from smoothgen.evaluation.samples import Certified, Samples

METHOD: Final = "GAN smoothing (mean of a bounded generator, our derivation)"
CLAIM: Final = (
    "distance between the mean features of the honest and of the attacked prompt, for the exact means and not for "
    "averages of finitely many outputs; holds surely, without samples"
)


def gan_smoothing(samples: Samples) -> Certified:
    """Returns ‖E f(Y′) − E f(Y)‖ ≤ D·(2Φ(r/2) − 1) and the largest ε for which that is at most τ.

    The samples enter by σ, D and τ only, and nothing of alpha is spent. Attained by a generator that answers one of
    two outputs at distance D, by the side of a hyperplane.

    Proof: docs/theory/evaluation.md, "The mean of a smoothed generator".
    """
    diameter = samples.diameter

    def bound(epsilon: float) -> float:
        return min(diameter, round_up(universal_w1_bound(diameter, samples.radius_in_sigmas(epsilon))))

    # As far as a bound can be printed, less what its own slack may add.
    share = round_down(samples.tolerance) * (1 - 1e-12) / diameter
    radius = round_down(samples.sigma * total_variation_radius(share) * (1 - RELATIVE_SLACK))
    while bound(radius) > samples.tolerance:  # the last digit of a bound that levels off
        radius = round_down(radius * (1 - 1e-9))
    return Certified(METHOD, CLAIM, radius, bound)
