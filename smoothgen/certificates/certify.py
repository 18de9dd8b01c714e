"""Certifies distances, after checking that everything they are certified with is in range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from smoothgen.certificates.abstention import Abstention, Reason
from smoothgen.certificates.bounds.bands import ORDER_STATISTICS
from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.certificate import Certificate, Claims
from smoothgen.certificates.claims import derive_claims
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.score_claims import AskedClaim, derive_score_claims, failing_at
from smoothgen.certificates.sigma_selection import SigmaSelection
from smoothgen.certificates.terms import Terms
from smoothgen.errors import InvalidDistances, InvalidInput
from smoothgen.mechanisms import Mechanism


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
    plan: LookPlan | None = None,
    sigma_selection: SigmaSelection | None = None,
    lipschitz: Lipschitz | None = None,
    rounding_slack: float = 0.0,
    keep: float | None = None,
    score_claims: Sequence[AskedClaim] = (),
    scores: ArrayLike | None = None,
    asks_shift: bool = True,
) -> Certificate | Abstention:
    """Certifies a smoothed generator from the distances of independent outputs to a fixed centre (T1, T2′, T3, T4).

    With probability ≥ 1 − alpha over the samples, everything the certificate states holds, for every epsilon at once.

    Args:
        distances: shape (n,), distances of the certification outputs to a centre chosen without them, in metric
            units. NaN or +inf is a failed sample. A failure lies at `diameter` from every output, and so at
            max(`bound`, `diameter`) at most from the centre.
        bound: D_c, at least every possible distance of a whole output to the centre.
        diameter: D, at least every possible distance between two outputs.
        mechanism: the noise the outputs were drawn with, e.g. `Gaussian(sigma=0.5)`.
        alpha: failure probability, 1 − confidence.
        tolerance: τ in (0, diameter): the radius is the largest epsilon whose W₁ bound is at most τ.
        epsilon: an attack norm whose bound is asked to be at most τ; if that cannot be proven the result is an
            `Abstention`. Without it, the certificate says how large its radius is and never abstains for being small.
        band: "order-statistics/v1" for any distances; "two-valued/v1" where only 0 and one other distance
            can occur: `bound`, which must be at least `diameter`, where a failure lies.
        provenance: what the certificate is about.
        plan: fixed before any sample was drawn, where the job may stop early or look again. The distances are those of
            one of its looks, and the claims are made with that look's share of alpha; the confidence, 1 − alpha, covers
            whichever look is taken, however it was chosen. Without a plan: one look, all of alpha.
        sigma_selection: how the mechanism's σ was chosen for this prompt, from draws independent of the distances. It
            spends its own part of alpha, the looks share the rest (`remaining_alpha`), and beyond its radius nothing is
            claimed. Without it σ must be one that does not depend on the prompt.
        lipschitz: the generator's PROVEN constant for l2 attacks (T4).
        rounding_slack: total variation between the noise as it was computed and ideal noise, in [0, 1). For samples of
            x + noise as `mechanism.noisy` gives it: mechanism.rounding_slack(numbers of x). 0, the default, takes the
            noise to be ideal; the certificate says which.
        keep: a share in (0, 1) that the centre's answer is to keep, for band "two-valued/v1". The radius is then the
            largest epsilon at which it provably does, whatever the tolerance, and an asked epsilon is proven or
            abstained from by the share.
        score_claims: claims on scores of the same outputs, fixed before any was drawn. They and the claims on distances
            have equal shares of alpha. With an epsilon every one of them is proven too, or the result is an Abstention.
        scores: shape (n, K), the scores of the certification outputs, a column for each claim; NaN, or a number outside
            a score's range, is a sample that failed and counts as the worst.
        asks_shift: whether an asked epsilon asks for the W₁ bound (or the share to be kept) too. False asks for the
            claims on scores alone: W₁ is stated, whatever it is.

    Returns:
        A Certificate, or an Abstention when the asked epsilon is out of reach or every sample failed.

    Raises:
        InvalidDistances (also for a number of distances that is no look of the plan), InvalidMetric (also for a
        Lipschitz constant in another norm than the mechanism's, or another metric than the provenance's), InvalidAlpha
        (also for looks and a selection that spend more than alpha), InvalidTolerance, InvalidKeep, InvalidEpsilon,
        InvalidSigma (for a selection of another σ, or one that its own draws do not prove), InvalidSlack, InvalidClaim
        (for two equal claims, and asks_shift=False without claims or with keep), UnknownName, InvalidInput (for a
        mechanism that is none).
    """
    _require_mechanism(mechanism)
    evidence = Evidence.from_measurements(distances, bound=bound, diameter=diameter)
    terms = Terms(
        mechanism=mechanism,
        alpha=alpha,
        tolerance=tolerance,
        epsilon=epsilon,
        band=band,
        provenance=provenance or Provenance(),
        plan=plan,
        sigma_selection=sigma_selection,
        lipschitz=lipschitz,
        rounding_slack=rounding_slack,
        keep=keep,
        score_claims=tuple(score_claims),
        asks_shift=asks_shift,
    )
    return certify_evidence(evidence, terms, evidence_of_scores(terms.score_claims, scores, evidence.samples))


def _require_mechanism(given: object) -> None:
    """Raises InvalidInput for what is no mechanism, such as the name of one."""
    if isinstance(given, type) or not hasattr(given, "effective_sigma"):
        raise InvalidInput(
            f"mechanism must be a mechanism, such as smoothgen.Gaussian(sigma=0.5), got {given!r:.80}",
            field="mechanism",
        )


def evidence_of_scores(claims: Sequence[AskedClaim], scores: ArrayLike | None, samples: int) -> tuple[Evidence, ...]:
    """Returns the evidence of each claim from a table of scores, shape (samples, K). Raises InvalidDistances."""
    table = np.zeros((samples, 0)) if scores is None else np.asarray(scores, dtype=np.float64)
    if table.shape != (samples, len(claims)):
        raise InvalidDistances(
            f"scores must have a row for each of {samples} samples and a column for each of {len(claims)} claims, got "
            f"shape {table.shape}",
            field="scores",
        )
    return tuple(claim.evidence(table[:, place]) for place, claim in enumerate(claims))


def certify_evidence(evidence: Evidence, terms: Terms, scored: Sequence[Evidence] = ()) -> Certificate | Abstention:
    """Returns what these distances prove under these terms: `certify` for arguments that are bundled already.

    scored: the series of each claim on a score, over the same samples.
    """
    terms.require_sound_request(evidence.diameter)
    terms.require_sound_output()
    look_alpha = terms.alpha_of_look(evidence.samples)
    if evidence.failed == evidence.samples:
        return Abstention(Reason.TOO_FEW_SAMPLES, f"all {evidence.samples} samples failed")
    bounds = terms.bounds(evidence.diameter)
    claims = derive_claims(evidence, bounds, terms, alpha=look_alpha)
    scores = derive_score_claims(terms.score_claims, scored, bounds, alpha=look_alpha, epsilon=terms.epsilon)
    plan = terms.plan
    if plan is not None and plan == LookPlan.single(evidence.samples, terms.alpha_of_looks()):
        plan = None  # one look that spends all of alpha is what a certificate without a plan has
    certificate = certificate_under(terms, evidence, claims, band=terms.band, looks=plan)
    return conclude(replace(certificate, score_claims=scores) if scores else certificate)


def certificate_under(
    terms: Terms, evidence: Evidence, claims: Claims, *, band: str, looks: LookPlan | None
) -> Certificate:
    """Returns the certificate of claims that were derived with this band from this evidence, under these terms."""
    return Certificate(
        evidence=evidence,
        mechanism=terms.mechanism,
        alpha=terms.alpha,
        tolerance=terms.tolerance,
        epsilon=terms.epsilon,
        claims=claims,
        band=band,
        provenance=terms.provenance,
        looks=looks,
        sigma_selection=terms.sigma_selection,
        lipschitz=terms.lipschitz,
        rounding_slack=terms.rounding_slack,
        keep=terms.keep,
        asks_shift=terms.asks_shift,
    )


def conclude(certificate: Certificate) -> Certificate | Abstention:
    """Returns the certificate, or the abstention where its goal (if that is asked) or a claim on a score is not met at
    the asked epsilon."""
    claims, scores = certificate.claims, certificate.score_claims
    if certificate.epsilon is None:
        return certificate
    if certificate.asks_shift and not certificate.terms.goal.met_by(certificate.proven):
        detail = _goal_missed(certificate, certificate.epsilon)
        return Abstention(Reason.RADIUS_OUT_OF_REACH, detail, claims.curve, claims.radius, scores)
    failing = failing_at(scores)
    if failing is None:
        return certificate
    detail = f"at epsilon={certificate.epsilon!r} {failing}"
    return Abstention(Reason.RADIUS_OUT_OF_REACH, detail, claims.curve, claims.radius, scores)


def _goal_missed(certificate: Certificate, epsilon: float) -> str:
    """Returns how what is proven at the asked epsilon misses the goal."""
    if epsilon > certificate.reach:
        return beyond_reach(epsilon, certificate.reach)
    goal, samples = certificate.terms.goal, certificate.evidence.samples
    return (
        f"the {goal.words.quantity} at epsilon={epsilon!r} is {certificate.proven!r}, {goal.shortfall()}; "
        f"the radius proven {f'with {samples} samples' if samples else 'without samples'} is {certificate.radius!r}"
    )


def beyond_reach(epsilon: float, reach: float) -> str:
    """Returns why nothing is said at an epsilon at which an attacked prompt may be served at another noise level."""
    return (
        f"epsilon={epsilon!r} is beyond {reach!r}, up to which the noise level selected for this prompt is proven to "
        "stay the same; ask for a smaller epsilon, or adapt the noise to the model only"
    )
