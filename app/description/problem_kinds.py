"""Every kind of problem that the gateway answers with, its status, and when it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

URN: Final = "urn:smoothgen:problem:"
"""What the type of every problem begins with."""


@dataclass(frozen=True)
class ProblemKind:
    """One kind of problem. status: of the answers with it. when: it is answered, a clause."""

    status: int
    when: str


KINDS: Final[Mapping[str, ProblemKind]] = {
    "malformed-request": ProblemKind(400, "the body is not JSON in UTF-8, or the request names no host"),
    "unauthorized": ProblemKind(401, "the gateway has keys, and the request carries none of them"),
    "insufficient-scope": ProblemKind(403, "the key does not have the scope that this needs"),
    "not-found": ProblemKind(404, "nothing of this name is known to the key's owner, or it is no longer kept"),
    "request-timeout": ProblemKind(408, "the request did not come whole in time"),
    "conflict": ProblemKind(409, "the request contradicts an earlier one, or what the certificate is about"),
    "model-replaced": ProblemKind(409, "the model that the certificate is about was replaced by another of its name"),
    "cancelled": ProblemKind(409, "the job was cancelled before it had an answer"),
    "erased": ProblemKind(410, "the output was erased before the request was repeated"),
    "body-too-large": ProblemKind(413, "the body is larger than this path takes"),
    "unsupported-media-type": ProblemKind(415, "the body is not sent as application/json"),
    "misdirected-request": ProblemKind(421, "the gateway is asked by a host name that is not its own"),
    "invalid-request": ProblemKind(422, "the request cannot be served as written; `errors` points at the fields"),
    "overloaded": ProblemKind(429, "more work waits than the server takes; `Retry-After` says when there is room"),
    "rate-exceeded": ProblemKind(429, "the key's rate is used up; `Retry-After` says until when"),
    "too-many-requests": ProblemKind(429, "as many requests of the key are in hand as may be"),
    "bodies-of-key-held": ProblemKind(429, "the gateway holds as many large bodies of the key's requests as it may"),
    "quota-exceeded": ProblemKind(429, "the key's quota does not have room for the job"),
    "headers-too-large": ProblemKind(431, "the request line and headers are too long"),
    "internal-error": ProblemKind(500, "the gateway failed; the cause is in its log"),
    "worker-error": ProblemKind(500, "the worker failed; the cause is in its log"),
    "generation-failed": ProblemKind(500, "the model gave nothing that could be served or measured"),
    "job-abandoned": ProblemKind(500, "no worker survived the job"),
    "job-unreadable": ProblemKind(500, "the worker is of a version that cannot read the job"),
    "changed": ProblemKind(500, "the job started over while its answer was streamed"),
    "queue-unavailable": ProblemKind(503, "Redis cannot be reached"),
    "not-replicated": ProblemKind(503, "the replicas of Redis did not confirm the job in time"),
    "too-many-connections": ProblemKind(503, "as many connections are open as there may be"),
    "bodies-held": ProblemKind(503, "the gateway holds as many large bodies as it may"),
    "ledger-unavailable": ProblemKind(503, "the ledger cannot be read"),
    "no-worker": ProblemKind(503, "no worker serves the model now"),
    "worker-hung": ProblemKind(503, "the worker that had the job hangs"),
    "model-changed": ProblemKind(503, "the model was replaced while the job ran"),
    "not-ready": ProblemKind(503, "the gateway cannot accept and answer jobs yet"),
    "unfinished": ProblemKind(504, "the job takes longer than the request; it goes on"),
    "no-answer": ProblemKind(504, "no worker answered in time"),
    "deadline-passed": ProblemKind(504, "the deadline of the request passed before there was an output"),
}

OF_EVERY_ROUTE: Final = (
    "malformed-request",
    "request-timeout",
    "body-too-large",
    "misdirected-request",
    "headers-too-large",
    "internal-error",
    "too-many-connections",
)
"""Kinds that are answered before a route is found, or where it fails."""
OF_EVERY_KEY: Final = (
    *("unauthorized", "insufficient-scope", "rate-exceeded", "too-many-requests"),
    "queue-unavailable",
)
"""Kinds of every route that asks for a key: all of them read from Redis."""
OF_EVERY_BODY: Final = (
    *("unsupported-media-type", "invalid-request"),
    *("bodies-held", "bodies-of-key-held", "overloaded"),
)
"""Kinds of every route that reads a body."""
OF_A_FAILED_JOB: Final = (
    *("invalid-request", "worker-error", "generation-failed", "job-abandoned", "job-unreadable"),
    *("worker-hung", "model-changed", "deadline-passed"),
)
"""Kinds by which a job itself fails: in its `error`, and as the answer to the request that waits for it."""
OF_A_NEW_JOB: Final = (
    *OF_EVERY_BODY,
    *("conflict", "quota-exceeded", "not-replicated", "no-worker"),
    *OF_A_FAILED_JOB,
)
"""Kinds of every route that submits a job and may wait for it."""
