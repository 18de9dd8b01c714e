"""Certifies the runs of a model on parts of its units, after checking that they can be evidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from smoothgen.certificates.abstention import Abstention, Reason
from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.exhaustive.certificate import require_tolerance
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.score_claims import AskedClaim, claim_share, require_asked
from smoothgen.certificates.units.certificate import UNITS_V1, UnitsCertificate
from smoothgen.certificates.units.choice import MOST_ENUMERATED, UnitChoice, require_altered
from smoothgen.certificates.units.claims import UnitBounds, UnitsClaims, derive_claims
from smoothgen.certificates.units.score_claims import (
    UnitScoreClaim,
    derive_unit_score,
    evidence_of_runs,
    unit_score_bounds,
)
from smoothgen.certificates.units.threat import UnitsThreat
from smoothgen.errors import InvalidAlpha, InvalidCertificate, InvalidDistances, InvalidMetric, InvalidParameters
from smoothgen.noise import Seed


def certify_units(
    distances: ArrayLike,
    *,
    choice: UnitChoice,
    seed: Seed | None,
    bound: float,
    diameter: float,
    tolerance: float | None = None,
    keep: float | None = None,
    alpha: float = 0.0,
    two_valued: bool = False,
    altered: int | None = None,
    plan: LookPlan | None = None,
    missing: Literal["refuse", "worst"] = "refuse",
    threat: UnitsThreat | None = None,
    provenance: Provenance | None = None,
    score_claims: Sequence[AskedClaim] = (),
    scores: ArrayLike | None = None,
    asks_shift: bool = True,
) -> UnitsCertificate | Abstention:
    """Certifies a generator that reads a fixed part and a random choice of its units (units/v1).

    Each run keeps the units that `choice` says, in order, and never sees how many there were nor their numbers. Whoever
    replaces, deletes or inserts m units reaches no run that keeps none of them. With every subset run the bounds
    are exact and alpha is 0; with drawn runs they hold together with probability ≥ 1 − alpha.

    The caller promises what no arithmetic here can see: that the runs kept the units that the choice says and that
    their text states neither the number of units nor their places; that the centre was chosen without these runs (draws
    of Stream.UNITS_SELECTION); that an output does not depend on what else was in its batch; with every subset run,
    that all were run under one draw of the generator's randomness, or greedily; with drawn runs, that the seed was
    drawn after the units were fixed.

    Args:
        distances: shape (n,), of the outputs to the centre, metric units. NaN or +inf is a failed run, which lies at
            `bound` from the centre and at most at `diameter` from every output. With a seed: in the order of the draws
            (`choice.drawn(seed, Stream.UNITS_CERTIFICATION, range(n))`). Without: in the order of
            `choice.enumerated()`, one for each subset.
        choice: how the units of a run are chosen.
        seed: of the draws; None where every subset was run.
        bound: D_c, at least every possible distance of an output to the centre.
        diameter: D, at least every possible distance between two outputs.
        tolerance: τ in (0, diameter): the claim is that the law of the outputs moves by at most this in W₁.
        keep: in (0, 1): the claim is that the centre's answer keeps at least this share of the runs. Exactly one of
            tolerance and keep.
        alpha: of drawn runs in [1e-12, 1), the probability that a bound is false; 0 where every subset was run.
        two_valued: whether distances are 0 or `bound`, as those between answers are. `keep` needs it.
        altered: m, a number of altered units for which the claim is asked; the result is an Abstention where it cannot
            be proven. Without it the certificate says how many it is proven for, and never abstains for few.
        plan: fixed before any run, where a job with drawn runs may stop early; the distances are those of one look.
        missing: "worst": there may be fewer distances than subsets, as after a deadline; the last ones were not run and
            count as lost, whatever they would have given.
        threat: what the units are, and what is held fixed.
        provenance: request, model, metric and output; its sampling and threat sections are for certificates of noise.
        score_claims: claims on scores of the outputs, fixed before any run. Where runs are drawn, they and the claim on
            distances share alpha in equal parts. With `altered` every one of them is proven too, or the result is an
            Abstention.
        scores: shape (n, K), the scores of every run, a column for each claim; NaN where a run has none, which counts
            as the worst.
        asks_shift: whether `altered` asks for `keep` or `tolerance` too. False asks for the claims on scores alone.

    Returns:
        A UnitsCertificate; an Abstention where `altered` is out of reach or every run failed.

    Raises:
        InvalidParameters (a choice of too many subsets to run, keep or altered out of range), InvalidDistances (also
        for a number of runs that is no look, or not one a subset), InvalidMetric, InvalidAlpha, InvalidTolerance;
        InvalidCertificate for a provenance with sections of noise; InvalidClaim for two equal claims, and for
        asks_shift=False without claims or with keep.
    """
    evidence = Evidence.from_measurements(distances, bound=bound, diameter=diameter)
    tolerance = None if tolerance is None else float(tolerance)
    keep = None if keep is None else float(keep)
    alpha = float(alpha)
    require_sound_request(
        evidence, choice, seed, tolerance=tolerance, keep=keep, alpha=alpha, two_valued=two_valued, altered=altered
    )
    if seed is None and missing == "refuse" and evidence.samples != choice.subsets:
        raise InvalidDistances(
            f"distances must be one for each of {choice.subsets} subsets, got {evidence.samples}; say missing='worst' "
            "where the last were not run, or give the seed that drew the runs",
            field="distances",
        )
    look_alpha = alpha_of_look(evidence.samples, seed, alpha, plan)
    provenance = provenance or Provenance()
    for name in ("sampling", "threat"):
        if getattr(provenance, name) is not None:
            raise InvalidCertificate(
                f"provenance.{name} describes noise, and {UNITS_V1} has none; say what the units are by threat=",
                field=f"provenance.{name}",
            )
    if evidence.failed == evidence.samples:
        return Abstention(Reason.TOO_FEW_SAMPLES, f"all {evidence.samples} runs failed")
    require_asked(score_claims, asks_shift=asks_shift, keep=keep)
    series = evidence_of_runs(score_claims, scores, evidence.samples)
    share = None if look_alpha is None else claim_share(look_alpha, len(series))
    bounds = UnitBounds(evidence, choice, share, two_valued)
    claims = derive_claims(bounds, tolerance=tolerance, keep=keep, altered=altered, asks_shift=asks_shift)
    scored = tuple(
        derive_unit_score(each, altered) for each in unit_score_bounds(score_claims, series, choice, look_alpha)
    )
    if altered is not None:
        own = _missed(bounds, claims, keep, tolerance, altered) if asks_shift else None
        missed = [told for told in (own, _score_missed(scored, altered)) if told is not None]
        if missed:
            return Abstention(
                Reason.RADIUS_OUT_OF_REACH,
                f"with {altered} of {choice.units} units altered {'; '.join(missed)}",
                tuple((float(m), w1) for m, w1 in claims.curve),
                float(claims.radius),
                scored,
            )
    if plan is not None and plan == LookPlan.single(evidence.samples, alpha):
        plan = None  # one look that spends all of alpha is what a certificate without a plan has
    return UnitsCertificate(
        evidence=evidence,
        choice=choice,
        seed=seed,
        alpha=alpha,
        tolerance=tolerance,
        keep=keep,
        altered=altered,
        two_valued=two_valued,
        claims=claims,
        looks=plan,
        threat=threat,
        provenance=provenance,
        score_claims=scored,
        asks_shift=asks_shift,
    )


def _missed(
    bounds: UnitBounds, claims: UnitsClaims, keep: float | None, tolerance: float | None, altered: int
) -> str | None:
    """Returns how the claim on distances misses the asked number of altered units, None where it does not."""
    if claims.radius >= altered:
        return None
    asked = (
        f"the bound on W1 is {bounds.w1(altered)!r}, above the tolerance {tolerance!r}"
        if keep is None
        else f"the answer is proven to keep a share of {bounds.share(altered)!r}, less than {keep!r}"
    )
    return f"{asked}; with {bounds.evidence.samples} runs it is proven for {claims.radius}"


def _score_missed(scored: Sequence[UnitScoreClaim], altered: int) -> str | None:
    """Returns which claim on a score is not proven for the asked number of altered units, None where all are."""
    told = next((claim for claim in scored if not claim.holds_at(altered)), None)
    if told is None:
        return None
    proven = "not even unaltered" if told.radius is None else f"for {told.radius}"
    return (
        f"the claim on score {told.asked.score.name!r} ({told.asked.of}) is proven to {told.bound!r} and asked to "
        f"{told.asked.limit!r}; with {told.evidence.samples} runs it is proven {proven}"
    )


def require_sound_request(
    evidence: Evidence,
    choice: UnitChoice,
    seed: Seed | None,
    *,
    tolerance: float | None,
    keep: float | None,
    alpha: float,
    two_valued: bool,
    altered: int | None,
) -> None:
    """Raises the InvalidInput of what neither `certify_units` nor `verify` accepts."""
    if (tolerance is None) == (keep is None):
        raise InvalidParameters(
            f"give exactly one claim, got tolerance={tolerance!r} and keep={keep!r}", field="robustness.keep"
        )
    if tolerance is not None:
        require_tolerance(tolerance, evidence.diameter)
    if keep is not None:
        require_keep(keep)
        if not two_valued:
            raise InvalidParameters(
                f"keep={keep!r} is a share of equal answers, and these distances are not two-valued; compare "
                "outputs by an answer (two_valued=True), or give a tolerance",
                field="robustness.keep",
            )
    if two_valued:
        _require_two_values(evidence)
    if altered is not None:
        require_reachable(choice, altered)
    if seed is not None:
        require_alpha(alpha)
    elif alpha != 0:
        raise InvalidAlpha(
            f"alpha must be 0 where every subset was run, got {alpha!r}: nothing is left to chance", field="alpha"
        )
    elif choice.subsets is None or choice.subsets > MOST_ENUMERATED or evidence.samples > choice.subsets:
        raise InvalidDistances(
            f"without a seed the runs are all subsets, at most {MOST_ENUMERATED} of them: there are {choice.subsets}, "
            f"and {evidence.samples} distances; give the seed that drew the runs",
            field="distances",
        )


def require_keep(keep: float) -> None:
    """Raises InvalidParameters unless the share lies strictly between 0 and 1."""
    if not 0 < keep < 1:  # refuses NaN too
        raise InvalidParameters(
            f"keep must lie strictly between 0 and 1, got {keep!r}; it is a share of runs, such as 0.5",
            field="robustness.keep",
        )


def require_reachable(choice: UnitChoice, altered: int) -> None:
    """Raises InvalidParameters unless some run can miss all altered units: m in [1, K − s], or [1, K]."""
    require_altered(altered)
    most = choice.units - (choice.size or 0)
    if altered > most:
        why = "of more, every run keeps one" if choice.size else "there are no more"
        raise InvalidParameters(
            f"altered must be at most {most} with {choice.units} units"
            f"{f', {choice.size} of them in each run' if choice.size else ''}, got {altered}: {why}",
            field="units.altered",
        )


def alpha_of_look(samples: int, seed: Seed | None, alpha: float, plan: LookPlan | None) -> float | None:
    """Returns the alpha that so many runs may spend, None where every subset was run.

    Raises InvalidDistances for a number of runs that is no look, InvalidAlpha for looks that spend too much, and for
    looks where there is nothing to spend.
    """
    if plan is None:
        return None if seed is None else alpha
    if seed is None:
        raise InvalidAlpha("where every subset is run there are no looks; leave the plan out", field="looks")
    plan.require_within(alpha)
    return plan.alphas[plan.look_at(samples)]


def _require_two_values(evidence: Evidence) -> None:
    if evidence.bound < evidence.diameter:
        raise InvalidMetric(
            f"two-valued distances are 0 or the diameter {evidence.diameter!r}, and bound={evidence.bound!r} is less",
            field="bound",
        )
    ordered = evidence.ordered(evidence.bound)
    stray = ordered[(ordered != 0) & (ordered < evidence.bound)]
    if stray.size:
        raise InvalidDistances(
            f"two-valued distances are 0 or {evidence.bound!r}, got {float(np.max(stray))!r}; say two_valued=False",
            field="distances",
        )
