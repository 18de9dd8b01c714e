"""From distances to a certificate or an abstention. One function, and the search for the radius."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from smoothgen.certificates.bands import ORDER_STATISTICS, SurvivalBand, band_by_name, require_alpha
from smoothgen.certificates.bounds import attacked_probability, total_variation_radius
from smoothgen.certificates.certificate import (
    Abstention,
    Certificate,
    Claims,
    Deviation,
    Reason,
    output_deviation,
    w1_bounds,
)
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.rounding import round_down, round_up
from smoothgen.errors import InvalidDistances, InvalidEpsilon, InvalidTolerance
from smoothgen.mechanisms import Mechanism

CURVE_POINTS: Final = 33
LARGEST_RADIUS_IN_SIGMAS: Final = 64.0
"""Where the radius search ends: TV is 1 to the last bit from 17σ on, so a bound still below the tolerance here stays
below it for ever, and the radius is stated as 64σ."""
DEVIATION_GAMMAS: Final = (0.5, 0.1, 0.05, 0.01)


def certify(
    distances: ArrayLike,
    *,
    bound: float,
    diameter: float,
    mechanism: Mechanism,
    alpha: float,
    tolerance: float,
    epsilon: float | None = None,
    band: str = ORDER_STATISTICS.name,
    provenance: Provenance | None = None,
) -> Certificate | Abstention:
    """Certify a smoothed generator from the distances of independent outputs to a fixed centre (T1, T2, T3).

    With probability ≥ 1 − alpha over the samples, everything the certificate states holds, for every epsilon at once.

    Args:
        distances: shape (n,), distances of the certification outputs to a centre chosen without them, in metric
            units. NaN or +inf is a failed sample and counts as `bound`.
        bound: D_c, at least every possible distance to the centre.
        diameter: D, at least every possible distance between two outputs.
        mechanism: the noise the outputs were drawn with, e.g. `Gaussian(sigma=0.5)`.
        alpha: failure probability, 1 − confidence.
        tolerance: τ in (0, diameter): the radius is the largest epsilon whose W₁ bound is at most τ.
        epsilon: an attack norm whose bound is asked to be at most τ; if that cannot be proven the result is an
            `Abstention`. Without it, the certificate says how large its radius is and never abstains for being small.
        band: "order-statistics/v1" for any distances; "two-valued/v1" where only 0 and `bound` can occur.
        provenance: what the certificate is about.

    Returns:
        A Certificate, or an Abstention when the asked epsilon is out of reach or every sample failed.

    Raises:
        InvalidDistances, InvalidMetric, InvalidAlpha, InvalidTolerance, InvalidEpsilon, UnknownName.
    """
    evidence = Evidence.from_measurements(distances, bound=bound, diameter=diameter)
    # Plain floats: a numpy scalar or an int prints differently, and the certificate is read back as floats.
    alpha, tolerance, epsilon = float(alpha), float(tolerance), None if epsilon is None else float(epsilon)
    provenance = provenance or Provenance()
    require_sound_request(evidence, alpha, tolerance, epsilon, provenance)
    if evidence.failed == evidence.samples:
        return Abstention(Reason.TOO_FEW_SAMPLES, f"all {evidence.samples} samples failed")
    claims = derive_claims(
        evidence,
        mechanism,
        alpha=alpha,
        tolerance=tolerance,
        epsilon=epsilon,
        band=band,
        provenance=provenance,
    )
    if epsilon is not None and claims.w1_bound > tolerance:
        return Abstention(
            Reason.RADIUS_OUT_OF_REACH,
            f"the W1 bound at epsilon={epsilon!r} is {claims.w1_bound!r}, above the tolerance {tolerance!r}; "
            f"the radius proven with {evidence.samples} samples is {claims.radius!r}",
            claims.curve,
        )
    return Certificate(
        evidence=evidence,
        mechanism=mechanism,
        alpha=alpha,
        tolerance=tolerance,
        epsilon=epsilon,
        claims=claims,
        band=band,
        provenance=provenance,
    )


def require_sound_request(
    evidence: Evidence, alpha: float, tolerance: float, epsilon: float | None, provenance: Provenance
) -> None:
    """The door of `certify` and `verify` alike. Raises InvalidAlpha, InvalidTolerance, InvalidEpsilon or
    InvalidDistances."""
    require_alpha(alpha)
    if not 0 < tolerance < evidence.diameter:  # refuses NaN too
        raise InvalidTolerance(
            f"tolerance must lie strictly between 0 and the metric's diameter {evidence.diameter!r}, "
            f"got {tolerance!r}; at the diameter the claim is empty",
            field="tolerance",
        )
    if epsilon is not None and not (math.isfinite(epsilon) and epsilon > 0):
        raise InvalidEpsilon(f"epsilon must be a positive finite number, got {epsilon!r}", field="epsilon")
    if provenance.output is not None:
        distance = provenance.output.distance_to_centre
        # A negative one would put the deviation from the output below the deviation from the centre.
        if not (math.isfinite(distance) and distance >= 0):
            raise InvalidDistances(
                f"output.distance_to_centre must be a finite number of at least 0, got {distance!r}",
                field="output.distance_to_centre",
            )


def derive_claims(
    evidence: Evidence,
    mechanism: Mechanism,
    *,
    alpha: float,
    tolerance: float,
    epsilon: float | None,
    band: str,
    provenance: Provenance,
) -> Claims:
    """Everything a certificate states, from its evidence. `verify` calls this again and compares."""
    survival = band_by_name(band).build(evidence.ordered, evidence.bound, alpha)

    def bounds(epsilons: Iterable[float]) -> list[float]:
        values = w1_bounds(evidence, survival, mechanism, np.fromiter(epsilons, dtype=np.float64))
        return [round_up(float(v)) for v in values]

    radius = _safe_radius(evidence, survival, mechanism, tolerance)
    stated = sorted({epsilon or radius, radius})
    curve_epsilons = sorted({*(round_down(2 * radius * k / (CURVE_POINTS - 1)) for k in range(CURVE_POINTS)), *stated})
    curve = tuple(zip(curve_epsilons, bounds(curve_epsilons), strict=True))
    return Claims(
        radius=radius,
        w1_bound=dict(curve)[epsilon or radius],
        curve=curve,
        deviation=tuple(_deviations(evidence, survival, mechanism, stated, provenance)),
        stays=_stays(survival, mechanism, curve_epsilons) if len(survival.levels) == 1 else None,
    )


def _safe_radius(evidence: Evidence, survival: SurvivalBand, mechanism: Mechanism, tolerance: float) -> float:
    """The largest 9-digit epsilon found whose bound, as it will be printed, is at most the tolerance: the safe end."""
    # Here, not above: scipy.optimize would be a third of the time `import smoothgen` takes.
    from scipy.optimize import brentq

    def bound(epsilon: float) -> float:
        return float(w1_bounds(evidence, survival, mechanism, np.array([epsilon]))[0])

    def proven(epsilon: float) -> bool:
        return round_up(bound(round_down(epsilon))) <= tolerance

    high = mechanism.epsilon(LARGEST_RADIUS_IN_SIGMAS)
    if proven(high):
        return round_down(high)
    # T1 alone gives the lower end of the bracket; a bound that has levelled off may print one unit above it.
    low = mechanism.epsilon(total_variation_radius(tolerance / evidence.diameter) * (1 - 1e-7))
    while low > 0 and not proven(low):
        low /= 2
    if low == 0:
        return 0.0
    while 2 * low < high and proven(2 * low):
        low *= 2
    high = min(high, 2 * low)

    # In units of `low` and of the tolerance, so that no scale is too small for the solver. It only proposes.
    def excess(factor: float) -> float:
        return bound(factor * low) / tolerance - 1

    top = high / low
    if excess(1.0) < 0 < excess(top):
        root = brentq(excess, 1.0, top, xtol=1e-11, rtol=1e-11, disp=False)
        for step in (1e-11, 1e-10, 1e-9, 1e-8, 1e-7):
            if proven(low * (root - step)):
                return round_down(low * (root - step))
    # Where the bound is flat to the digits that are printed, `proven` itself is bisected.
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if proven(middle) else (low, middle)
    return round_down(low)


def _deviations(
    evidence: Evidence,
    survival: SurvivalBand,
    mechanism: Mechanism,
    epsilons: Iterable[float],
    provenance: Provenance,
) -> Iterable[Deviation]:
    output = provenance.output
    for epsilon in epsilons:
        r = mechanism.radius_in_sigmas(epsilon)
        for gamma in DEVIATION_GAMMAS:
            to_centre = survival.attacked_quantile(gamma, r)
            to_output = None
            if output is not None:
                to_output = output_deviation(evidence.diameter, to_centre, output.distance_to_centre)
            yield Deviation(epsilon, gamma, to_centre, to_output)


def _stays(survival: SurvivalBand, mechanism: Mechanism, epsilons: Iterable[float]) -> tuple[tuple[float, float], ...]:
    """For two-valued distances: the least probability that a fresh answer is the centre's, at every epsilon."""
    level = survival.levels[0]
    return tuple(
        (e, round_down(max(0.0, 1 - float(attacked_probability(level, mechanism.radius_in_sigmas(e))))))
        for e in epsilons
    )
