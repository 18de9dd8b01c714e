"""What is new of a job for a follower who has been told the rest, and the ids that say what a follower was told."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Self

from fastapi.sse import format_sse_event

from smoothgen.errors import InvalidInput
from smoothgen.queue import JobState

_ID: Final = re.compile(r"([0-9a-f]{32})\.([0-9a-f]{12}|0)\.([0-9a-f]{12}|0)(\.end)?")
_NOTHING: Final = "0"
_DIGITS: Final = 12


@dataclass
class Told:
    """What a follower of a job has been told of it.

    The id of an event says all of this: the random part of the job's id, digests of the output and of the progress told
    last ("0" for none), and whether the end was told. So any gateway goes on where another one stopped.
    """

    job_id: str
    queued: bool = False
    output: str = _NOTHING
    progress: str = _NOTHING
    ended: bool = False

    @classmethod
    def until(cls, job_id: str, last_event_id: str | None) -> Self:
        """Returns what a follower knows whose last event had this id, nothing for None. Raises InvalidInput for what
        is no id of an event of this job."""
        if not last_event_id:
            return cls(job_id)
        found = _ID.fullmatch(last_event_id)
        if found is None or found[1] != _random_part(job_id):
            raise InvalidInput(
                f"Last-Event-ID {last_event_id!r:.80} is no id of an event of job {job_id}; send the id of the last "
                "event you read of this job, or leave the header out to be told everything"
            )
        return cls(job_id, True, found[2], found[3], found[4] is not None)

    def news(self, state: JobState) -> Iterator[bytes]:
        """Yields the events for what changed since the state that the follower was told last."""
        view = state.view
        if not self.queued:
            self.queued = True
            yield self._event("queued", f'{{"id":"{state.id}","status":"{state.status}"}}')
        # A job that started over has another output.
        if view.output is not None and (output := _short(view.output.digest)) != self.output:
            self.output = output
            yield self._event("output", view.output.model_copy(update={"certified": False}).model_dump_json())
        told = view.progress.model_dump_json(exclude_none=True)
        if view.status != "failed" and (progress := _short(told)) != self.progress:
            self.progress = progress
            yield self._event("progress", told)
        if state.ended:
            self.ended = True
            succeeded = "abstention" if view.certificate is None else "certificate"
            yield self._event(succeeded if state.status == "succeeded" else state.status, state.text)

    def _event(self, name: str, data: str) -> bytes:
        end = ".end" if self.ended else ""
        told = f"{_random_part(self.job_id)}.{self.output}.{self.progress}{end}"
        return format_sse_event(event=name, data_str=data, id=told)


def _random_part(job_id: str) -> str:
    return job_id.rpartition("-")[2]


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
