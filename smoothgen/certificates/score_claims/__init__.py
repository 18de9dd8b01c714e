"""Claims on scores: bounds on a bounded function of the outputs under attack, from the scores of the same samples."""

from smoothgen.certificates.score_claims.asked import AskedClaim, ScoreIdentity, require_asked, require_distinct
from smoothgen.certificates.score_claims.bounds import ScoreCurve, claim_curve, score_radius
from smoothgen.certificates.score_claims.certified import ScoreClaim, derive_score_claims, failing_at
from smoothgen.certificates.score_claims.shares import claim_share

__all__ = [
    "AskedClaim",
    "ScoreClaim",
    "ScoreCurve",
    "ScoreIdentity",
    "claim_curve",
    "claim_share",
    "derive_score_claims",
    "failing_at",
    "require_asked",
    "require_distinct",
    "score_radius",
]
