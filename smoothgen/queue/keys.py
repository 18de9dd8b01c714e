"""Every Redis key and stream SmoothGen uses, and how long each lives. No key is spelled anywhere else.

smoothgen:models                     hash    model id → ModelCard JSON; kept for ever, one entry a model
smoothgen:workers:{model}            zset    live workers by the time (Unix seconds) they count as gone
smoothgen:jobs:{model}               stream  one entry a job waiting or running; consumer group GROUP
smoothgen:dead:{model}               stream  jobs given up after MAX_DELIVERIES; capped at DEAD_LETTERS
smoothgen:job:{job}                  hash    the job; expires RESULT_TTL_S after it ended, never before
smoothgen:watchers:{job}             set     gateways waiting for the job; expires with WATCH_TTL_S
smoothgen:replies:{gateway}          stream  finished jobs a gateway waits for; capped, expires with WATCH_TTL_S
smoothgen:certificate:{job}          string  certificate JSON; expires CERTIFICATE_TTL_S after issue
smoothgen:samples:{job}              string  contact sheet of an image job, base64 PNG; expires with RESULT_TTL_S
smoothgen:idempotency:{digest}       hash    job id and body digest; expires IDEMPOTENCY_TTL_S after submission
"""

from __future__ import annotations

import hashlib
from typing import Final

GROUP: Final = "workers"
MODELS: Final = "smoothgen:models"

RESULT_TTL_S: Final = 24 * 3600
CERTIFICATE_TTL_S: Final = 30 * 24 * 3600
IDEMPOTENCY_TTL_S: Final = 24 * 3600
WATCH_TTL_S: Final = 3600
WORKER_TTL_S: Final = 30
REPLIES_KEPT: Final = 10_000
DEAD_LETTERS: Final = 10_000
MAX_DELIVERIES: Final = 3
LEASE_S: Final = 30.0
"""How long a worker may be silent about a job before another takes it over."""


def workers(model: str) -> str:
    """The workers that serve a model."""
    return f"smoothgen:workers:{model}"


def jobs(model: str) -> str:
    """The stream of a model's jobs."""
    return f"smoothgen:jobs:{model}"


def dead(model: str) -> str:
    """The stream of a model's jobs that no worker survived."""
    return f"smoothgen:dead:{model}"


def job(job_id: str) -> str:
    """A job's record."""
    return f"smoothgen:job:{job_id}"


def watchers(job_id: str) -> str:
    """The gateways waiting for a job."""
    return f"smoothgen:watchers:{job_id}"


def replies(gateway_id: str) -> str:
    """A gateway's stream of finished jobs."""
    return f"smoothgen:replies:{gateway_id}"


def certificate(certificate_id: str) -> str:
    """An issued certificate. Its id is the job's."""
    return f"smoothgen:certificate:{certificate_id}"


def samples(job_id: str) -> str:
    """The contact sheet of an image job's noisy samples."""
    return f"smoothgen:samples:{job_id}"


def idempotency(key: str) -> str:
    """A client's idempotency key, hashed: it is a stranger's text of any length."""
    return f"smoothgen:idempotency:{hashlib.sha256(key.encode()).hexdigest()}"
