"""Every Redis key and stream SmoothGen uses, and how long each lives. No key is spelled anywhere else.

smoothgen:models                     hash    model id → ModelCard JSON; kept for ever, one entry a model
smoothgen:workers:{model}            zset    live workers by the time (Unix seconds) they count as gone
smoothgen:rates:{model}              hash    worker → samples a second it was measured at; goes with the worker
smoothgen:served:{model}             hash    worker → build of the model it serves; goes with the worker
smoothgen:builds:{model}             set     builds that have streams of their own; one goes when nobody serves it and
                                             nothing waits in them
smoothgen:work:{model}:{priority}    stream  one entry a job that waits to be opened; consumer group GROUP
smoothgen:work:{model}:{priority}:{build}
                                     stream  one entry a piece that only workers of this build may compute; likewise
smoothgen:backlog:{model}            string  noisy samples promised to jobs and not yet drawn
smoothgen:deadlines:{model}          zset    jobs with a deadline by it (Unix ms); a job leaves it when it ends
smoothgen:dead:{model}               stream  work given up after MAX_DELIVERIES; capped at DEAD_LETTERS
smoothgen:job:{job}                  hash    the job; expires RESULT_TTL_S after it ended, never before
smoothgen:distances:{job}            hash    first index → distances of a finished chunk; goes when the job ends
smoothgen:replies:{gateway}          stream  ended jobs a gateway waits for, short outcomes with them; capped at
                                             REPLIES_KEPT, expires with WATCH_TTL_S
smoothgen:certificate:{job}          string  certificate JSON; expires CERTIFICATE_TTL_S after issue
smoothgen:asked:{job}                string  the request behind a certificate, seed image left out; lives as long as it
smoothgen:covers:{model}             list    prompts to be compared; at most COVERS_WAITING; expires after COVERS_TTL_S
smoothgen:covers-reply:{call}        string  what a worker answered; expires after COVERS_TTL_S
smoothgen:samples:{job}              string  contact sheet of an image job, base64 PNG; goes RESULT_TTL_S after its end
smoothgen:idempotency:{digest}       hash    job id and body digest; expires IDEMPOTENCY_TTL_S after submission
smoothgen:probe                      string  written to see whether Redis takes writes; expires after a minute
smoothgen:fleet:{window}             hash    pool → its description, at most POOLS_A_WINDOW; expires with its bins
smoothgen:fleet:{window}:{pool}      string  one character a request, by order of submission; expires after FLEET_TTL_S
smoothgen:fleet:{window}:uncounted   string  how many requests found the window full of pools; expires with its bins

The build of a model is its digest and the precision it computes in, "sha256:…@float32": all samples of a job come from
one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from smoothgen.contracts import PRIORITIES

GROUP: Final = "workers"
MODELS: Final = "smoothgen:models"
PROBE: Final = "smoothgen:probe"

RESULT_TTL_S: Final = 24 * 3600
CERTIFICATE_TTL_S: Final = 30 * 24 * 3600
IDEMPOTENCY_TTL_S: Final = 24 * 3600
WATCH_TTL_S: Final = 3600
WORKER_TTL_S: Final = 30
REPLIES_KEPT: Final = 1_000
LONGEST_REPLY: Final = 16_384
"""Characters of view and certificate that go with the news of a job's end, and need not be read again."""
COVERS_WAITING: Final = 64
COVERS_TTL_S: Final = 300
DEAD_LETTERS: Final = 10_000
POOLS_A_WINDOW: Final = 256
FLEET_TTL_S: Final[Mapping[str, int]] = MappingProxyType({"hour": 3 * 24 * 3600, "day": 40 * 24 * 3600})
"""How long a window of each length is kept from its start on."""
MAX_DELIVERIES: Final = 5
LEASE_S: Final = 30.0
"""How long a worker may be silent about its work before another takes it over."""


def workers(model: str) -> str:
    """The workers that serve a model."""
    return f"smoothgen:workers:{model}"


def rates(model: str) -> str:
    """How fast each worker of a model is."""
    return f"smoothgen:rates:{model}"


def served(model: str) -> str:
    """Which build of a model each worker serves."""
    return f"smoothgen:served:{model}"


def builds(model: str) -> str:
    """The builds of a model that have streams."""
    return f"smoothgen:builds:{model}"


def work(model: str, priority: str, build: str | None = None) -> str:
    """The stream of a model's work of one priority: of openings, which any worker may take, or of one build's."""
    return f"smoothgen:work:{model}:{priority}" + ("" if build is None else f":{build}")


def streams(model: str, build: str | None = None) -> list[str]:
    """All streams of a model's openings, or of one build's work, the most urgent first."""
    return [work(model, priority, build) for priority in PRIORITIES]


def backlog(model: str) -> str:
    """A model's samples promised and not yet drawn."""
    return f"smoothgen:backlog:{model}"


def deadlines(model: str) -> str:
    """A model's jobs that have a deadline."""
    return f"smoothgen:deadlines:{model}"


def dead(model: str) -> str:
    """The stream of a model's work that no worker survived."""
    return f"smoothgen:dead:{model}"


def job(job_id: str) -> str:
    """A job's record."""
    return f"smoothgen:job:{job_id}"


def distances(job_id: str) -> str:
    """A job's distances so far, by the first index of their chunk."""
    return f"smoothgen:distances:{job_id}"


def replies(gateway_id: str) -> str:
    """A gateway's stream of ended jobs."""
    return f"smoothgen:replies:{gateway_id}"


def certificate(certificate_id: str) -> str:
    """An issued certificate. Its id is the job's."""
    return f"smoothgen:certificate:{certificate_id}"


def asked(certificate_id: str) -> str:
    """The request a certificate answers."""
    return f"smoothgen:asked:{certificate_id}"


def covers_calls(model: str) -> str:
    """Prompts that wait to be compared with certificates of a model."""
    return f"smoothgen:covers:{model}"


def covers_reply(call_id: str) -> str:
    """What a worker answered to a call."""
    return f"smoothgen:covers-reply:{call_id}"


def samples(job_id: str) -> str:
    """The contact sheet of an image job's noisy samples."""
    return f"smoothgen:samples:{job_id}"


def idempotency(key: str) -> str:
    """A client's idempotency key, hashed: it is a stranger's text of any length."""
    return f"smoothgen:idempotency:{hashlib.sha256(key.encode()).hexdigest()}"


def fleet_window(window: str) -> str:
    """The pools of a window of time."""
    return f"smoothgen:fleet:{window}"


def fleet_uncounted(window: str) -> str:
    """How many requests of a window are in no pool, because it held its most pools. No pool's id is this word."""
    return f"smoothgen:fleet:{window}:uncounted"


def fleet_bins(window: str, pool: str) -> str:
    """The distances of a pool's requests in a window."""
    return f"smoothgen:fleet:{window}:{pool}"


def window_of_bins(key: str) -> str:
    """The window a key of `fleet_bins` is of."""
    return key.removeprefix(fleet_window("")).rpartition(":")[0]
