"""Certificates of a finite public set of edits (edits/v1): all of it run, exactly; or a uniform sample, as a share.

identity, draws ← evidence ← claims ← score_claims ← certificate ← certify; meaning ← statement ← document (JSON)
← verify.
The sets themselves are listed in `smoothgen.edits`.
"""

from smoothgen.certificates.edits.certificate import EditsCertificate
from smoothgen.certificates.edits.certify import certify_edits
from smoothgen.certificates.edits.claims import BreakingEdit, EditsClaims, least_share
from smoothgen.certificates.edits.draws import drawn_indices
from smoothgen.certificates.edits.evidence import EditsEvidence
from smoothgen.certificates.edits.identity import EDITS_V1, KINDS, EditSetIdentity

__all__ = [
    "EDITS_V1",
    "KINDS",
    "BreakingEdit",
    "EditSetIdentity",
    "EditsCertificate",
    "EditsClaims",
    "EditsEvidence",
    "certify_edits",
    "drawn_indices",
    "least_share",
]
