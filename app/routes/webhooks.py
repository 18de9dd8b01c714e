"""Webhooks: receivers that are told when jobs of their tenant end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, cast

from fastapi import APIRouter, Body

from app.description.problem_kinds import OF_EVERY_BODY
from app.description.responses import problems
from app.examples import ROTATED, WEBHOOK
from app.http.dependencies import GatewayDep, TenantDep
from app.http.strict_json import StrictRoute
from smoothgen.contracts import (
    NewWebhook,
    RotateRequest,
    WebhookEvent,
    WebhookList,
    WebhookRequest,
    WebhookTrial,
    WebhookView,
)
from smoothgen.queue import Receiver

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=StrictRoute)


@router.post(
    "", status_code=201, response_model=NewWebhook, responses=problems(*OF_EVERY_BODY, "not-found", "conflict")
)
async def add_webhook(
    gateway: GatewayDep, tenant: TenantDep, asked: Annotated[WebhookRequest, Body(openapi_examples=WEBHOOK)]
) -> NewWebhook:
    """Register a receiver. The answer has its secret, which is shown this once."""
    receiver, secret = await gateway.webhooks.register(tenant, asked)
    return NewWebhook(**_fields(receiver), secret=secret)


@router.get("", response_model=WebhookList, responses=problems("not-found"))
async def list_webhooks(gateway: GatewayDep, tenant: TenantDep) -> WebhookList:
    """Your receivers, the oldest first, with what is due to each and why one was disabled."""
    gateway.webhooks.require_on()
    receivers = await gateway.store.webhooks.of_tenant(tenant)
    return WebhookList(data=[WebhookView(**_fields(each)) for each in receivers])


@router.delete("/{webhook_id}", status_code=204, responses=problems("not-found"))
async def remove_webhook(webhook_id: str, gateway: GatewayDep, tenant: TenantDep) -> None:
    """Forget a receiver and what is due to it."""
    await gateway.store.webhooks.remove(tenant, webhook_id)


@router.post("/{webhook_id}/rotate", response_model=NewWebhook, responses=problems(*OF_EVERY_BODY, "not-found"))
async def rotate_webhook(
    webhook_id: str,
    gateway: GatewayDep,
    tenant: TenantDep,
    asked: Annotated[RotateRequest, Body(openapi_examples=ROTATED)] = RotateRequest(),
) -> NewWebhook:
    """Give a receiver a new secret, which is shown this once. The old one signs beside it for a while."""
    receiver, secret = await gateway.store.webhooks.rotate(tenant, webhook_id, asked.overlap_s)
    return NewWebhook(**_fields(receiver), secret=secret)


@router.post(
    "/{webhook_id}/test", response_model=WebhookTrial, responses=problems("not-found", "unsupported-media-type")
)
async def try_webhook(webhook_id: str, gateway: GatewayDep, tenant: TenantDep) -> WebhookTrial:
    """Send a message of type webhook.test now, once, and say what became of it."""
    gateway.webhooks.require_on()
    return await gateway.webhooks.try_out(await gateway.store.webhooks.receiver(tenant, webhook_id))


def _fields(receiver: Receiver) -> dict[str, Any]:
    return {
        "id": receiver.id,
        "url": receiver.url,
        "events": cast(list[WebhookEvent], list(receiver.events)),
        "created_at": datetime.fromtimestamp(receiver.created_s, UTC),
        "enabled": receiver.reason is None,
        "reason": receiver.reason,
        "due": receiver.due,
        "delivered_at": None if receiver.delivered_s is None else datetime.fromtimestamp(receiver.delivered_s, UTC),
        "last_failure": receiver.failure,
    }
