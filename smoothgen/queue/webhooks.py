"""Receivers of webhooks in Redis, and the messages that are due to them."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from redis.asyncio import Redis

from smoothgen.errors import Conflict, NotFound
from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.scripts.webhooks import (
    AddWebhook,
    ClaimWebhook,
    EnableWebhook,
    EnqueueWebhook,
    ReleaseWebhook,
    RemoveWebhook,
    RotateWebhook,
    SettleWebhook,
)

MOST_RECEIVERS: Final = 16
"""Of one tenant."""
MOST_MESSAGES: Final = 10_000
"""That wait for one receiver: some 150 bytes each."""
_SECRET_BYTES: Final = 32
_PREFIX: Final = "whsec_"

Settlement = Literal["delivered", "again", "dropped", "disable"]


@dataclass(frozen=True)
class Receiver:
    """A receiver of webhooks. Times are Unix seconds on Redis's clock, None where there is none.

    secrets: what messages are signed with now, the newest first. reason: why it is disabled, None where it is not. due:
    how many messages wait for it. failure: what the last delivery met, None where it succeeded.
    """

    id: str
    url: str
    events: tuple[str, ...]
    created_s: float
    secrets: tuple[str, ...]
    reason: str | None
    delivered_s: float | None
    failure: str | None
    due: int = 0

    @classmethod
    def of(cls, receiver_id: str, fields: Mapping[str, str], now_s: float, due: int = 0) -> Receiver:
        """Returns the receiver that a record holds."""
        old = [fields["old_secret"]] if float(fields.get("old_until_s", 0)) > now_s else []
        return cls(
            id=receiver_id,
            url=fields["url"],
            events=tuple(fields["events"].split()),
            created_s=float(fields["created_s"]),
            secrets=(fields["secret"], *old),
            reason=fields.get("reason"),
            delivered_s=float(fields["delivered_s"]) if "delivered_s" in fields else None,
            failure=fields.get("failure"),
            due=due,
        )


@dataclass(frozen=True)
class DueMessage:
    """A message to be sent. name: as the queue knows it. tries: how often it was sent in vain, the first time at
    `since_s` (Unix seconds on Redis's clock)."""

    name: str
    tries: int
    since_s: float


@dataclass(frozen=True)
class DueMessages:
    """The messages that are due to a receiver, under a lease. receiver: None for one that was removed meanwhile. now_s:
    Redis's clock, Unix seconds."""

    receiver_id: str
    receiver: Receiver | None
    messages: tuple[DueMessage, ...]
    now_s: float


@dataclass(frozen=True)
class WebhookMeasures:
    """How many messages are due or wait to be tried again, seconds since the first of them should have been sent, and
    how many receivers there are, enabled and disabled."""

    due: int
    late_s: float
    enabled: int
    disabled: int


class WebhookQueue:
    """Receivers and due messages. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, scripts: Pipeline) -> None:
        self._redis, self._scripts = redis, scripts

    async def add(self, tenant: str, url: str, events: Sequence[str]) -> tuple[Receiver, str]:
        """Registers a receiver. Returns it and its secret. Raises Conflict where the tenant has its most already."""
        receiver_id, secret = f"wh_{secrets.token_hex(12)}", _new_secret()
        now_s = await self._now_s()
        fields = {"url": url, "events": " ".join(events), "created_s": f"{now_s:.3f}", "secret": secret}
        added = await self._scripts.call(
            AddWebhook(
                receivers=keys.webhook_receivers(tenant),
                receiver=keys.webhook_receiver(receiver_id),
                all=keys.WEBHOOK_ALL,
                id=receiver_id,
                most=MOST_RECEIVERS,
                fields=fields,
            )
        )
        if not added:
            raise Conflict(
                f"{MOST_RECEIVERS} webhooks are registered under this key's name, the most there may be; remove one "
                "(DELETE /webhooks/{id})"
            )
        return Receiver.of(receiver_id, fields, now_s), secret

    async def of_tenant(self, tenant: str) -> list[Receiver]:
        """Returns a tenant's receivers, the oldest first."""
        with redis_errors():
            ids = await self._redis.smembers(keys.webhook_receivers(tenant))
        found = await self._read(sorted(ids))
        return sorted(found, key=lambda each: (each.created_s, each.id))

    async def receiver(self, tenant: str, receiver_id: str) -> Receiver:
        """Returns one receiver. Raises NotFound for one that this tenant does not have."""
        with redis_errors():
            known = await self._redis.sismember(keys.webhook_receivers(tenant), receiver_id)
        found = await self._read([receiver_id]) if known else []
        if not found:
            raise _unknown(receiver_id)
        return found[0]

    async def remove(self, tenant: str, receiver_id: str) -> None:
        """Forgets a receiver and what was to be sent to it. Raises NotFound."""
        removed = await self._scripts.call(
            RemoveWebhook(
                receivers=keys.webhook_receivers(tenant),
                receiver=keys.webhook_receiver(receiver_id),
                all=keys.WEBHOOK_ALL,
                messages=keys.webhook_messages(receiver_id),
                tries=keys.webhook_tries(receiver_id),
                due=keys.WEBHOOK_DUE,
                leases=keys.WEBHOOK_LEASES,
                id=receiver_id,
            )
        )
        if not removed:
            raise _unknown(receiver_id)

    async def rotate(self, tenant: str, receiver_id: str, overlap_s: int) -> tuple[Receiver, str]:
        """Gives a receiver a new secret; the old one signs beside it for `overlap_s` seconds. Returns the receiver and
        the secret. Raises NotFound."""
        await self.receiver(tenant, receiver_id)
        secret = _new_secret()
        await self._scripts.call(
            RotateWebhook(receiver=keys.webhook_receiver(receiver_id), secret=secret, overlap_s=overlap_s)
        )
        return await self.receiver(tenant, receiver_id), secret

    async def enable(self, receiver_id: str) -> None:
        """Enables a receiver again."""
        await self._scripts.call(EnableWebhook(receiver=keys.webhook_receiver(receiver_id)))

    async def enqueue(self, tenant: str, event: str, message: str) -> int:
        """Makes a message due at every receiver of the tenant that asked for the event, once. Returns how many
        receivers were disabled, because too many messages wait for them."""
        _, disabled = await self._scripts.call(
            EnqueueWebhook(
                receivers=keys.webhook_receivers(tenant),
                due=keys.WEBHOOK_DUE,
                leases=keys.WEBHOOK_LEASES,
                event=event,
                message=message,
                most=MOST_MESSAGES,
                reason=f"{MOST_MESSAGES} messages waited for it, the most that are kept",
            )
        )
        return int(disabled)

    async def claim(self, lease_s: float, most: int) -> DueMessages | None:
        """Returns messages that are due to one receiver, which no other gateway sends to before `release` or the end
        of the lease; None where nothing is due."""
        answer = await self._scripts.call(
            ClaimWebhook(due=keys.WEBHOOK_DUE, leases=keys.WEBHOOK_LEASES, lease_s=lease_s, most=most)
        )
        if answer is None:
            return None
        receiver_id, pairs, messages, now = answer
        fields = dict(zip(pairs[::2], pairs[1::2], strict=True))
        return DueMessages(
            receiver_id=receiver_id,
            receiver=Receiver.of(receiver_id, fields, float(now)) if fields else None,
            messages=tuple(DueMessage(name, int(tries), float(since)) for name, tries, since in messages),
            now_s=float(now),
        )

    async def settle(
        self, receiver_id: str, message: str, outcome: Settlement, *, again_s: float = 0.0, failure: str = ""
    ) -> None:
        """Stores what became of a message that was sent: it was delivered, is to be sent again in `again_s` seconds,
        is given up, or its receiver is disabled. failure: what failed."""
        await self._scripts.call(
            SettleWebhook(
                receiver=keys.webhook_receiver(receiver_id),
                messages=keys.webhook_messages(receiver_id),
                tries=keys.webhook_tries(receiver_id),
                message=message,
                outcome=outcome,
                again_s=again_s,
                failure=failure,
            )
        )

    async def release(self, receiver_id: str) -> None:
        """Ends the lease of a receiver."""
        await self._scripts.call(
            ReleaseWebhook(
                messages=keys.webhook_messages(receiver_id),
                due=keys.WEBHOOK_DUE,
                leases=keys.WEBHOOK_LEASES,
                id=receiver_id,
            )
        )

    async def measures(self) -> WebhookMeasures:
        """Returns how many messages wait, how late the first is, and how many receivers there are."""
        with redis_errors():
            ids = sorted(await self._redis.smembers(keys.WEBHOOK_ALL))
            first = await self._redis.zrange(keys.WEBHOOK_DUE, 0, 0, withscores=True)
        receivers = await self._read(ids)
        late_s = max(0.0, await self._now_s() - first[0][1]) if first else 0.0
        disabled = sum(each.reason is not None for each in receivers)
        return WebhookMeasures(
            due=sum(each.due for each in receivers),
            late_s=late_s,
            enabled=len(receivers) - disabled,
            disabled=disabled,
        )

    async def _read(self, ids: Sequence[str]) -> list[Receiver]:
        """Returns the receivers that are still registered."""
        now_s = await self._now_s()
        with redis_errors():
            async with self._redis.pipeline(transaction=False) as pipeline:
                for each in ids:
                    pipeline.hgetall(keys.webhook_receiver(each))
                    pipeline.zcard(keys.webhook_messages(each))
                answers = await pipeline.execute()
        records = zip(ids, answers[::2], answers[1::2], strict=True)
        return [Receiver.of(each, fields, now_s, due) for each, fields, due in records if fields]

    async def _now_s(self) -> float:
        with redis_errors():
            seconds, microseconds = await self._redis.time()
        return float(seconds) + float(microseconds) / 1e6


def _new_secret() -> str:
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _unknown(receiver_id: str) -> NotFound:
    return NotFound(f"no webhook {receiver_id!r:.80} is registered under this key; GET /webhooks lists them")
