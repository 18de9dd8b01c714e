"""Certificates: what may be claimed, from what evidence, and how to check it. Needs numpy and scipy only.

Each room imports only from rooms before it:

evidence, provenance: the distances a certificate rests on, and what it is about. abstention: the other outcome.
bounds: the theorems, the bands, the looks, the radius and outward rounding; every one names its proof in docs/theory.
sigma_selection: a noise level selected for one prompt, and the alpha it spends.
terms, certificate, claims: what a certificate is made under, the certificate itself, and what it states.
certify, universal: from distances to a certificate, and without them. stopping: what a look at the samples decides.
planning: what a job could prove, before a sample is drawn.
verification: the verdict. meaning: the known words. format: documents, digests and statements.
checks: what a document is held to. covers: one known other prompt.
packing: numbers as bytes. fleet, exhaustive, edits, units: the average request; certificates without noise.
stored, verify: documents and files of every method, and the verdict on a stranger's.
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
from smoothgen.certificates.edits import EditsCertificate, EditSetIdentity, certify_edits
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
from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity
from smoothgen.certificates.sigma_selection import (
    SELECTION_SHARE,
    SigmaGrid,
    SigmaSelection,
    remaining_alpha,
    select_sigma,
    selection_alpha,
)
from smoothgen.certificates.stopping.decide import LookResult, Stop, at_deadline, futile_from_the_start, take_look
from smoothgen.certificates.stored import (
    AnyCertificate,
    load_certificate,
    read_certificate,
    save_certificate,
    statement_of,
    to_document,
)
from smoothgen.certificates.terms import Terms
from smoothgen.certificates.units import (
    UnitChoice,
    UnitsBound,
    UnitsCertificate,
    UnitsThreat,
    certify_units,
    largest_probability,
    largest_size,
)
from smoothgen.certificates.universal import certify_universal
from smoothgen.certificates.verify import Check, Verification, verify

__all__ = [
    "SELECTION_SHARE",
    "Abstention",
    "AnyCertificate",
    "Certificate",
    "Check",
    "Claims",
    "Deviation",
    "EditSetIdentity",
    "EditsCertificate",
    "Evidence",
    "ExhaustiveCertificate",
    "Lipschitz",
    "LookPlan",
    "LookResult",
    "MetricIdentity",
    "ModelIdentity",
    "OutputIdentity",
    "AskedClaim",
    "Provenance",
    "ScoreIdentity",
    "Reason",
    "RequestIdentity",
    "Sampling",
    "SigmaGrid",
    "SigmaSelection",
    "SnapThreat",
    "Stop",
    "Terms",
    "Threat",
    "UnitChoice",
    "UnitsBound",
    "UnitsCertificate",
    "UnitsThreat",
    "Verification",
    "at_deadline",
    "attacked_probability",
    "certified_cost",
    "certify",
    "certify_edits",
    "certify_exhaustive",
    "certify_units",
    "certify_universal",
    "from_document",
    "futile_from_the_start",
    "largest_probability",
    "largest_size",
    "load_certificate",
    "read_certificate",
    "remaining_alpha",
    "save_certificate",
    "select_sigma",
    "selection_alpha",
    "statement_of",
    "take_look",
    "to_document",
    "total_variation",
    "universal_w1_bound",
    "verify",
    "worst_event_shift",
]
