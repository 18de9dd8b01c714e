"""A job as it goes, followed over connections that may break, without any I/O: both clients drive it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx2

from smoothgen.client.exchange import Answer, problem_of
from smoothgen.client.transport import PATIENT_S, RESTARTING
from smoothgen.errors import ServerUnreachable

MOST_BYTES: Final = 64 * 1024 * 1024
"""Of one event: the last one holds the whole job, with its picture as base64."""
_ENDS: Final = frozenset({"certificate", "abstention", "failed", "cancelled"})
_OK: Final = 200
_NOTHING_FOLLOWS: Final = 204


@dataclass(frozen=True)
class JobEvent:
    """One event of a job. name: queued, output, progress, certificate, abstention, failed or cancelled. data: what
    GET /jobs/{id}/events tells under this name. id: from which `follow` goes on with what is new since."""

    name: str
    data: dict[str, Any]
    id: str

    @property
    def is_last(self) -> bool:
        """Returns whether the job has ended with this event."""
        return self.name in _ENDS


class Following:
    """What a client has been told of a job, and what it does when a connection breaks."""

    def __init__(self, job_id: str, last_event_id: str | None, base_url: object) -> None:
        self.path = f"/jobs/{quote(job_id, safe='')}/events"
        self.ended = False
        self._last_event_id, self._base_url = last_event_id, base_url
        self._tries, self._reason = 0, "the stream ended before the job"

    @property
    def headers(self) -> dict[str, str]:
        """Returns the headers of the next connection."""
        return {} if self._last_event_id is None else {"Last-Event-ID": self._last_event_id}

    def streams(self, status: int) -> bool:
        """Returns whether an answer of this status is a stream of events."""
        self.ended = status == _NOTHING_FOLLOWS
        return status == _OK

    def refuse(self, status: int, content: bytes) -> None:
        """Notes an answer that is no stream. Raises ServerProblem, unless it is one of a server that restarts."""
        if status not in RESTARTING:
            raise problem_of(Answer(status, content))
        self._reason = f"it answers {status}"

    def told(self, event: httpx2.ServerSentEvent) -> JobEvent:
        """Returns the event as it is given to the caller, and goes on from there."""
        told = JobEvent(event.event, json.loads(event.data), event.id)
        self._last_event_id, self._tries, self.ended = event.id, 0, told.is_last
        return told

    def broke(self, error: httpx2.RequestError) -> None:
        """Notes that the connection broke, or could not be made."""
        self._reason = str(error) or type(error).__name__

    def pause_s(self) -> float:
        """Returns how long to wait before the next connection. Raises ServerUnreachable after the last."""
        if self._tries >= len(PATIENT_S):
            raise ServerUnreachable(
                f"no events from {self._base_url}: {self._reason}; the job goes on, follow it again when the server is "
                "there"
            )
        self._tries += 1
        return PATIENT_S[self._tries - 1]
