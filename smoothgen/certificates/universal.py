"""The certificate that needs no samples: T1 alone, for any generator. Cheap enough to go with every answer."""

from __future__ import annotations

from functools import lru_cache

from smoothgen.certificates.abstention import Abstention, Reason
from smoothgen.certificates.bounds.bands import NO_SAMPLES
from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.certificates.certificate import Certificate, Claims
from smoothgen.certificates.certify import certificate_under, conclude
from smoothgen.certificates.claims import derive_claims
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.sigma_selection import SigmaSelection
from smoothgen.certificates.terms import Terms
from smoothgen.mechanisms import Mechanism


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
    """Certifies a smoothed generator without a sample: W₁ ≤ D·(2Φ(r/2) − 1), T1 of docs/theory, and T4 where proven.

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
    terms = Terms(
        mechanism=mechanism,
        alpha=alpha,
        tolerance=tolerance,
        epsilon=epsilon,
        band=NO_SAMPLES.name,
        provenance=provenance or Provenance(),
        sigma_selection=sigma_selection,
        lipschitz=lipschitz,
        rounding_slack=rounding_slack,
    )
    return certify_without_samples(float(diameter), terms)


def certify_without_samples(diameter: float, terms: Terms) -> Certificate | Abstention:
    """Returns what holds under these terms without a sample, whatever band and looks they name: `certify_universal` for
    arguments that are bundled already. diameter: D, metric units.

    Of a share to be kept, and of claims on scores, nothing holds without a sample: an Abstention."""
    terms.alpha_of_looks()
    if terms.keep is not None:
        return _nothing_known(diameter, terms, f"keep={terms.keep!r} is about the share of an answer")
    if terms.score_claims:
        return _nothing_known(diameter, terms, "claims on scores are about what outputs say")
    evidence, claims = _derived(terms.bounds(diameter), terms.alpha, terms.tolerance, terms.epsilon)
    terms.require_sound_output()
    return conclude(certificate_under(terms, evidence, claims, band=NO_SAMPLES.name, looks=None))


def _nothing_known(diameter: float, terms: Terms, asked: str) -> Abstention:
    """Returns the abstention from a claim on what outputs say, with the W₁ bounds that hold without a sample."""
    terms.require_sound_request(diameter)
    _, claims = _derived(terms.bounds(diameter), terms.alpha, terms.tolerance, terms.epsilon)
    return Abstention(
        Reason.RADIUS_OUT_OF_REACH,
        f"{asked}, and without samples nothing is known of it; the radius proven without samples is 0.0",
        claims.curve,
        0.0,
    )


@lru_cache(maxsize=4096)  # a few hundred bytes to a few kilobytes each
def _derived(bounds: ShiftBounds, alpha: float, tolerance: float, epsilon: float | None) -> tuple[Evidence, Claims]:
    """Returns the evidence of no samples and the claims that follow. They do not depend on the provenance."""
    evidence = Evidence.none(bounds.diameter)
    terms = Terms(bounds.mechanism, alpha, tolerance, epsilon, band=NO_SAMPLES.name)
    terms.require_sound_request(evidence.diameter)
    return evidence, derive_claims(evidence, bounds, terms, alpha=alpha)
