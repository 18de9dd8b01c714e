"""Our own certificate, in the form in which the baselines answer."""

from __future__ import annotations

from typing import Final

from smoothgen.certificates import Abstention, certify
from smoothgen.evaluation.samples import Certified, Samples, nothing_claimed, whole
from smoothgen.mechanisms import Gaussian

METHOD: Final = "SmoothGen"
CLAIM: Final = (
    "W1 between the laws of one served output, honest and attacked, for every attack within the radius; "
    "holds for every epsilon at once with probability 1 - alpha"
)


def smoothgen_certificate(samples: Samples) -> Certified:
    """Returns min(T1, T2′) from these samples: the centre is the mean of the selection features.

    The noise is taken to be ideal, as it is for the baselines. The mean lies in the convex hull of the outputs, so
    the diameter bounds the distance of every output to it.
    """
    good = whole(samples.selection)
    if not good.any():
        reason = f"all {len(good)} selection outputs failed"
        return nothing_claimed(METHOD, CLAIM, samples.diameter, reason)
    made = certify(
        samples.distances_to(samples.selection[good].mean(axis=0)),
        bound=samples.diameter,
        diameter=samples.diameter,
        mechanism=Gaussian(samples.sigma),
        alpha=samples.alpha,
        tolerance=samples.tolerance,
    )
    if isinstance(made, Abstention):
        return nothing_claimed(METHOD, CLAIM, samples.diameter, made.detail)
    return Certified(METHOD, CLAIM, made.radius, made.w1_bound)
