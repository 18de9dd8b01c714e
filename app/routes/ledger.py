"""The ledger: what was recorded of a tenant's jobs, and the head of the chain."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime

from app.description.responses import problems
from app.http.dependencies import GatewayDep, OwnCertificateId, TenantDep
from smoothgen.contracts import LedgerEntry, LedgerHead, LedgerPage, LedgerRecord
from smoothgen.errors import NotFound
from smoothgen.ledger.chain import Event, written_time
from smoothgen.ledger.ledger import Filter, Ledger
from smoothgen.ledger.reading import record_of

router = APIRouter(prefix="/ledger", tags=["ledger"])

_OF_LEDGERS: Final = ("not-found", "ledger-unavailable")
_LARGEST: Final = 2**63 - 1

Cursor = Annotated[int, Query(ge=0, le=_LARGEST, description="`next` of the page before; 0 for the first.")]


@router.get("", response_model=LedgerPage, responses=problems(*_OF_LEDGERS, "invalid-request"))
async def list_ledger_entries(
    gateway: GatewayDep,
    tenant: TenantDep,
    cursor: Cursor = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    model: str | None = None,
    event: Event | None = None,
    since: Annotated[AwareDatetime | None, Query(description="The first time of interest, RFC 3339.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="The time after the last of interest.")] = None,
) -> LedgerPage:
    """What was recorded of this key's jobs, in order: certificates, abstentions, failures, cancellations, erasures.

    404 where the gateway keeps no ledger.
    """
    asked = Filter(
        tenant=tenant,
        model=model,
        event=event,
        since=None if since is None else written_time(int(since.timestamp() * 1000)),
        until=None if until is None else written_time(int(until.timestamp() * 1000)),
    )
    found = await gateway.ledger.read(lambda ledger: ledger.find(asked, after=cursor, most=limit))
    following = str(found[-1].sequence) if len(found) == limit else None
    return LedgerPage(data=[LedgerEntry.of(entry) for entry in found], next=following)


@router.get("/head", response_model=LedgerHead, responses=problems(*_OF_LEDGERS))
async def get_ledger_head(gateway: GatewayDep) -> LedgerHead:
    """The last entry's number and hash, over all keys. Note it: `smoothgen ledger verify --head` compares.

    The number tells how many entries there are of all keys together.
    """
    head = await gateway.ledger.read(Ledger.head)
    return LedgerHead(sequence=head.sequence, hash=head.hash)


@router.get("/{certificate_id}", response_model=LedgerRecord, responses=problems(*_OF_LEDGERS))
async def get_ledger_record(certificate_id: OwnCertificateId, tenant: TenantDep, gateway: GatewayDep) -> Response:
    """How a job ended, with its certificate, and the hashes from its entry to the head. Its id is its job's.

    404 for a job that is not recorded (yet), and where the gateway keeps no ledger.
    """
    record = await gateway.ledger.read(record_of, certificate_id, tenant)
    if record is None:
        raise NotFound(
            f"nothing is recorded of job {certificate_id!r:.80}; a job is recorded a moment after its end, and none is "
            "that was submitted before the ledger was set up"
        )
    return JSONResponse(record)
