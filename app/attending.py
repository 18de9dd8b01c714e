"""Requests that wait for a job or follow it, and what becomes of the job when their client goes away."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any, Final

import structlog
from fastapi import Request

from app import ending
from app.http.dependencies import Gateway
from smoothgen.errors import NotFound, QueueUnavailable
from smoothgen.queue import JobState

_CLIENT_LEFT: Final = 499
_log = structlog.get_logger(__name__)


def new_attendant_id() -> str:
    """Returns an id for a request that is to attend a job."""
    return uuid.uuid4().hex


class Attendant:
    """One request that attends a job. id: tells it from the others, at every gateway."""

    def __init__(self, gateway: Gateway, job_id: str, attendant_id: str | None = None) -> None:
        self.id = attendant_id or new_attendant_id()
        self.job_id = job_id
        self._gateway = gateway

    async def went_away(self) -> JobState | None:
        """Cancels the job where its request said `cancel_on_disconnect` and no other request attends it. Returns it as
        it stands then, None where Redis does not say: the job then goes on."""
        if self._gateway.replies.released:  # it is the gateway that goes
            return None
        try:
            return await ending.abandon(self._gateway, self.job_id, self.id)
        except NotFound:
            return None
        except QueueUnavailable as error:
            _log.warning("disconnect_not_noted", job=self.job_id, detail=str(error))
            return None

    async def leave(self) -> None:
        """Says that this request attends the job no longer, being answered. Where Redis is away that is known later."""
        try:
            await self._gateway.store.leave(self.job_id, self.id)
        except QueueUnavailable as error:
            _log.info("leave_not_noted", job=self.job_id, detail=str(error))

    async def while_connected(self, request: Request, waiting: Coroutine[Any, Any, JobState]) -> JobState:
        """Returns what `waiting` returns. Where the client goes away before, waits no longer and returns the job as it
        stands, which nobody reads. Raises what `waiting` raises."""
        wait = asyncio.create_task(waiting, name="wait for a job")
        gone = asyncio.create_task(_until_gone(request), name="wait for a disconnect")
        try:
            await asyncio.wait({wait, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not wait.done():
                request.state.answered = _CLIENT_LEFT  # for its line in the log
                state = await self.went_away()
                return state if state is not None else await self._gateway.store.read(self.job_id)
            state = wait.result()
        finally:
            for task in (wait, gone):
                task.cancel()
            await asyncio.gather(wait, gone, return_exceptions=True)
        if not state.ended:
            await self.leave()
        return state


async def _until_gone(request: Request) -> None:
    """Returns when the client has closed its connection, or its answer is sent. The body has been read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
