"""The rows of our own certificates: the one that was asked, its bounds one by one, and its further claims."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import numpy as np

from smoothgen.certificates import (
    AnyCertificate,
    Certificate,
    EditsCertificate,
    ExhaustiveCertificate,
    UnitsCertificate,
)
from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.contracts import Label, Verdict
from smoothgen.errors import InvalidDistances
from smoothgen.evaluation.curves import least_slope
from smoothgen.studies.answer import Answer, Asked
from smoothgen.studies.rows import CertificateRow
from smoothgen.studies.store import Task

BOUNDS: Final = "ablation: bounds"
CLAIMS: Final = "claims"
ESTIMATES: Final = "estimates"
_SLOPE_POINTS: Final = 64
_SLOPE_REACH: Final = 2.0  # in sigmas: beyond, the bound that needs no samples is two thirds of the diameter
_W1_CLAIM: Final = "W1 between the laws of one served output, honest and attacked, stays within the tolerance"


def own_rows(task: Task, asked: Asked, answer: Answer) -> Iterator[CertificateRow]:
    """Yields the rows of the certificate or abstention that a job answered with."""
    common = _common(task, asked)
    certificate = answer.certificate
    if certificate is None:
        yield CertificateRow(
            **common,
            method=_method(asked),
            claim=_claim(asked, None),
            samples=asked.spec.certification_samples,
            radius=None,
            abstained=answer.abstained,
        )
    else:
        yield _main(common, asked, certificate)
        if isinstance(certificate, Certificate):
            yield from _bounds(common, certificate)
        yield from _further(common, certificate)
    if answer.estimate is not None:
        yield _estimated(common, asked, answer)


def _main(common: dict[str, Any], asked: Asked, certificate: AnyCertificate) -> CertificateRow:
    radius, curve = certificate.radius, _curve(certificate)
    slope, offset = _slope(certificate)
    reason = "the texts were drawn: nothing is claimed against who chooses the edit" if radius is None else None
    return CertificateRow(
        **{**common, "alpha": certificate.alpha, "sigma": _sigma(certificate, asked)},
        method=_method(asked),
        claim=_claim(asked, certificate),
        samples=_samples(certificate),
        radius=None if radius is None else min(float(radius), sys.float_info.max),
        abstained=reason,
        curve=curve,
        steps=isinstance(certificate, ExhaustiveCertificate),
        slope=slope,
        offset=offset,
    )


def _bounds(common: dict[str, Any], certificate: Certificate) -> Iterator[CertificateRow]:
    """Yields T1, T2′ and T4 one by one, at this σ and on these samples, in a study of their own."""
    if certificate.keep is not None:
        return
    parts: list[tuple[str, str, Callable[[float], float], float]] = [
        ("T1 alone", "the bound for any generator", certificate.universal_w1_bound, 0.0)
    ]
    if certificate.evidence.samples:
        parts.append(
            ("T2′ alone", "the bound from the spread of the samples", certificate.spread_w1_bound, certificate.alpha)
        )
    proven = certificate.lipschitz
    if proven is not None:

        def of_constant(epsilon: float) -> float:
            return min(certificate.evidence.diameter, float(proven.bounds(np.array([epsilon]))[0]))

        parts.append(("T4 alone", "the bound from the proven Lipschitz constant", of_constant, 0.0))
    parts.append(("T1, T2′ and T4 together", "the smallest of all bounds", certificate.w1_bound, certificate.alpha))
    for name, what, bound, alpha in parts:
        radius = largest_within(bound, certificate.tolerance, certificate.reach)
        yield CertificateRow(
            **{**common, "study": BOUNDS, "alpha": alpha, "sigma": _effective(certificate)},
            method=f"SmoothGen, {name}",
            claim=f"{_W1_CLAIM}: {what}",
            samples=certificate.evidence.samples,
            radius=radius,
            curve=tuple((e, min(bound(e), certificate.evidence.diameter)) for e, _ in certificate.curve),
        )


def largest_within(bound: Callable[[float], float], tolerance: float, reach: float = math.inf) -> float:
    """Returns the largest epsilon found with bound(epsilon) ≤ tolerance, for a bound that increases: bisection, from
    below, 0 where there is none. reach: the largest that may be returned."""
    high = 1e-6
    while bound(high) <= tolerance and high < min(reach, 1e9):
        high *= 2
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if bound(middle) <= tolerance else (low, middle)
    return round_down(min(low, reach))


def _further(common: dict[str, Any], certificate: AnyCertificate) -> Iterator[CertificateRow]:
    """Yields the shares that the answer keeps and the claims on scores."""
    further = {**common, "study": CLAIMS, "alpha": certificate.alpha}
    if isinstance(certificate, Certificate):
        further["sigma"] = _effective(certificate)
        for kept in certificate.claims.keeps or ():
            yield CertificateRow(
                **further,
                method=f"SmoothGen, answer keeps {kept.share:g}",
                claim=f"the centre's answer keeps at least {kept.share:g} of the outputs under every attack",
                samples=_samples(certificate),
                radius=kept.radius,
            )
    if isinstance(certificate, Certificate | ExhaustiveCertificate):
        for claim in certificate.score_claims:
            yield CertificateRow(
                **further,
                method=f"SmoothGen, {claim.asked.named}",
                claim=f"{claim.asked.named} under every attack",
                samples=_samples(certificate),
                radius=None if claim.radius is None else min(claim.radius, sys.float_info.max),
                abstained=None if claim.radius is not None else "not proven even without an attack",
            )


def _estimated(common: dict[str, Any], asked: Asked, answer: Answer) -> CertificateRow:
    """Returns the proposal's τ/L̂, which is no certificate: L̂ is seen at one point, from below."""
    estimate = answer.estimate
    assert estimate is not None  # noqa: S101  the caller asks
    words = estimate.unit.replace(" ", "-").lower()
    comparable = words.startswith(asked.spec.metric.name)
    value = estimate.value
    radius = asked.spec.tolerance / value if value and comparable else None
    return CertificateRow(
        **{**common, "study": ESTIMATES, "alpha": 0.0},
        method=f"τ / L̂, L̂ by {estimate.method}",
        claim=f"none: L̂ = {value} {estimate.unit}, seen at the prompt and from below; an estimate, nothing is proven",
        samples=estimate.probes,
        radius=radius,
        abstained=None if radius is not None else f"L̂ is {value} {estimate.unit}, which gives no norm for this metric",
        estimated=True,
    )


def _common(task: Task, asked: Asked) -> dict[str, Any]:
    return {
        "study": task.study,
        "model": task.model,
        "setting": task.setting,
        "prompt": task.prompt or "",
        "ours": True,
        "unit": asked.unit,
        "metric": asked.spec.metric.name,
        "tolerance": asked.spec.tolerance,
        "diameter": asked.diameter,
        "alpha": asked.alpha,
        "sigma": asked.sigma,
    }


def _method(asked: Asked) -> str:
    if not asked.spec.noised:
        return f"SmoothGen, {asked.spec.mechanism}"
    return "SmoothGen, labels" if isinstance(asked.spec.metric, Label | Verdict) else "SmoothGen"


def _claim(asked: Asked, certificate: AnyCertificate | None) -> str:
    robustness = asked.spec.request.robustness
    if isinstance(certificate, UnitsCertificate):
        keep, what = certificate.keep, f"whoever replaces, deletes or inserts so many {asked.unit}"
        said = _W1_CLAIM if keep is None else f"the answer keeps {keep:g} of the runs"
        return f"{said}, {what}"
    if not asked.spec.noised:
        return "the output of the attacked prompt lies within the tolerance of the prompt's own, without probability"
    if robustness.keep is not None:
        return f"the centre's answer keeps at least {robustness.keep:g} of the outputs under every attack"
    return f"{_W1_CLAIM}; holds for every epsilon at once with probability 1 - alpha"


def _curve(certificate: AnyCertificate) -> tuple[tuple[float, float], ...]:
    if isinstance(certificate, Certificate | ExhaustiveCertificate):
        points: Sequence[tuple[float, float]] = certificate.curve
    elif isinstance(certificate, EditsCertificate):
        points = certificate.claims.curve or ()
    else:
        points = [(float(m), certificate.bounds.w1(m)) for m in range(certificate.radius + 2)]
    return tuple((float(e), float(bound)) for e, bound in points if math.isfinite(e))


def _slope(certificate: AnyCertificate) -> tuple[float | None, float | None]:
    """Returns C and β of the proposal's 3.1, for certificates by noise."""
    if not isinstance(certificate, Certificate) or certificate.keep is not None:
        return None, None
    sigma = _effective(certificate)
    end = certificate.radius if sigma is None else _SLOPE_REACH * sigma
    end = min(end, certificate.reach)
    if end <= 0:
        return None, None
    grid = [end * k / _SLOPE_POINTS for k in range(1, _SLOPE_POINTS + 1)]
    try:
        line = least_slope([(e, certificate.w1_bound(e)) for e in grid])
    except InvalidDistances:
        return None, None
    return line.slope, line.offset


def _samples(certificate: AnyCertificate) -> int:
    return len(certificate.evidence.distances)


def _effective(certificate: Certificate) -> float | None:
    sigma = getattr(certificate.mechanism, "effective_sigma", None)
    return float(sigma) if sigma else None


def _sigma(certificate: AnyCertificate, asked: Asked) -> float | None:
    return _effective(certificate) if isinstance(certificate, Certificate) else asked.sigma
