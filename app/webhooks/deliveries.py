"""Deliveries: what is due is sent by whichever gateway finds it first, until it is taken or given up."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog
from redis.exceptions import RedisError

from app.metrics import Metrics
from app.webhooks.messages import EndedJob, message_id
from app.webhooks.retries import Retries
from app.webhooks.sending import Sender, Sent
from smoothgen.errors import QueueUnavailable
from smoothgen.queue import DueMessage, DueMessages, JobStore, Receiver

_IDLE_S: Final = 1.0
_MOST_RECEIVERS: Final = 16
"""That one gateway sends to at once."""
_AT_ONCE: Final = 4
"""Messages sent to one receiver at once."""
_log = structlog.get_logger(__name__)


class Deliveries:
    """Sends due messages. A receiver that hangs holds up nobody else's messages."""

    def __init__(self, store: JobStore, sender: Sender, retries: Retries, lease_s: float, metrics: Metrics) -> None:
        """lease_s: longer than the messages sent at once may take; after it another gateway sends what one that died
        had claimed."""
        self._store, self._sender, self._retries = store, sender, retries
        self._lease_s, self._metrics = lease_s, metrics
        self._sending: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._awake = asyncio.Event()
        """Set when a receiver's messages were sent, and it may have more, and when this is to stop."""
        self._task: asyncio.Task[None] | None = None
        self._said = ""

    def start(self) -> None:
        """Begins to send."""
        self._task = asyncio.create_task(self._send_forever(), name="webhooks")

    async def stop(self) -> None:
        """Sends no further messages, and waits for those that are on their way."""
        self._stopping = True
        self._awake.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
            await asyncio.gather(*self._sending, return_exceptions=True)

    async def _send_forever(self) -> None:
        while not self._stopping:
            self._awake.clear()
            try:
                due = await self._store.webhooks.claim(self._lease_s, _AT_ONCE)
                self._said = ""
            except (QueueUnavailable, RedisError) as error:
                self._say_once(str(error))
                due = None
            except Exception:  # a dead sender would let messages wait for ever
                _log.exception("webhooks_failed")
                due = None
            if due is None:
                await self._rest()
                continue
            task = asyncio.create_task(self._send_all(due), name="webhook")
            self._sending.add(task)
            task.add_done_callback(self._sent)
            if len(self._sending) >= _MOST_RECEIVERS:
                await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(_IDLE_S):
                await self._awake.wait()
        except TimeoutError:
            pass

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        self._awake.set()

    async def _send_all(self, due: DueMessages) -> None:
        """Sends the messages that were claimed together. What cannot be stored of it is sent again after the lease."""
        try:
            if (receiver := due.receiver) is not None:
                sends = (self._send(receiver, message, due.now_s) for message in due.messages)
                for outcome in await asyncio.gather(*sends, return_exceptions=True):
                    if isinstance(outcome, BaseException):
                        raise outcome
            await self._store.webhooks.release(due.receiver_id)
        except (QueueUnavailable, RedisError) as error:
            self._say_once(str(error))
        except Exception:
            _log.exception("webhook_failed", webhook=due.receiver_id)

    async def _send(self, receiver: Receiver, message: DueMessage, now_s: float) -> None:
        body = await EndedJob.named(message.name).body(self._store)
        sent = await self._sender.send(receiver.url, receiver.secrets, message_id(receiver.id, message.name), body)
        if sent.delivered:
            self._metrics.webhooks_delivered.inc()
            await self._store.webhooks.settle(receiver.id, message.name, "delivered")
            return
        self._metrics.webhooks_failed.inc()
        await self._failed(receiver, message, sent, now_s)

    async def _failed(self, receiver: Receiver, message: DueMessage, sent: Sent, now_s: float) -> None:
        webhooks = self._store.webhooks
        if sent.gone:
            reason = f"{sent.detail}: the receiver wants no more messages"
            await webhooks.settle(receiver.id, message.name, "disable", failure=reason)
            _log.warning("webhook_disabled", webhook=receiver.id, reason=reason)
            return
        pause_s = self._retries.pause_s(message.tries + 1, now_s - message.since_s)
        if pause_s is not None:
            await webhooks.settle(receiver.id, message.name, "again", again_s=pause_s, failure=sent.detail)
        elif receiver.delivered_s is not None and receiver.delivered_s > message.since_s:  # it takes others
            self._metrics.webhooks_dropped.inc()
            await webhooks.settle(receiver.id, message.name, "dropped", failure=sent.detail)
            _log.warning("webhook_dropped", webhook=receiver.id, message=message.name, detail=sent.detail)
        else:
            reason = f"it took no message in {self._retries.give_up_s:g} s; the last try: {sent.detail}"
            await webhooks.settle(receiver.id, message.name, "disable", failure=reason)
            _log.warning("webhook_disabled", webhook=receiver.id, reason=reason)

    def _say_once(self, detail: str) -> None:
        if detail != self._said:
            self._said = detail
            _log.warning("webhooks_wait", detail=detail)
