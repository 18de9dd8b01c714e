"""The webhooks of a gateway: receivers are registered here, and what the outbox tells becomes due to them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import structlog

from app.metrics import Metrics
from app.outbox import OutboxReader
from app.settings import Settings
from app.webhooks.addresses import Allowed
from app.webhooks.deliveries import Deliveries
from app.webhooks.messages import EndedJob, message_id, trial
from app.webhooks.retries import Retries
from app.webhooks.sending import Sender
from app.webhooks.urls import checked_url
from smoothgen.contracts import WEBHOOK_TEST, WebhookRequest, WebhookTrial
from smoothgen.errors import NotFound
from smoothgen.queue import JobStore, Receiver, keys
from smoothgen.queue.outbox import OutboxEntry


class Webhooks:
    """Registers receivers, and tells them of ended jobs. Off unless the operator turned it on."""

    def __init__(self, store: JobStore, settings: Settings, metrics: Metrics) -> None:
        self._store, self._settings = store, settings
        self._allowed = Allowed(settings.webhooks_allow)
        self._sender = Sender(self._allowed, settings.webhooks_timeout_s)
        retries = Retries(settings.webhooks_first_retry_s, settings.webhooks_give_up_s)
        lease_s = 2 * settings.webhooks_timeout_s + 10
        self._deliveries = Deliveries(store, self._sender, retries, lease_s, metrics)
        self._reader = OutboxReader(store.outbox(keys.WEBHOOKS), self._make_due)

    def start(self) -> None:
        """Begins to read the outbox and to send, where webhooks are on."""
        if self._settings.webhooks:
            self._reader.start()
            self._deliveries.start()

    async def stop(self) -> None:
        """Stops; waits for messages that are on their way."""
        await self._reader.stop()
        await self._deliveries.stop()
        await self._sender.aclose()

    async def register(self, tenant: str, asked: WebhookRequest) -> tuple[Receiver, str]:
        """Registers a receiver. Returns it and its secret. Raises InvalidInput for a URL that may not be sent to,
        Conflict for one receiver too many, NotFound where webhooks are off, QueueUnavailable."""
        self.require_on()
        url = await checked_url(asked.url, self._allowed, allow_http=self._settings.webhooks_allow_http)
        return await self._store.webhooks.add(tenant, url, sorted(set(asked.events)))

    async def try_out(self, receiver: Receiver) -> WebhookTrial:
        """Sends a message that says nothing, once. A receiver that takes it is enabled again."""
        now = datetime.now(UTC)
        sent = await self._sender.send(
            receiver.url,
            receiver.secrets,
            message_id(receiver.id, f"{WEBHOOK_TEST} {now.timestamp()}"),
            trial(now),
        )
        if sent.delivered:
            await self._store.webhooks.enable(receiver.id)
        return WebhookTrial(delivered=sent.delivered, detail=sent.detail)

    def require_on(self) -> None:
        """Raises NotFound where webhooks are off."""
        if not self._settings.webhooks:
            raise NotFound("this server sends no webhooks; its operator turns them on by SMOOTHGEN_WEBHOOKS=true")

    async def _make_due(self, entries: Sequence[OutboxEntry]) -> Sequence[OutboxEntry]:
        for entry in entries:
            if entry.event != "ended":
                continue
            job = EndedJob.of(entry)
            if await self._store.webhooks.enqueue(entry.tenant, job.event, job.name):
                structlog.get_logger().warning("webhook_disabled", reason="too many messages waited", job=job.job_id)
        return entries
