"""What routes are given: the running gateway's parts, a parsed Prefer header, an idempotency key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Header, Request
from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.access.caller import Caller
from app.access.keyring import Keyring
from app.fleet import Fleet
from app.http.offloading import BoundedThreads
from app.ledger import LedgerKeeper
from app.metrics import Metrics
from app.model_cards import ModelCards
from app.replies import Replies
from app.settings import Settings
from app.shown_fleet import ShownFleet
from app.signing import Signer
from app.webhooks.service import Webhooks
from smoothgen.access.usage import Usage
from smoothgen.queue import JobStore, belongs_to, unknown_certificate, unknown_job


@dataclass(frozen=True)
class Gateway:
    """The parts of a running gateway."""

    settings: Settings
    store: JobStore
    cards: ModelCards
    replies: Replies
    metrics: Metrics
    threads: BoundedThreads
    fleet: Fleet
    shown_fleet: ShownFleet
    keyring: Keyring
    usage: Usage
    signer: Signer
    ledger: LedgerKeeper
    webhooks: Webhooks


# Dependencies are coroutines though they await nothing: FastAPI runs plain functions in threads, 0.1 ms each.


async def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


async def _caller(request: Request) -> Caller:
    caller: Caller = request.state.caller
    return caller


async def _tenant(caller: CallerDep) -> str:
    return caller.tenant


async def _own_job(job_id: str, tenant: TenantDep, gateway: GatewayDep) -> str:
    if not belongs_to(job_id, tenant):
        raise unknown_job(job_id, gateway.settings.retention_s)
    return job_id


async def _own_certificate(certificate_id: str, tenant: TenantDep) -> str:
    if not belongs_to(certificate_id, tenant):
        raise unknown_certificate(certificate_id)
    return certificate_id


GatewayDep = Annotated[Gateway, Depends(_gateway)]
CallerDep = Annotated[Caller, Depends(_caller)]
"""Who sent the request: tenant, id and name of the key, scopes. Not for paths that are answered without a key."""
TenantDep = Annotated[str, Depends(_tenant)]
"""The name of the tenant whose key the request carries."""
OwnJobId = Annotated[str, Depends(_own_job)]
"""The path's job id, 404 where it is of another tenant or none."""
OwnCertificateId = Annotated[str, Depends(_own_certificate)]
"""The path's certificate id, 404 where it is of another tenant or none."""


def wait_seconds(prefer: list[str] | None, default_s: float, max_s: float) -> float:
    """Returns the seconds to wait under Prefer headers (RFC 7240).

    wait=N is N up to the server's limit, respond-async alone is 0. With both, wait=N holds: RFC 7240
    reads them as "asynchronously if it takes longer". What cannot be read is passed over.
    """
    asked: dict[str, str] = {}
    for preference in ",".join(prefer or ()).split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        asked.setdefault(name.strip().lower(), value.strip().strip('"'))
    if re.fullmatch("[0-9]+", asked.get("wait", "")):
        return min(float(asked["wait"]), max_s)
    return 0.0 if "respond-async" in asked else min(default_s, max_s)


PreferHeader = Annotated[
    list[str] | None,
    Header(description="`wait=N`: wait up to N seconds for the result; `respond-async`: answer at once."),
]

_LONGEST_KEY: Final = 256


def _require_short_key(key: str) -> str:
    if len(key) > _LONGEST_KEY:
        raise PydanticCustomError(
            "string_too_long",
            "an idempotency key has at most {most} characters, this one has {length}; send a shorter one",
            {"most": _LONGEST_KEY, "length": len(key)},
        )
    return key


_Key = Annotated[str, AfterValidator(_require_short_key), WithJsonSchema({"type": "string", "maxLength": _LONGEST_KEY})]
IdempotencyKey = Annotated[_Key | None, Header(description="The same key and body give the same job.")]
