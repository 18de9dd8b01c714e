"""What a certificate states, from what it rests on: the radius, the curve of bounds, and what T3 adds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from smoothgen.certificates.bounds.bands import NO_SAMPLES, TWO_VALUED, SurvivalBand, band_by_name
from smoothgen.certificates.bounds.keeps import keep_radius, kept_share
from smoothgen.certificates.bounds.radius import BoundCurve
from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.certificates.certificate import Claims, Deviation, KeptShare, output_deviation
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.terms import Terms

CURVE_POINTS: Final = 33
DEVIATION_GAMMAS: Final = (0.5, 0.1, 0.05, 0.01)
KEPT_SHARES: Final = (0.5, 0.9, 0.99)


def derive_claims(
    evidence: Evidence,
    bounds: ShiftBounds,
    terms: Terms,
    *,
    alpha: float,
) -> Claims:
    """Returns everything a certificate states, from its evidence. `verify` calls this again and compares.

    bounds: how bounds follow from the band. alpha: what the band may spend, the share of the look where there are
    several.
    """
    curve = bound_curve(evidence, bounds, alpha=alpha, band=terms.band)
    radius = terms.goal.radius(curve, sampled=terms.band != NO_SAMPLES.name)
    return claims_at(radius, curve, evidence, terms)


def bound_curve(evidence: Evidence, bounds: ShiftBounds, *, alpha: float, band: str) -> BoundCurve:
    """Returns ε ↦ the W₁ bound that these distances prove."""
    worst = bounds.worst_distance(evidence)
    return BoundCurve(bounds.survival(band_by_name(band), evidence.ordered(worst), worst, alpha), bounds)


def claims_at(
    radius: float,
    bound_curve: BoundCurve,
    evidence: Evidence,
    terms: Terms,
) -> Claims:
    """Returns everything a certificate of this radius states."""
    survival, bounds = bound_curve.survival, bound_curve.bounds
    epsilon, sampled = terms.epsilon, terms.band != NO_SAMPLES.name
    stated = sorted({epsilon or radius, radius})
    curve_epsilons = sorted({*(round_down(2 * radius * k / (CURVE_POINTS - 1)) for k in range(CURVE_POINTS)), *stated})
    curve = tuple(zip(curve_epsilons, bound_curve.printed(curve_epsilons), strict=True))
    return Claims(
        radius=radius,
        w1_bound=dict(curve)[epsilon or radius],
        curve=curve,
        deviation=tuple(_deviations(evidence.diameter, survival, bounds, stated, terms.provenance)) if sampled else (),
        stays=_stays(survival, bounds, curve_epsilons) if terms.band == TWO_VALUED.name else None,
        keeps=_keeps(survival, bounds, terms.keep) if terms.band == TWO_VALUED.name else None,
    )


def _deviations(
    diameter: float, survival: SurvivalBand, bounds: ShiftBounds, epsilons: Iterable[float], provenance: Provenance
) -> Iterable[Deviation]:
    output = provenance.output
    for epsilon in epsilons:
        quantiles = survival.quantiles(DEVIATION_GAMMAS, bounds.attacked(survival.levels, epsilon))
        for gamma, to_centre in zip(DEVIATION_GAMMAS, quantiles, strict=True):
            to_output = None
            if output is not None and output.distance_to_centre is not None:
                to_output = output_deviation(diameter, to_centre, output.distance_to_centre)
            yield Deviation(epsilon, gamma, to_centre, to_output)


def _stays(survival: SurvivalBand, bounds: ShiftBounds, epsilons: Iterable[float]) -> tuple[tuple[float, float], ...]:
    """Returns, for two-valued distances, the least probability that a fresh answer is the centre's, at every
    epsilon."""
    return tuple((e, kept_share(survival, bounds, e)) for e in epsilons)


def _keeps(survival: SurvivalBand, bounds: ShiftBounds, asked: float | None) -> tuple[KeptShare, ...]:
    """Returns the radius of every share in KEPT_SHARES and of the asked one, in increasing order of the shares."""
    shares = sorted({*KEPT_SHARES, *([] if asked is None else [asked])})
    return tuple(KeptShare(share, keep_radius(survival, bounds, share)) for share in shares)
