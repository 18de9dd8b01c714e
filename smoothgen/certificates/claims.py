"""What a certificate states, from what it rests on: the radius, the curve of bounds, and what T3 adds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from smoothgen.certificates.bands import NO_SAMPLES, TWO_VALUED, SurvivalBand, band_by_name
from smoothgen.certificates.bounds import attacked_probability
from smoothgen.certificates.certificate import Claims, Deviation, output_deviation, shift_in_sigmas
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.lipschitz import Lipschitz
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.radius import BoundCurve, certified_radius
from smoothgen.certificates.rounding import round_down
from smoothgen.mechanisms import Mechanism

CURVE_POINTS: Final = 33
DEVIATION_GAMMAS: Final = (0.5, 0.1, 0.05, 0.01)


def derive_claims(
    evidence: Evidence,
    mechanism: Mechanism,
    *,
    alpha: float,
    tolerance: float,
    epsilon: float | None,
    band: str,
    provenance: Provenance,
    reach: float = math.inf,
    lipschitz: Lipschitz | None = None,
) -> Claims:
    """Everything a certificate states, from its evidence. `verify` calls this again and compares.

    alpha: what the band may spend, the share of the look where there are several. reach: the largest epsilon anything
    is claimed for. lipschitz: the constant of T4, if proven.
    """
    survival = band_by_name(band).build(evidence.ordered, evidence.bound, alpha)
    bounds = BoundCurve(survival, evidence.diameter, mechanism, reach=reach, lipschitz=lipschitz)
    sampled = band != NO_SAMPLES.name
    radius = certified_radius(bounds, tolerance, sampled=sampled)
    stated = sorted({epsilon or radius, radius})
    curve_epsilons = sorted({*(round_down(2 * radius * k / (CURVE_POINTS - 1)) for k in range(CURVE_POINTS)), *stated})
    curve = tuple(zip(curve_epsilons, bounds.printed(curve_epsilons), strict=True))
    return Claims(
        radius=radius,
        w1_bound=dict(curve)[epsilon or radius],
        curve=curve,
        deviation=tuple(_deviations(evidence, survival, mechanism, stated, provenance, reach)) if sampled else (),
        stays=_stays(survival, mechanism, curve_epsilons, reach) if band == TWO_VALUED.name else None,
    )


def _deviations(
    evidence: Evidence,
    survival: SurvivalBand,
    mechanism: Mechanism,
    epsilons: Iterable[float],
    provenance: Provenance,
    reach: float,
) -> Iterable[Deviation]:
    output = provenance.output
    for epsilon in epsilons:
        r = shift_in_sigmas(mechanism, epsilon, reach)
        for gamma, to_centre in zip(DEVIATION_GAMMAS, survival.attacked_quantiles(DEVIATION_GAMMAS, r), strict=True):
            to_output = None
            if output is not None and output.distance_to_centre is not None:
                to_output = output_deviation(evidence.diameter, to_centre, output.distance_to_centre)
            yield Deviation(epsilon, gamma, to_centre, to_output)


def _stays(
    survival: SurvivalBand, mechanism: Mechanism, epsilons: Iterable[float], reach: float
) -> tuple[tuple[float, float], ...]:
    """For two-valued distances: the least probability that a fresh answer is the centre's, at every epsilon."""
    level = survival.levels[0]
    return tuple(
        (e, round_down(max(0.0, 1 - float(attacked_probability(level, shift_in_sigmas(mechanism, e, reach))))))
        for e in epsilons
    )
