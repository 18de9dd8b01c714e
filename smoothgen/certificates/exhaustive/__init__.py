"""Exact certificates for text by exhaustion (exhaustive/v1): run every token sequence that an attack can reach.

cost ← evidence ← claims ← certificate ← certify; meaning ← statement ← document (JSON) ← verify.
completeness: the costs against the table, where that is at hand.
"""

from smoothgen.certificates.exhaustive.certificate import EXHAUSTIVE_V1, ExhaustiveCertificate
from smoothgen.certificates.exhaustive.certify import certify_exhaustive
from smoothgen.certificates.exhaustive.claims import BreakingRun, ExhaustiveClaims, Keeps
from smoothgen.certificates.exhaustive.completeness import check_completeness
from smoothgen.certificates.exhaustive.cost import certified_cost
from smoothgen.certificates.exhaustive.evidence import ExhaustiveEvidence
from smoothgen.certificates.exhaustive.threat import SnapThreat

__all__ = [
    "EXHAUSTIVE_V1",
    "BreakingRun",
    "ExhaustiveCertificate",
    "ExhaustiveClaims",
    "ExhaustiveEvidence",
    "Keeps",
    "SnapThreat",
    "certified_cost",
    "certify_exhaustive",
    "check_completeness",
]
