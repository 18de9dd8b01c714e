"""What receivers are told: a message for each job that ended, named so that its body can be made again."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, Self, cast

from smoothgen.contracts import WEBHOOK_TEST, WebhookEvent, WebhookJob, WebhookMessage
from smoothgen.errors import NotFound
from smoothgen.queue import JobStore
from smoothgen.queue.outbox import OutboxEntry

Result = Literal["certified", "abstained"]
_NO_RESULT: Final = "-"
_ID_DIGITS: Final = 32


@dataclass(frozen=True)
class EndedJob:
    """A job that receivers are told of. at_ms: when it ended, Unix milliseconds."""

    job_id: str
    status: Literal["succeeded", "failed", "cancelled"]
    result: Result | None
    at_ms: int

    @classmethod
    def of(cls, entry: OutboxEntry) -> Self:
        """Returns the job that an entry of the outbox tells of."""
        result: Result | None = None
        if entry.status == "succeeded":
            result = "certified" if entry.certificate else "abstained"
        return cls(entry.job_id, cast(Literal["succeeded", "failed", "cancelled"], entry.status), result, entry.at_ms)

    @classmethod
    def named(cls, name: str) -> Self:
        """Returns the job that a message of this name tells of."""
        status, job_id, result, at_ms = name.split()
        return cls(
            job_id,
            cast(Literal["succeeded", "failed", "cancelled"], status),
            None if result == _NO_RESULT else cast(Result, result),
            int(at_ms),
        )

    @property
    def name(self) -> str:
        """Returns the name of the message, by which the queue knows it."""
        return f"{self.status} {self.job_id} {self.result or _NO_RESULT} {self.at_ms}"

    @property
    def event(self) -> WebhookEvent:
        """Returns the type of the message."""
        return cast(WebhookEvent, f"job.{self.status}")

    async def body(self, store: JobStore) -> bytes:
        """Returns the body of the message. Raises QueueUnavailable."""
        statement = None
        if self.result == "certified":
            with contextlib.suppress(NotFound):  # kept for 30 days
                statement = (await store.certificate(self.job_id)).get("statement")
        message = WebhookMessage(
            type=self.event,
            timestamp=datetime.fromtimestamp(self.at_ms / 1000, UTC),
            data=WebhookJob(
                job=self.job_id,
                status=self.status,
                result=self.result,
                certificate=self.job_id if self.result == "certified" else None,
                statement=statement,
            ),
        )
        return message.model_dump_json(exclude_none=True).encode()


def message_id(receiver_id: str, name: str) -> str:
    """Returns the id of a message to a receiver: the same whenever it is sent again."""
    return f"msg_{hashlib.sha256(f'{receiver_id} {name}'.encode()).hexdigest()[:_ID_DIGITS]}"


def trial(now: datetime) -> bytes:
    """Returns the body of a message that only tries whether a receiver takes messages."""
    return f'{{"type":"{WEBHOOK_TEST}","timestamp":"{now.isoformat()}","data":{{}}}}'.encode()
