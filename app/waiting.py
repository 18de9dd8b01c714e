"""Waiting for jobs: one reply stream a gateway, read by one task, however many requests wait."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import defaultdict

import structlog

from smoothgen.contracts import FINISHED, JobView
from smoothgen.errors import QueueUnavailable
from smoothgen.queue import JobStore

_RECONNECT_S = 0.5


class Waiting:
    """Tells waiting requests that their job ended."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._gateway_id = uuid.uuid4().hex
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._connected = False
        self._released = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin reading replies."""
        self._task = asyncio.create_task(self._read_forever(), name="replies")

    async def stop(self) -> None:
        """Stop reading replies."""
        self._released = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def release(self) -> None:
        """Let every waiting request go with its job as it stands, now and from now on: the gateway is stopping."""
        self._released = True
        self._wake_all()

    @property
    def alive(self) -> bool:
        """Whether replies are being read right now; the gateway is not ready while they are not."""
        return self._connected and self._task is not None and not self._task.done()

    async def until_finished(self, job_id: str, timeout_s: float) -> JobView:
        """The job when it has ended, or as it stands after `timeout_s`. Raises NotFound, QueueUnavailable."""
        if timeout_s <= 0:
            return await self._store.job(job_id)
        deadline = time.monotonic() + timeout_s
        ended = asyncio.Event()
        self._waiting[job_id].add(ended)
        try:
            while True:
                ended.clear()
                view = await self._store.watch(job_id, self._gateway_id)
                left = deadline - time.monotonic()
                if view.status in FINISHED or left <= 0 or self._released:
                    return view
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), left)
        finally:
            self._waiting[job_id].discard(ended)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    async def _read_forever(self) -> None:
        while not self._released:  # a Redis client may swallow the cancellation that ends this task
            try:
                async for job_id in self._store.replies(self._gateway_id):
                    if not self._connected:
                        self._connected = True
                        self._wake_all()  # a reply may have been missed while Redis was away
                    for ended in self._waiting.get(job_id or "", ()):
                        ended.set()
            except QueueUnavailable as error:
                structlog.get_logger().warning("replies_lost", detail=str(error))
            except Exception:  # a dead reader would leave every waiting client hanging
                structlog.get_logger().exception("replies_failed")
            self._connected = False
            await asyncio.sleep(_RECONNECT_S)

    def _wake_all(self) -> None:
        for waiting in self._waiting.values():
            for ended in waiting:
                ended.set()
