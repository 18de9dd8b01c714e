"""Our own certificates, in the form in which the baselines answer."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import Abstention, Lipschitz, certify
from smoothgen.certificates.bounds.bands import ORDER_STATISTICS, TWO_VALUED, Band
from smoothgen.evaluation.samples import Certified, Samples, nothing_claimed, whole
from smoothgen.mechanisms import Gaussian

METHOD: Final = "SmoothGen"
CLAIM: Final = (
    "W1 between the laws of one served output, honest and attacked, for every attack within the radius; "
    "holds for every epsilon at once with probability 1 - alpha"
)
LABEL_METHOD: Final = "SmoothGen, labels"
LABEL_CLAIM: Final = (
    "W1 between the laws of one served output's label, two labels the diameter apart, for every attack within the "
    "radius; holds for every epsilon at once with probability 1 - alpha"
)


def smoothgen_certificate(samples: Samples, *, constant: Lipschitz | None = None) -> Certified:
    """Returns min(T1, T2′) from these samples: the centre is the mean of the selection features.

    constant: of the generator that made the samples, PROVEN in the metric of the features: the smallest of T1, T2′ and
    T4 is then returned. The noise is taken to be ideal, as it is for the baselines. The mean lies in the convex hull of
    the outputs, so the diameter bounds the distance of every output to it.
    """
    good = whole(samples.selection)
    if not good.any():
        reason = f"all {len(good)} selection outputs failed"
        return nothing_claimed(METHOD, CLAIM, samples.diameter, reason)
    away = samples.distances_to(samples.selection[good].mean(axis=0))
    return _certified(METHOD, CLAIM, away, ORDER_STATISTICS, samples, constant)


def smoothgen_label_certificate(samples: Samples) -> Certified:
    """Returns min(T1, T2′) of the labels: the centre is the selection's most frequent label, other labels lie at D.

    An output without a label lies at D too. Raises InvalidDistances for samples without labels.
    """
    chosen = samples.chosen_label()
    if chosen is None:
        return nothing_claimed(LABEL_METHOD, LABEL_CLAIM, samples.diameter, "no selection output has a label")
    lost = np.array([label != chosen for label in samples.certification_labels])
    return _certified(LABEL_METHOD, LABEL_CLAIM, np.where(lost, samples.diameter, 0.0), TWO_VALUED, samples)


def _certified(
    method: str,
    claim: str,
    away: NDArray[np.float64],
    band: Band,
    samples: Samples,
    constant: Lipschitz | None = None,
) -> Certified:
    made = certify(
        away,
        bound=samples.diameter,
        diameter=samples.diameter,
        mechanism=Gaussian(samples.sigma),
        alpha=samples.alpha,
        tolerance=samples.tolerance,
        band=band.name,
        lipschitz=constant,
    )
    if isinstance(made, Abstention):
        return nothing_claimed(method, claim, samples.diameter, made.detail)
    return Certified(method, claim, made.radius, made.w1_bound)
