"""The gateway's ledger: what the outbox tells of ended jobs is recorded, and what was recorded is read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar, TypeVarTuple

import structlog
from anyio import CapacityLimiter, to_thread
from pydantic import ValidationError

from app.metrics import Metrics
from app.outbox import OutboxReader
from smoothgen.contracts import ModelRef
from smoothgen.errors import InvalidCertificate, NotFound
from smoothgen.ledger.chain import ERASURE, Event, Fact, written_time
from smoothgen.ledger.database import Database
from smoothgen.ledger.erasing import erased_form
from smoothgen.ledger.ledger import Ledger, Recording
from smoothgen.queue import JobStore, keys
from smoothgen.queue.outbox import OutboxEntry

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")
Sign = Callable[[str, str], Awaitable[str | None]]
"""Returns the JWS of a tenant's certificate, None where certificates are not signed."""

_READERS: Final = 4
_EVENTS: Final[Mapping[str, Event]] = {"failed": "failure", "cancelled": "cancellation"}
_NONE_KEPT: Final = (
    "this gateway keeps no ledger; its operator sets SMOOTHGEN_LEDGER_URL to have one (docs/ledger.md says what it is)"
)


class LedgerKeeper:
    """Keeps a gateway's ledger, where one is configured."""

    def __init__(self, url: str | None, store: JobStore, metrics: Metrics, sign: Sign | None = None) -> None:
        """sign: None where certificates are not signed. Raises InvalidInput for a URL of no database."""
        self._ledger = None if url is None else Ledger(Database(url))
        self._store, self._metrics, self._sign = store, metrics, sign
        self._reader = OutboxReader(store.outbox(keys.LEDGER), self._record)
        self._reading, self._writing = CapacityLimiter(_READERS), CapacityLimiter(1)

    @property
    def kept(self) -> bool:
        """Returns whether a ledger is kept."""
        return self._ledger is not None

    @property
    def trouble(self) -> str | None:
        """Returns why nothing can be recorded now, None where it can. What is to be recorded waits in the outbox."""
        return self._reader.trouble

    def start(self) -> None:
        """Begins to record, where a ledger is kept."""
        if self.kept:
            self._reader.start()

    async def stop(self) -> None:
        """Stops recording."""
        await self._reader.stop()
        if self._ledger is not None:
            self._ledger.close()

    async def read(self, function: Callable[[Ledger, *Arguments], Result], *arguments: *Arguments) -> Result:
        """Returns what a function of the ledger returns, which may take its time.

        Raises NotFound where no ledger is kept, LedgerUnavailable.
        """
        if self._ledger is None:
            raise NotFound(_NONE_KEPT)
        return await to_thread.run_sync(function, self._ledger, *arguments, limiter=self._reading)

    async def _record(self, entries: Sequence[OutboxEntry]) -> Sequence[OutboxEntry]:
        """Records what the outbox tells. Returns what need not be told again: all but erasures of jobs whose end
        another gateway has not recorded yet."""
        if self._ledger is None:
            return ()
        recordings = [each for entry in entries for each in await self._recordings(entry)]
        appended = await to_thread.run_sync(self._ledger.append, recordings, limiter=self._writing)
        for entry in appended.entries:
            self._metrics.recorded.labels(entry.event).inc()
        return [each for each in entries if not (each.event == "erased" and each.job_id in appended.unknown)]

    async def _recordings(self, entry: OutboxEntry) -> list[Recording]:
        """Returns what an entry has the ledger record."""
        if entry.event == "erased":
            return [Recording(_fact(entry, ERASURE))]
        if not entry.certificate:
            return [Recording(_fact(entry, _event(entry)))]
        document = await self._document(entry.job_id)
        fact = _fact(entry, "certificate", await self._signature(entry))
        if document is None or document.get("digest") == entry.certificate:
            return [Recording(fact, document)]
        if erased_form(document) == document:  # erased since, and the outbox tells that later
            return [Recording(fact, document), Recording(_fact(entry, ERASURE))]
        structlog.get_logger().error(
            "certificate_differs", job=entry.job_id, ended_with=entry.certificate, kept=document.get("digest")
        )
        return [Recording(fact)]

    async def _document(self, job_id: str) -> Mapping[str, Any] | None:
        try:
            return await self._store.certificate(job_id)
        except NotFound:
            structlog.get_logger().error("certificate_gone", job=job_id)
            return None

    async def _signature(self, entry: OutboxEntry) -> str | None:
        try:
            return None if self._sign is None else await self._sign(entry.tenant, entry.job_id)
        except (NotFound, InvalidCertificate):  # gone, or of a kind that nobody signs
            return None


def _event(entry: OutboxEntry) -> Event:
    """Returns how a job ended that has no certificate."""
    return "abstention" if entry.abstention else _EVENTS.get(entry.status, "uncertified")


def _fact(entry: OutboxEntry, event: Event, signature: str | None = None) -> Fact:
    model = _model(entry)
    return Fact(
        event=event,
        tenant=entry.tenant,
        job=entry.job_id,
        model=model.name,
        model_revision=model.revision,
        model_digest=model.digest,
        certificate=entry.certificate or None,
        reason=entry.abstention or None,
        signature=signature,
        happened_at=written_time(entry.at_ms),
    )


def _model(entry: OutboxEntry) -> ModelRef:
    """Returns the model that an entry names, one without a name where it names none: the ledger knows it by then."""
    try:
        return ModelRef.model_validate_json(entry.model)
    except ValidationError:
        return ModelRef(name="", revision="", digest="")
