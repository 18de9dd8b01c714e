"""Every exception SmoothGen raises on purpose, in one tree.

SmoothGenError
├── InvalidInput (also a ValueError): the caller can mend it; the message carries the value and the remedy
│   ├── InvalidSigma          a noise level that is not a positive finite number
│   ├── InvalidBudget         a robustness budget the model's calibration cannot serve
│   ├── InvalidEpsilon        an attack norm that is negative or not finite
│   ├── InvalidTolerance      a tolerance outside (0, diameter)
│   ├── InvalidKeep           a share to be kept outside (0, 1), or of what is no answer
│   ├── InvalidAlpha          a failure probability (or confidence) outside (0, 1)
│   ├── InvalidDistances      distances that cannot be evidence
│   ├── InvalidLipschitz      a Lipschitz constant that its factors do not prove
│   ├── InvalidMetric         bounds or options of an output metric that contradict each other
│   ├── InvalidClaim          a claim on a score that is none, or a score that no claim can be made on
│   ├── InvalidPlugin         a plug-in that cannot be loaded, or does not state or keep what a certificate needs
│   ├── InvalidSlack          a rounding slack that is no total variation
│   ├── InvalidSeed           a seed outside its range
│   ├── InvalidPrompt         a prompt the model cannot take
│   ├── InvalidParameters     generation parameters the model cannot take
│   ├── InvalidTokens         token ids, or embeddings in their place, that an embedding table cannot take
│   ├── UnusableTable         an embedding table that tokens cannot be told apart by
│   ├── InvalidPartition      synonym classes that are no partition of words, or not the published one
│   ├── UnknownName           no such model, mechanism, metric …; the message lists the known ones
│   ├── InvalidKeys           signing keys, or a set of public ones, that cannot be used
│   └── InvalidCertificate    a document that is not a certificate of a version we read
├── NotFound                  no such job or certificate here (or no longer)
├── Conflict                  the request contradicts an earlier one
├── Overloaded                more work waits than the server takes; the message and `retry_after_s` say when to return
│   └── QuotaExceeded         more samples than an API key may be promised in this window of time
├── NoWorker                  no worker serves the model a question is about
├── NoAnswer                  a worker was asked and did not answer in time
├── GenerationFailed          the model gave nothing a certificate could be made from
├── CertificatesFalsified     attacks broke more certificates than their alpha allows
├── QueueUnavailable          Redis cannot be reached
│   └── NotReplicated         Redis did it, and too few of its replicas confirmed in time that they have it
├── LedgerUnavailable         the ledger's database cannot be reached, or takes no entries
├── ServerUnreachable         no SmoothGen server answers at this address (raised by the client)
└── ServerProblem             a SmoothGen server answered with a problem document (raised by the client)

An abstention is not in this tree: it is a result (`smoothgen.Abstention`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class SmoothGenError(Exception):
    """Base of every exception raised on purpose."""


class InvalidInput(SmoothGenError, ValueError):
    """Something the caller can mend. `field` names it where the caller's field is known."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class InvalidSigma(InvalidInput):
    """A noise level that is not a positive finite number."""


class InvalidBudget(InvalidInput):
    """A robustness budget the model's calibration cannot serve."""


class InvalidEpsilon(InvalidInput):
    """An attack norm that is negative or not finite."""


class InvalidTolerance(InvalidInput):
    """A tolerance outside (0, diameter)."""


class InvalidKeep(InvalidInput):
    """A share to be kept outside (0, 1), or asked for where no answers are compared."""


class InvalidAlpha(InvalidInput):
    """A failure probability outside (0, 1)."""


class InvalidDistances(InvalidInput):
    """Distances that cannot be evidence: empty, negative, or beyond their stated bound."""


class InvalidLipschitz(InvalidInput):
    """A Lipschitz constant that its factors do not prove."""


class InvalidMetric(InvalidInput):
    """Bounds or options of an output metric that contradict each other."""


class InvalidClaim(InvalidInput):
    """A claim on a score that is none, or a score that no claim can be made on."""


class InvalidPlugin(InvalidInput):
    """A plug-in that cannot be loaded, does not state what a certificate needs, or does not keep what it states."""


class InvalidSlack(InvalidInput):
    """A rounding slack that is no total variation."""


class InvalidSeed(InvalidInput):
    """A seed outside its range."""


class InvalidPrompt(InvalidInput):
    """A prompt the model cannot take."""


class InvalidParameters(InvalidInput):
    """Generation parameters the model cannot take."""


class InvalidTokens(InvalidInput):
    """Token ids, or embeddings in their place, that an embedding table cannot take."""


class UnusableTable(InvalidInput):
    """An embedding table with numbers that are not finite, of an unknown form, or with rows too close to tell apart."""


class InvalidPartition(InvalidInput):
    """Synonym classes that are no partition of words, or not the published one."""


class InvalidKeys(InvalidInput):
    """Signing keys, or a set of public ones, that cannot be read or may not be used."""


class InvalidCertificate(InvalidInput):
    """A document that is not a certificate of a version this library reads."""


class UnknownName(InvalidInput):
    """No such model, mechanism or metric. The message lists the known ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], *, field: str | None = None) -> None:
        self.kind, self.name, self.known = kind, name, tuple(sorted(known))
        listed = ", ".join(self.known) if self.known else "none"
        super().__init__(f"unknown {kind} {name!r}; known: {listed}", field=field)


class NotFound(SmoothGenError):
    """No such job or certificate here, or no longer. `field` names what the caller asked it by, where that is known."""

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Conflict(SmoothGenError):
    """The request contradicts an earlier one, such as an idempotency key used for another body."""


class Overloaded(SmoothGenError):
    """More work waits than the server takes. `retry_after_s`: when there should be room, by measured speed."""

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QuotaExceeded(Overloaded):
    """More samples than an API key may be promised in this window of time. `retry_after_s`: when the next begins."""


class NoWorker(SmoothGenError):
    """No worker serves the model a question is about."""


class NoAnswer(SmoothGenError):
    """A worker was asked and did not answer in time."""


class GenerationFailed(SmoothGenError):
    """The model gave nothing a certificate could be made from."""


class CertificatesFalsified(SmoothGenError):
    """Attacks were proven to exceed what certificates claim, for more of them than chance allows."""


class QueueUnavailable(SmoothGenError):
    """Redis cannot be reached."""


class NotReplicated(QueueUnavailable):
    """Redis did what was asked, and too few of its replicas confirmed in time: a failover may undo it."""


class LedgerUnavailable(SmoothGenError):
    """The ledger's database cannot be reached, or takes no entries."""


class ServerUnreachable(SmoothGenError):
    """No SmoothGen server answers at this address, or the answer is not SmoothGen's."""


class ServerProblem(SmoothGenError):
    """A SmoothGen server answered with an RFC 9457 problem document, kept in `problem`. `request_id`: under which the
    server's logs have the request, None where it did not say."""

    def __init__(self, status: int, problem: Mapping[str, Any], request_id: str | None = None) -> None:
        self.status, self.problem, self.request_id = status, dict(problem), request_id
        said = f"{status} {problem.get('title', 'error')}: {problem.get('detail', '')}".strip()
        super().__init__(said if request_id is None else f"{said} (request id {request_id})")
