"""Certificates: what may be claimed, from what evidence, and how to check it. numpy and scipy only.

bounds (the theorems) ← bands (the statistics) ← claims ← certify, universal ← stopping; document (JSON) ← verify.
exhaustive: certificates without noise and without statistics. stored: documents and files of either method.
"""

from smoothgen.certificates.abstention import Abstention, Reason
from smoothgen.certificates.bounds.lipschitz import Lipschitz
from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.bounds.theorems import (
    attacked_probability,
    total_variation,
    universal_w1_bound,
    worst_event_shift,
)
from smoothgen.certificates.certificate import Certificate, Claims, Deviation
from smoothgen.certificates.certify import certify
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.exhaustive import ExhaustiveCertificate, SnapThreat, certified_cost, certify_exhaustive
from smoothgen.certificates.format.document import from_document
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
from smoothgen.certificates.stopping.decide import LookResult, Stop, at_deadline, futile_from_the_start, take_look
from smoothgen.certificates.stored import load_certificate, read_certificate, save_certificate, to_document
from smoothgen.certificates.terms import Terms
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
    "ExhaustiveCertificate",
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
    "SnapThreat",
    "Stop",
    "Terms",
    "Threat",
    "Verification",
    "at_deadline",
    "attacked_probability",
    "certified_cost",
    "certify",
    "certify_exhaustive",
    "certify_universal",
    "from_document",
    "futile_from_the_start",
    "load_certificate",
    "read_certificate",
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
