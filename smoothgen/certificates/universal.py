"""The certificate that needs no samples: T1 alone, for any generator. Cheap enough to go with every answer."""

from __future__ import annotations

import math
from functools import lru_cache

from smoothgen.certificates.abstention import Abstention
from smoothgen.certificates.bounds.bands import NO_SAMPLES
from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.certificates.certificate import Certificate, Claims
from smoothgen.certificates.certify import (
    conclude,
    require_sound_extras,
    require_sound_output,
    require_sound_request,
)
from smoothgen.certificates.claims import derive_claims
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.sigma_selection import SigmaSelection
from smoothgen.mechanisms import Mechanism

_NOTHING_KNOWN = Provenance()


def certify_universal(
    *,
    diameter: float,
    mechanism: Mechanism,
    alpha: float,
    tolerance: float,
    epsilon: float | None = None,
    provenance: Provenance | None = None,
    sigma_selection: SigmaSelection | None = None,
    lipschitz: Lipschitz | None = None,
    rounding_slack: float = 0.0,
) -> Certificate | Abstention:
    """Certify a smoothed generator without a sample: W₁ ≤ D·(2Φ(r/2) − 1), T1 of docs/theory, and T4 where proven.

    It holds surely, not only with probability 1 − alpha, and assumes nothing about the generator but what `lipschitz`
    says; with a `sigma_selection` it holds as that does, with probability 1 − its alpha. It says nothing of single
    outputs (T3): `deviation` is empty, and D where it is asked for.

    Args:
        diameter: D, at least every possible distance between two outputs, in metric units.
        mechanism: the noise every output is drawn with; hashable, as all of `smoothgen.mechanisms` are.
        alpha: the failure probability the certificate is asked for; only a selection of σ spends of it.
        tolerance: τ in (0, diameter).
        epsilon: an attack norm whose bound is asked to be at most τ.
        provenance: what the certificate is about.
        sigma_selection, lipschitz, rounding_slack: as in `certify`.

    Returns:
        A Certificate with no distances, or an Abstention when the asked epsilon needs samples.

    Raises:
        InvalidMetric, InvalidAlpha, InvalidTolerance, InvalidEpsilon, InvalidSigma, InvalidSlack, InvalidDistances (for
        the output's distance).
    """
    diameter, alpha, tolerance = float(diameter), float(alpha), float(tolerance)
    epsilon = None if epsilon is None else float(epsilon)
    provenance = provenance or _NOTHING_KNOWN
    if sigma_selection is not None or lipschitz is not None:
        require_sound_extras(sigma_selection, lipschitz, mechanism, alpha, provenance)
    bounds = ShiftBounds(
        diameter=diameter,
        mechanism=mechanism,
        rounding_slack=float(rounding_slack),
        reach=math.inf if sigma_selection is None else sigma_selection.radius,
        lipschitz=lipschitz,
    )
    evidence, claims = _derived(bounds, alpha, tolerance, epsilon)
    require_sound_output(provenance)
    return conclude(
        Certificate(
            evidence=evidence,
            mechanism=mechanism,
            alpha=alpha,
            tolerance=tolerance,
            epsilon=epsilon,
            claims=claims,
            band=NO_SAMPLES.name,
            provenance=provenance,
            sigma_selection=sigma_selection,
            lipschitz=lipschitz,
            rounding_slack=bounds.rounding_slack,
        )
    )


@lru_cache(maxsize=4096)  # a few hundred bytes to a few kilobytes each
def _derived(bounds: ShiftBounds, alpha: float, tolerance: float, epsilon: float | None) -> tuple[Evidence, Claims]:
    evidence = Evidence.none(bounds.diameter)
    require_sound_request(evidence, alpha, tolerance, epsilon)
    claims = derive_claims(
        evidence,
        bounds,
        alpha=alpha,
        tolerance=tolerance,
        epsilon=epsilon,
        band=NO_SAMPLES.name,
        provenance=_NOTHING_KNOWN,
    )
    return evidence, claims
