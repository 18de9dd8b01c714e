"""The errors for an id that does not exist or is another tenant's: in the same words, so that nobody learns which."""

from __future__ import annotations

from smoothgen.errors import NotFound
from smoothgen.queue import keys


def unknown_job(job_id: str, retention_s: int) -> NotFound:
    """Returns the error for a job that its caller cannot have. retention_s: of requests that name none."""
    return NotFound(
        f"no job {job_id!r:.80} of yours; a job is kept for {retention_s} seconds after its end, or for the "
        "retention_s of its request"
    )


def unknown_certificate(certificate_id: str) -> NotFound:
    """Returns the error for a certificate that its caller cannot have."""
    days = keys.CERTIFICATE_TTL_S // 86400
    return NotFound(f"no certificate {certificate_id!r:.80} of yours; certificates are kept {days} days")
