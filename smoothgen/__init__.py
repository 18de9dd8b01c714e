"""SmoothGen: certified generation.

The library, without torch: certificates (`certify`, `certify_exhaustive`, `certify_edits`, `certify_units`, `verify`,
`load_certificate`), their signatures (`verify_signature`), mechanisms (`Gaussian` and its schedules), and the HTTP
client (`Client`, `AsyncClient`). A name is imported when it is first used, so verifying a certificate imports numpy and
scipy and never the client's HTTP stack.

    >>> from smoothgen import certify, Gaussian
    >>> certificate = certify([0.1] * 500, bound=1.0, diameter=1.0, mechanism=Gaussian(sigma=0.5),
    ...                       alpha=1e-3, tolerance=0.1)
    >>> certificate.radius > 0.25
    True
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smoothgen.certificates import (
        Abstention,
        AskedClaim,
        Certificate,
        EditsCertificate,
        ExhaustiveCertificate,
        Lipschitz,
        LookPlan,
        Reason,
        ScoreIdentity,
        SigmaGrid,
        SigmaSelection,
        SnapThreat,
        UnitChoice,
        UnitsCertificate,
        Verification,
        certified_cost,
        certify,
        certify_edits,
        certify_exhaustive,
        certify_units,
        certify_universal,
        load_certificate,
        save_certificate,
        select_sigma,
        statement_of,
        universal_w1_bound,
        verify,
    )
    from smoothgen.client import AsyncClient, Client
    from smoothgen.errors import SmoothGenError
    from smoothgen.mechanisms import (
        ForwardDiffusion,
        Gaussian,
        GaussianPerStep,
        LatentSchedule,
        Mechanism,
        Shape,
        ShapedGaussian,
    )
    from smoothgen.signing import verify_signature

__version__ = "0.1.0"

__all__ = [
    "Abstention",
    "AskedClaim",
    "AsyncClient",
    "Certificate",
    "Client",
    "EditsCertificate",
    "ExhaustiveCertificate",
    "ForwardDiffusion",
    "Gaussian",
    "GaussianPerStep",
    "LatentSchedule",
    "Lipschitz",
    "LookPlan",
    "Mechanism",
    "Reason",
    "ScoreIdentity",
    "Shape",
    "ShapedGaussian",
    "SigmaGrid",
    "SigmaSelection",
    "SmoothGenError",
    "SnapThreat",
    "UnitChoice",
    "UnitsCertificate",
    "Verification",
    "certified_cost",
    "certify",
    "certify_edits",
    "certify_exhaustive",
    "certify_units",
    "certify_universal",
    "load_certificate",
    "save_certificate",
    "select_sigma",
    "statement_of",
    "universal_w1_bound",
    "verify",
    "verify_signature",
]

_ROOMS = {
    "AsyncClient": "client",
    "Client": "client",
    "ForwardDiffusion": "mechanisms",
    "Gaussian": "mechanisms",
    "GaussianPerStep": "mechanisms",
    "LatentSchedule": "mechanisms",
    "Mechanism": "mechanisms",
    "Shape": "mechanisms",
    "ShapedGaussian": "mechanisms",
    "SmoothGenError": "errors",
    "verify_signature": "signing",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'smoothgen' has no attribute {name!r}")
    return getattr(import_module(f"smoothgen.{_ROOMS.get(name, 'certificates')}"), name)
