"""A chat completion as it goes: the text as soon as it is chosen, still uncertified, and the certificate at the end."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final, Literal

from fastapi.sse import format_sse_event
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import Choice, ChoiceDelta

from app.attending import Attendant
from app.following import followed
from app.http.dependencies import Gateway
from app.http.openai_errors import error_of
from app.openai.answers import CHAT_ID, finish_reason, usage_of
from app.openai.certified import answered
from app.openai.naming import told
from app.openai.requests import ChatRequest
from app.openai.unanswered import unanswered
from smoothgen.contracts import JobView, Problem, TextOutput
from smoothgen.queue import JobState

_DONE: Final = format_sse_event(data_str="[DONE]")


async def streamed(
    gateway: Gateway, tenant: str, job: JobState, attendant: Attendant, asked: ChatRequest
) -> AsyncIterator[bytes]:
    """Yields the chunks of a chat completion, then "[DONE]".

    The text comes in one chunk, marked uncertified: it is chosen whole, before it is certified. The last chunk has no
    choice; it brings the usage and what is certified.
    """
    chunks = _Chunks(job.view, asked)
    yield chunks.opening()
    async for event in followed(gateway, tenant, attendant, chunks.news):
        yield event
    if not chunks.ended:
        unfinished = Problem.of(
            "unfinished", "The stream ends before the job", 504, f"the gateway stops; GET /jobs/{job.id} has the job"
        )
        yield _event(error_of(unfinished))
    yield _DONE


class _Chunks:
    """The chunks of one completion. What was told is not told again."""

    def __init__(self, job: JobView, asked: ChatRequest) -> None:
        self.ended = False
        self._job, self._asked, self._created = job, asked, int(time.time())
        self._told = ""

    def opening(self) -> bytes:
        """Returns the chunk that names the speaker."""
        return self._chunk(
            ChoiceDelta(role="assistant", content=""), smoothgen={"status": "queued", "job": self._job.id}
        )

    def news(self, state: JobState) -> Iterator[bytes]:
        """Yields the chunks for what is new of the job."""
        view = state.view
        if isinstance(view.output, TextOutput) and not self._told:
            self._told = view.output.digest
            yield self._chunk(
                ChoiceDelta(content=view.output.text), smoothgen={"status": "uncertified", "job": self._job.id}
            )
        if not state.ended:
            return
        self.ended = True
        if view.status != "succeeded" or view.output is None or view.output.digest != self._told:
            yield _event(error_of(told(unanswered(view) or _restarted(view), self._asked)))
            return
        yield self._chunk(ChoiceDelta(), finish=finish_reason(view))
        yield self._chunk(None, usage=usage_of(view), smoothgen=answered(view, self._asked.ignored))

    def _chunk(
        self,
        delta: ChoiceDelta | None,
        *,
        finish: Literal["stop", "length"] | None = None,
        usage: CompletionUsage | None = None,
        smoothgen: dict[str, Any] | None = None,
    ) -> bytes:
        chunk = ChatCompletionChunk(
            id=CHAT_ID + self._job.id,
            object="chat.completion.chunk",
            created=self._created,
            model=self._job.model.name,
            system_fingerprint=self._job.model.digest,
            choices=[] if delta is None else [Choice(index=0, delta=delta, finish_reason=finish)],
            usage=usage,
        )
        said = chunk.model_dump(mode="json", exclude_unset=True)
        return _event(said if smoothgen is None else said | {"smoothgen": smoothgen})


def _restarted(view: JobView) -> Problem:
    return Problem.of(
        "changed",
        "The job started over",
        500,
        f"job {view.id} started over and gave another output; GET /jobs/{view.id}",
    )


def _event(data: dict[str, Any]) -> bytes:
    return format_sse_event(data_str=json.dumps(data))
