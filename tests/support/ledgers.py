"""Facts, certificates and ledgers for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from smoothgen import Gaussian, certify
from smoothgen.certificates.stored import to_document
from smoothgen.ledger.chain import Event, Fact
from smoothgen.ledger.ledger import Recording


def certificate(seed: int = 0) -> dict[str, Any]:
    """A certificate's document."""
    distances = np.abs(np.random.default_rng(seed).normal(0, 0.03, size=40)).clip(max=1)
    made = certify(distances, bound=1.0, diameter=1.0, mechanism=Gaussian(sigma=0.5), alpha=1e-3, tolerance=0.5)
    return to_document(made)


def fact(job: str, event: Event = "abstention", digest: str | None = None, **changes: Any) -> Fact:
    said: dict[str, Any] = {
        "tenant": "alice",
        "model": "tanh",
        "model_revision": "v1",
        "model_digest": "sha256:0",
        "reason": None,
        "signature": None,
        "happened_at": "2026-01-31T12:00:00.000Z",
    }
    return Fact(event=event, job=job, certificate=digest, **(said | changes))


def recording(number: int) -> Recording:
    """Of a job with a certificate, of a different one for each number."""
    document = certificate(number)
    return Recording(fact(f"job-{number}", "certificate", document["digest"]), document)
