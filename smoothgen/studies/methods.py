"""Rows of all methods that are compared on the same samples of one prompt: ours and the baselines.

docs/evaluation/method.md says what each method claims. They claim different things, so every row carries its claim.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from smoothgen.certificates import Lipschitz
from smoothgen.errors import InvalidDistances, InvalidMetric
from smoothgen.evaluation import Certified, Method, Samples, smoothgen_certificate, smoothgen_label_certificate
from smoothgen.evaluation.baselines import (
    center_smoothing,
    center_smoothing_of_the_paper,
    gan_smoothing,
    lipschitz_enforced,
    majority,
    no_defence,
)
from smoothgen.evaluation.curves import least_slope
from smoothgen.studies.rows import CertificateRow

LABEL_DIAMETER: Final = 1.0
"""The distance of two different labels."""
_COORDINATE: Final = math.sqrt(0.5)
"""Rounded up, so that two labels never lie less than 1 apart in floating point."""
EPSILONS_IN_SIGMAS: Final = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0)
"""Where the curves of a row are read, in multiples of σ."""


@dataclass(frozen=True)
class Compared:
    """A method of the comparison. ours: whether it is SmoothGen's. draws: whether it needs samples and spends alpha.
    noise: whether its claim is about the model with noise."""

    method: Method
    ours: bool = False
    draws: bool = True
    noise: bool = True


_OF_ANY_OUTPUT: Final = (
    Compared(center_smoothing_of_the_paper),
    Compared(center_smoothing),
    Compared(gan_smoothing, draws=False),
    Compared(no_defence, draws=False, noise=False),
)
OF_LABELS: Final = (Compared(smoothgen_label_certificate, ours=True), Compared(majority), *_OF_ANY_OUTPUT)
"""The methods for outputs with labels."""


def of_features(constant: Lipschitz | None) -> tuple[Compared, ...]:
    """Returns the methods for outputs with features. constant: proven for the generator; ours uses it too (T4)."""
    if constant is None:
        return (Compared(smoothgen_certificate, ours=True), *_OF_ANY_OUTPUT)
    ours = Compared(partial(smoothgen_certificate, constant=constant), ours=True)
    return (ours, *_OF_ANY_OUTPUT, Compared(lipschitz_enforced(constant), draws=False, noise=False))


def rows_of(
    samples: Samples,
    *,
    study: str,
    model: str,
    setting: str,
    prompt: str,
    metric: str,
    lipschitz: Lipschitz | None = None,
) -> list[CertificateRow]:
    """Returns the rows of every method on these samples, SmoothGen's first.

    Samples with labels are compared as labels, and their features must be those of `label_samples`; all others by
    their features. metric: the output metric's name, in whose units tolerance and diameter are. lipschitz: the proven
    constant of the generator, where it has one: it has a row of its own, without noise, and ours uses it. Raises
    InvalidMetric for a constant that is proven in another metric, InvalidDistances for labels on one side only.
    """
    if bool(samples.selection_labels) != bool(samples.certification_labels):
        raise InvalidDistances(
            "selection and certification outputs must both have labels or both have none; give both, or use "
            "label_samples",
            field="certification_labels",
        )
    compared = OF_LABELS if samples.certification_labels else of_features(lipschitz)
    if lipschitz is not None and lipschitz.metric != metric:
        raise InvalidMetric(
            f"the constant is proven in metric {lipschitz.metric!r} and the samples are measured in {metric!r}; "
            "leave lipschitz out, or measure in its metric",
            field="lipschitz",
        )
    named = {"study": study, "model": model, "setting": setting, "prompt": prompt, "metric": metric}
    return [_row(each, samples, named) for each in compared]


def label_samples(
    selection: Sequence[str | None],
    certification: Sequence[str | None],
    *,
    sigma: float,
    alpha: float,
    tolerance: float,
) -> Samples:
    """Returns samples of labels, two different labels 1 apart; None is an output without one, 1 from all others.

    Features are unit vectors times √½, one column a label, and failed rows where there is no label; where no output has
    one, every row failed and no method claims anything. Raises as Samples does.
    """
    names = sorted({label for label in (*selection, *certification) if label is not None}) or ["no label"]

    def features(labels: Sequence[str | None]) -> list[list[float]]:
        return [[np.nan if own is None else (own == name) * _COORDINATE for name in names] for own in labels]

    return Samples(
        selection=np.array(features(selection)),
        certification=np.array(features(certification)),
        sigma=sigma,
        alpha=alpha,
        tolerance=tolerance,
        diameter=LABEL_DIAMETER,
        selection_labels=tuple(selection),
        certification_labels=tuple(certification),
    )


def _row(compared: Compared, samples: Samples, named: dict[str, str]) -> CertificateRow:
    certified = compared.method(samples)
    curve = _claimed(certified, samples)
    line = least_slope(curve) if len(curve) > 1 else None
    return CertificateRow(
        **named,
        method=certified.method,
        ours=compared.ours,
        claim=certified.claim,
        tolerance=samples.tolerance,
        diameter=samples.diameter,
        alpha=samples.alpha if compared.draws else 0.0,
        sigma=samples.sigma if compared.noise else None,
        samples=len(samples.certification) if compared.draws else 0,
        radius=None if certified.abstained else certified.radius,
        abstained=certified.abstained,
        curve=curve,
        slope=None if line is None else line.slope,
        offset=None if line is None else line.offset,
    )


def _claimed(certified: Certified, samples: Samples) -> tuple[tuple[float, float], ...]:
    """Returns the points of the curve at which something is claimed: a bound below the diameter."""
    points = [(epsilon := r * samples.sigma, certified.bound(epsilon)) for r in EPSILONS_IN_SIGMAS]
    return tuple((epsilon, bound) for epsilon, bound in points if bound < samples.diameter)
