"""The certificate that needs no samples: T1 alone, for any generator. Cheap enough to go with every answer."""

from __future__ import annotations

from functools import lru_cache

from smoothgen.certificates.bands import NO_SAMPLES
from smoothgen.certificates.certificate import Abstention, Certificate, Claims
from smoothgen.certificates.certify import conclude, require_sound_output, require_sound_request
from smoothgen.certificates.claims import derive_claims
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.provenance import Provenance
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
) -> Certificate | Abstention:
    """Certify a smoothed generator without a sample: W₁ ≤ D·(2Φ(r/2) − 1), T1 of docs/theory.

    It holds surely, not only with probability 1 − alpha, and assumes nothing about the generator. It says nothing of
    single outputs (T3): `deviation` is empty, and D where it is asked for.

    Args:
        diameter: D, at least every possible distance between two outputs, in metric units.
        mechanism: the noise every output is drawn with; hashable, as all of `smoothgen.mechanisms` are.
        alpha: the failure probability the certificate is asked for; nothing of it is spent.
        tolerance: τ in (0, diameter).
        epsilon: an attack norm whose bound is asked to be at most τ.
        provenance: what the certificate is about.

    Returns:
        A Certificate with no distances, or an Abstention when the asked epsilon needs samples.

    Raises:
        InvalidMetric, InvalidAlpha, InvalidTolerance, InvalidEpsilon, InvalidDistances (for the output's distance).
    """
    diameter, alpha, tolerance = float(diameter), float(alpha), float(tolerance)
    epsilon = None if epsilon is None else float(epsilon)
    provenance = provenance or _NOTHING_KNOWN
    # A protocol cannot say that it is hashable.
    evidence, claims = _derived(mechanism, diameter, alpha, tolerance, epsilon)  # type: ignore[arg-type]
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
        )
    )


@lru_cache(maxsize=4096)  # a few hundred bytes to a few kilobytes each
def _derived(
    mechanism: Mechanism, diameter: float, alpha: float, tolerance: float, epsilon: float | None
) -> tuple[Evidence, Claims]:
    evidence = Evidence.none(diameter)
    require_sound_request(evidence, alpha, tolerance, epsilon)
    claims = derive_claims(
        evidence,
        mechanism,
        alpha=alpha,
        tolerance=tolerance,
        epsilon=epsilon,
        band=NO_SAMPLES.name,
        provenance=_NOTHING_KNOWN,
    )
    return evidence, claims
