"""Certifies the runs of a model on edits of a prompt, after checking that they can be evidence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.certificates.edits.certificate import EditsCertificate
from smoothgen.certificates.edits.claims import EditsClaims, derive_claims
from smoothgen.certificates.edits.evidence import EditsEvidence
from smoothgen.certificates.edits.identity import EditSetIdentity, require_edit_set
from smoothgen.certificates.edits.score_claims import derive_edits_score, scored_edits
from smoothgen.certificates.exhaustive.certificate import require_kept_whole, require_tolerance
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.score_claims import AskedClaim, claim_share
from smoothgen.errors import InvalidAlpha, InvalidCertificate, InvalidDistances, InvalidSeed
from smoothgen.noise import Seed


def certify_edits(
    distances: ArrayLike,
    *,
    size: int,
    sampled: bool,
    diameter: float,
    tolerance: float,
    alpha: float = 0.0,
    singles: int | None = None,
    seed: Seed | None = None,
    texts: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    edit_set: EditSetIdentity | None = None,
    provenance: Provenance | None = None,
    score_claims: Sequence[AskedClaim] = (),
    scores: ArrayLike | None = None,
    keep: float | None = None,
) -> EditsCertificate:
    """Certifies a generator on a finite public set of edits of a prompt (edits/v1).

    With `sampled=False` the model was run on ALL texts of the set: the claims are exact and alpha is 0. With
    `sampled=True` it was run on texts drawn uniformly with replacement: the share of the set that keeps the output
    within the tolerance is at least `share`, with probability 1 − alpha over the draw. That is no claim against an
    adversary who chooses the edit, and so there is no bound on W₁.

    The caller promises what no arithmetic here can see: that the texts run are those of the set; that each output was
    computed under the same draw of the generator's randomness, or greedily, and does not depend on what else was in its
    batch; and that the seed was drawn after the prompt and the set were fixed.

    Args:
        distances: shape (n,), of each run's output to the output on the prompt itself, metric units. NaN or +inf is a
            failed run, which lies at `diameter` from every output. Not sampled: in the order of the set, n = size.
            Sampled: in the order of the draws, a text that was drawn twice with the same distance twice.
        size: N, how many texts the set has; the prompt itself is none of them.
        sampled: whether the texts were drawn by `seed`, as `drawn_indices(seed, size, n)` says.
        diameter: D, at least every possible distance between two outputs.
        tolerance: τ in (0, diameter). An edit keeps the output if its distance is at most this.
        alpha: 0 where all was run; of the sampled form in [1e-12, 1), the probability that its share is too high.
        singles: how many texts, the first in order, are one edit away. None: all of them.
        seed: of the draws; None where all was run.
        texts, outputs: of every run, in the same order; the certificate names those that break the claim.
        edit_set: which set (`smoothgen.edits.EditSet.identity`).
        provenance: request, model, metric and output; its sampling and threat sections are for certificates of noise.
        score_claims: claims on scores of the outputs, fixed before any run. Sampled: they and the claim on the output
            share alpha in equal parts.
        scores: shape (1 + n, K), the scores of the prompt's own output, then of every run, a column for each claim; NaN
            where a run has none, which counts as the worst.
        keep: a share of the outputs that an answer was asked to keep, of distances that are 0 or the diameter. Each run
            keeps it whole or loses it, so no number depends on the share.

    Raises:
        InvalidDistances, InvalidMetric, InvalidTolerance, InvalidAlpha, InvalidSeed; InvalidCertificate for a
        provenance with sections of noise and for a set that cannot have so many texts; InvalidClaim for two equal
        claims; InvalidKeep.
    """
    if sampled != (seed is not None):
        raise InvalidSeed(
            f"sampled is {sampled}, and seed is {'given' if seed is not None else 'not'}: give the seed that drew the "
            "texts exactly where they were drawn",
            field="seed",
        )
    evidence = EditsEvidence.from_runs(
        distances, size=size, singles=size if singles is None else singles, diameter=float(diameter), seed=seed
    )
    tolerance, alpha = float(tolerance), float(alpha)
    require_sound_request(evidence, tolerance, alpha)
    require_kept_whole(keep, evidence.distances, evidence.diameter)
    provenance = provenance or Provenance()
    for name in ("sampling", "threat"):
        if getattr(provenance, name) is not None:
            raise InvalidCertificate(
                f"provenance.{name} describes noise, and edits/v1 has none; say which set by edit_set=",
                field=f"provenance.{name}",
            )
    if edit_set is not None:
        require_edit_set(edit_set, evidence.size, evidence.singles)
    for name, words in (("texts", texts), ("outputs", outputs)):
        if words is not None and len(words) != evidence.runs:
            raise InvalidDistances(
                f"{name} must have one for each of {evidence.runs} runs, got {len(words)}", field=name
            )
    share = claim_share(alpha, len(score_claims)) if sampled else alpha
    claims = derive_claims(evidence, tolerance, share)
    scored = tuple(derive_edits_score(each, share) for each in scored_edits(score_claims, scores, evidence))
    runs = _runs_of(evidence, claims)
    return EditsCertificate(
        evidence=evidence,
        tolerance=tolerance,
        alpha=alpha,
        claims=claims,
        texts=None if texts is None else tuple(texts[run] for run in runs),
        outputs=None
        if outputs is None
        else tuple(
            None if edit.distance is None else outputs[run] for edit, run in zip(claims.broken_by, runs, strict=True)
        ),
        edit_set=edit_set,
        provenance=provenance,
        score_claims=scored,
        keep=keep,
    )


def require_sound_request(evidence: EditsEvidence, tolerance: float, alpha: float) -> None:
    """Raises InvalidTolerance or InvalidAlpha for what neither `certify_edits` nor `verify` accepts."""
    require_tolerance(tolerance, evidence.diameter)
    if evidence.seed is not None:
        require_alpha(alpha)
    elif alpha != 0:
        raise InvalidAlpha(
            f"alpha must be 0 where every text was run, got {alpha!r}: nothing is left to chance", field="alpha"
        )


def _runs_of(evidence: EditsEvidence, claims: EditsClaims) -> list[int]:
    """Returns for every edit that is named the first run of its text."""
    if not claims.broken_by:
        return []
    texts, places = np.unique(evidence.indices, return_index=True)
    first = dict(zip(texts.tolist(), places.tolist(), strict=True))
    return [first[edit.index] for edit in claims.broken_by]
