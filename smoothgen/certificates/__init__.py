"""Certificates: what may be claimed, from what evidence, and how to check it. numpy and scipy only.

bounds (the theorems) ← bands (the statistics) ← claims ← certify, universal ← stopping; document (JSON) ← verify.
"""

from smoothgen.certificates.abstention import Abstention, Reason
from smoothgen.certificates.bounds import (
    attacked_probability,
    total_variation,
    universal_w1_bound,
    worst_event_shift,
)
from smoothgen.certificates.certificate import Certificate, Claims, Deviation
from smoothgen.certificates.certify import certify
from smoothgen.certificates.document import from_document, load_certificate, save_certificate, to_document
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.lipschitz import Lipschitz
from smoothgen.certificates.looks import LookPlan
from smoothgen.certificates.provenance import (
    MetricIdentity,
    ModelIdentity,
    OutputIdentity,
    Provenance,
    RequestIdentity,
    Sampling,
    Threat,
)
from smoothgen.certificates.sigma_selection import (
    SELECTION_SHARE,
    SigmaGrid,
    SigmaSelection,
    remaining_alpha,
    select_sigma,
    selection_alpha,
)
from smoothgen.certificates.stopping import LookResult, Stop, at_deadline, hopeless_from_the_start, take_look
from smoothgen.certificates.universal import certify_universal
from smoothgen.certificates.verify import Check, Verification, verify

__all__ = [
    "SELECTION_SHARE",
    "Abstention",
    "Certificate",
    "Check",
    "Claims",
    "Deviation",
    "Evidence",
    "Lipschitz",
    "LookPlan",
    "LookResult",
    "MetricIdentity",
    "ModelIdentity",
    "OutputIdentity",
    "Provenance",
    "Reason",
    "RequestIdentity",
    "Sampling",
    "SigmaGrid",
    "SigmaSelection",
    "Stop",
    "Threat",
    "Verification",
    "at_deadline",
    "attacked_probability",
    "certify",
    "certify_universal",
    "from_document",
    "hopeless_from_the_start",
    "load_certificate",
    "remaining_alpha",
    "save_certificate",
    "select_sigma",
    "selection_alpha",
    "take_look",
    "to_document",
    "total_variation",
    "universal_w1_bound",
    "verify",
    "worst_event_shift",
]
