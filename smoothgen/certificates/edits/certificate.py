"""The certificate of a set of edits: the runs, what was asked, and the claims that follow. Frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from smoothgen.certificates.bounds.rounding import complement
from smoothgen.certificates.edits.claims import EditsClaims
from smoothgen.certificates.edits.evidence import EditsEvidence
from smoothgen.certificates.edits.identity import EDITS_V1, EditSetIdentity
from smoothgen.certificates.edits.score_claims import EditsScoreClaim
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.score_claims import claim_share


@dataclass(frozen=True)
class EditsCertificate:
    """A statement about one generator and a finite set of texts, with everything needed to derive it again.

    Where every text was run, it is exact: whoever chooses among them moves the output by no more than `w1_bound`, given
    the generator's own randomness. Where texts were drawn, it is a share with a confidence, and no claim against an
    adversary who chooses the edit (docs/theory/edits.md).

    alpha: 0 where every text was run. texts, outputs: of the edits in `claims.broken_by`, in that order, where the
    caller gave them (None for the output of a failed run); no number rests on them. edit_set: which set, None where the
    caller did not say. provenance: its request, model, metric and output only. score_claims: what holds of scores of
    the outputs. keep: the share that an answer was asked to keep, None where none was: each run keeps it whole or loses
    it.
    """

    evidence: EditsEvidence
    tolerance: float
    alpha: float
    claims: EditsClaims
    texts: tuple[str, ...] | None = None
    outputs: tuple[str | None, ...] | None = None
    edit_set: EditSetIdentity | None = None
    provenance: Provenance = field(default_factory=Provenance)
    id: str | None = None
    requested_at: str | None = None
    score_claims: tuple[EditsScoreClaim, ...] = ()
    keep: float | None = None

    method: ClassVar[str] = EDITS_V1

    @property
    def sampled(self) -> bool:
        """Returns whether the texts were drawn, so that nothing is claimed against who chooses the edit."""
        return self.evidence.seed is not None

    @property
    def confidence(self) -> float:
        """Returns 1 − alpha."""
        return complement(self.alpha)

    @property
    def each_alpha(self) -> float:
        """Returns what the claim on the output, and each claim on a score, spends of alpha: equal shares.

        Raises InvalidAlpha for shares that are too small.
        """
        return claim_share(self.alpha, len(self.score_claims)) if self.sampled else self.alpha

    @property
    def share(self) -> float:
        """Returns the share of the texts that keeps the output within the tolerance, at least. Rounded down."""
        return self.claims.share

    @property
    def radius(self) -> int | None:
        """Returns the most edits at once that keep the output within the tolerance, 0 where one can break it. None
        where the texts were drawn."""
        return self.claims.radius

    def identified(self, certificate_id: str, requested_at: str) -> EditsCertificate:
        """Returns this certificate with its id and the time (ISO 8601) of the request it answers."""
        return replace(self, id=certificate_id, requested_at=requested_at)
