"""Baselines: other people's certificates, re-implemented here so that tables can set them beside ours.

Each reproduces its paper's formula, and none is the authors' code. Every one answers `Samples` with `Certified`, whose
`claim` says what its number means: the methods do not claim the same thing. docs/evaluation/method.md compares them.

center_smoothing: Kumar & Goldstein 2021, by the paper's Hoeffding bound and by exact binomials. majority: Cohen,
Rosenfeld & Kolter 2019. gan_smoothing: the mean of a smoothed generator. lipschitz: a generator with a proven
constant. no_defence: noise without a certificate.
"""

from smoothgen.evaluation.baselines.center_smoothing import (
    CenterSmoothing,
    Confidence,
    center_smoothing,
    center_smoothing_of_the_paper,
    least_margin,
)
from smoothgen.evaluation.baselines.gan_smoothing import gan_smoothing
from smoothgen.evaluation.baselines.lipschitz import lipschitz_enforced
from smoothgen.evaluation.baselines.majority import majority
from smoothgen.evaluation.baselines.no_defence import no_defence

__all__ = [
    "CenterSmoothing",
    "Confidence",
    "center_smoothing",
    "center_smoothing_of_the_paper",
    "gan_smoothing",
    "least_margin",
    "lipschitz_enforced",
    "majority",
    "no_defence",
]
