"""Certifies the runs of a model on the nearest token sequences, after checking that they can be evidence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from smoothgen.certificates.abstention import Abstention, Reason
from smoothgen.certificates.exhaustive.certificate import (
    ExhaustiveCertificate,
    require_kept_whole,
    require_tolerance,
)
from smoothgen.certificates.exhaustive.claims import ExhaustiveClaims, derive_claims
from smoothgen.certificates.exhaustive.evidence import ExhaustiveEvidence
from smoothgen.certificates.exhaustive.threat import SnapThreat
from smoothgen.certificates.packing import numbers
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.score_claims import AskedClaim, require_asked, require_distinct
from smoothgen.certificates.score_claims.exact import ExactClaim, ScoredRuns, derive_exact
from smoothgen.errors import InvalidCertificate, InvalidDistances, InvalidEpsilon


def certify_exhaustive(
    costs: ArrayLike,
    distances: ArrayLike,
    *,
    diameter: float,
    tolerance: float,
    next_cost: float | None,
    epsilon: float | None = None,
    texts: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    threat: SnapThreat | None = None,
    provenance: Provenance | None = None,
    score_claims: Sequence[AskedClaim] = (),
    scores: ArrayLike | None = None,
    asks_shift: bool = True,
    keep: float | None = None,
) -> ExhaustiveCertificate | Abstention:
    """Certifies a generator behind a token snap from its outputs on the nearest token sequences (exhaustive/v1).

    Every embedding goes to the nearest row of a table before the model sees it, so an attack can only make the model
    see another token sequence. Whoever runs all sequences up to a cost knows the worst, exactly: alpha is 0.

    The caller promises what no arithmetic here can see: that the list has EVERY sequence cheaper than `next_cost`; that
    each output was computed under the same draw of the generator's randomness, or greedily; and that it does not depend
    on what else was in its batch.

    Args:
        costs: shape (n,), in increasing order, the prompt itself first at 0. Each at most the least l2 norm of an
            attack that reaches the sequence, so rounded DOWN (`certified_cost`), embedding units.
        distances: shape (n,), of each output to the first one, metric units. NaN or +inf is a failed run, which lies at
            `diameter` from every output and breaks every claim.
        diameter: D, at least every possible distance between two outputs.
        tolerance: τ in (0, diameter). The radius is the cost of the first run further away than this, or `next_cost`.
        next_cost: at most the cost of every sequence that was not run. The list may end anywhere, at the run that
            breaks the claim for example. None only where every sequence there is was run.
        epsilon: an attack norm whose bound, attacks of exactly that norm included, is asked to be at most τ.
        texts, outputs: of every run, in the same order; the certificate names those of the run that breaks the claim.
        threat: which embeddings, which table, what is held fixed.
        provenance: request, model, metric and output; its sampling and threat sections are for certificates of noise.
        score_claims: claims on scores of the outputs. With an epsilon every one of them is proven too, or the result is
            an Abstention.
        scores: shape (n, K), the scores of every run, the prompt's own first, a column for each claim; NaN where a run
            has none, which breaks the claim.
        asks_shift: whether an asked epsilon asks for the W₁ bound too. False asks for the claims on scores alone.
        keep: a share of the outputs that an answer was asked to keep, of distances that are 0 or the diameter. Below
            the radius it is kept whole, so no number depends on the share.

    Returns:
        An ExhaustiveCertificate, or an Abstention where the asked epsilon is out of reach or the prompt's own run
        failed.

    Raises:
        InvalidDistances, InvalidMetric, InvalidTolerance, InvalidEpsilon; InvalidClaim for two equal claims,
        and for asks_shift=False without claims or with keep; InvalidKeep;
        InvalidCertificate for a provenance with sections of noise.
    """
    measured = numbers(distances, "distances")
    if measured.ndim == 1 and measured.size and not math.isfinite(measured[0]) and not measured[0] < 0:
        return Abstention(Reason.TOO_FEW_SAMPLES, "the run on the prompt itself failed, so there is no output to keep")
    evidence = ExhaustiveEvidence.from_runs(costs, measured, diameter=float(diameter), next_cost=next_cost)
    tolerance, epsilon = float(tolerance), None if epsilon is None else float(epsilon)
    require_sound_request(evidence, tolerance, epsilon)
    provenance = provenance or Provenance()
    require_no_noise(provenance)
    for name, words in (("texts", texts), ("outputs", outputs)):
        if words is not None and len(words) != evidence.runs:
            raise InvalidDistances(
                f"{name} must have one for each of {evidence.runs} runs, got {len(words)}", field=name
            )
    require_asked(score_claims, asks_shift=asks_shift, keep=keep)
    require_kept_whole(keep, evidence.distances, evidence.diameter)
    claims = derive_claims(evidence, tolerance, epsilon)
    scored = _exact_claims(evidence, score_claims, scores, epsilon)
    if epsilon is not None:
        detail = _missed(evidence, claims, tolerance, epsilon) if asks_shift else None
        detail = detail or _score_missed(evidence, scored, epsilon)
        if detail is not None:
            return Abstention(Reason.RADIUS_OUT_OF_REACH, detail, claims.curve, claims.radius, scored)
    breaking = claims.broken_by
    return ExhaustiveCertificate(
        evidence=evidence,
        tolerance=tolerance,
        epsilon=epsilon,
        claims=claims,
        text=None if texts is None or breaking is None else texts[breaking.index],
        output=None if outputs is None or breaking is None or breaking.distance is None else outputs[breaking.index],
        threat=threat,
        provenance=provenance,
        score_claims=scored,
        asks_shift=asks_shift,
        keep=keep,
    )


def _missed(evidence: ExhaustiveEvidence, claims: ExhaustiveClaims, tolerance: float, epsilon: float) -> str | None:
    """Returns how the bound at the asked epsilon misses the tolerance, None where it does not."""
    if claims.w1_bound <= tolerance:
        return None
    return (
        f"the W1 bound at epsilon={epsilon!r} is {claims.w1_bound!r}, above the tolerance {tolerance!r}; with "
        f"{evidence.runs} runs it is proven for norms strictly less than {claims.radius!r}"
    )


def _score_missed(evidence: ExhaustiveEvidence, scored: Sequence[ExactClaim], epsilon: float) -> str | None:
    """Returns which claim on a score does not hold at the asked epsilon, None where all do."""
    told = next((claim for claim in scored if not claim.holds_at(epsilon)), None)
    if told is None:
        return None
    return (
        f"at epsilon={epsilon!r} the claim on score {told.asked.score.name!r} ({told.asked.of}) is proven to "
        f"{told.bound!r} and asked to {told.asked.limit!r}; with {evidence.runs} runs it is proven for norms strictly "
        f"less than {told.radius!r}"
    )


def _exact_claims(
    evidence: ExhaustiveEvidence, claims: Sequence[AskedClaim], scores: ArrayLike | None, epsilon: float | None
) -> tuple[ExactClaim, ...]:
    require_distinct(claims)
    table = np.zeros((evidence.runs, 0)) if scores is None else np.asarray(scores, dtype=np.float64)
    if table.shape != (evidence.runs, len(claims)):
        raise InvalidDistances(
            f"scores must have a row for each of {evidence.runs} runs and a column for each of {len(claims)} claims, "
            f"got shape {table.shape}",
            field="scores",
        )
    return tuple(
        derive_exact(ScoredRuns.from_values(claim, table[:, k], evidence.costs, evidence.next_cost), epsilon)
        for k, claim in enumerate(claims)
    )


def require_sound_request(evidence: ExhaustiveEvidence, tolerance: float, epsilon: float | None) -> None:
    """Raises InvalidTolerance or InvalidEpsilon for what neither `certify_exhaustive` nor `verify` accepts."""
    require_tolerance(tolerance, evidence.diameter)
    if epsilon is not None and not (math.isfinite(epsilon) and epsilon > 0):
        raise InvalidEpsilon(f"epsilon must be a positive finite number, got {epsilon!r}", field="epsilon")


def require_no_noise(provenance: Provenance) -> None:
    """Raises InvalidCertificate for sections that speak of noise, which a token snap has none of."""
    for name in ("sampling", "threat"):
        if getattr(provenance, name) is not None:
            raise InvalidCertificate(
                f"provenance.{name} describes noise, and exhaustive/v1 draws none; say what is attacked by threat=",
                field=f"provenance.{name}",
            )
