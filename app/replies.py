"""Waiting for jobs: a gateway has one reply stream, read by one task, however many requests wait."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator

import structlog
from redis.exceptions import RedisError

from smoothgen.errors import QueueUnavailable
from smoothgen.queue import JobState, JobStore

_RECONNECT_S = 0.5
LOOK_AGAIN_S = 5.0
"""How long to wait for news before reading the job: the process that ended it may have died before it could tell."""


class Expected:
    """A job that a request waits for.

    news: set when the job ends, or should be read again. state: how it ended, where the news said so.
    """

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self.state: JobState | None = None


class Replies:
    """Tells waiting requests that their jobs ended."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self.gateway_id = uuid.uuid4().hex
        self._waiting: defaultdict[str, set[Expected]] = defaultdict(set)
        self._connected = False
        self._released = False
        self._said = ""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to read replies."""
        self._task = asyncio.create_task(self._read_forever(), name="replies")

    async def stop(self) -> None:
        """Stops reading replies."""
        self._released = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def release(self) -> None:
        """Answers every waiting request with its job as it stands, now and from now on: the gateway is stopping."""
        self._released = True
        self._wake_all()

    @property
    def released(self) -> bool:
        """Returns whether the gateway is stopping, so that no request should wait on it."""
        return self._released

    @property
    def alive(self) -> bool:
        """Returns whether replies are being read now. A dead reader would let every waiting client hang."""
        return self._connected and self._task is not None and not self._task.done()

    @contextlib.contextmanager
    def expecting(self, job_id: str) -> Iterator[Expected]:
        """Gives what is told when the job ends. Callers enter before the job can end, so that they miss no end."""
        expected = Expected()
        self._waiting[job_id].add(expected)
        try:
            yield expected
        finally:
            self._waiting[job_id].discard(expected)
            if not self._waiting[job_id]:
                del self._waiting[job_id]

    async def until_finished(self, job_id: str, timeout_s: float, attendant: str = "") -> JobState:
        """Returns the job when it ends, or as it stands after the timeout. attendant: the id of the request that waits,
        where its going away may matter to the job. Raises NotFound, QueueUnavailable."""
        if timeout_s <= 0:
            return await self._store.read(job_id)
        deadline = time.monotonic() + timeout_s
        with self.expecting(job_id) as expected:
            while True:
                expected.news.clear()
                # The call registers this gateway first and reads the job second, in one step.
                state = await self._store.read(job_id, self.gateway_id, attendant)
                left = deadline - time.monotonic()
                if state.ended or left <= 0 or self._released:
                    return state
                await self.heard(expected, min(left, LOOK_AGAIN_S))
                if expected.state is not None:
                    return expected.state

    async def heard(self, expected: Expected, timeout_s: float) -> None:
        """Waits for news, the timeout, or the gateway's own end."""
        if not self._released:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):  # wait_for would start a task for each
                    await expected.news.wait()

    async def _read_forever(self) -> None:
        while not self._released:  # a Redis client may swallow the cancellation that ends this task
            try:
                async for reply in self._store.replies(self.gateway_id):
                    if self.released:
                        break
                    if not self._connected:
                        self._connected, self._said = True, ""
                        self._wake_all()  # a reply may have been missed while Redis was away
                    if reply is not None:
                        for expected in self._waiting.get(reply.job_id, set()):
                            expected.state = reply.state
                            expected.news.set()
            except (QueueUnavailable, RedisError) as error:  # Redis is away, or refuses to serve the gateway
                self._say_once(str(error))
            except Exception:  # a dead reader would leave every waiting client hanging
                structlog.get_logger().exception("replies_failed")
            self._connected = False
            await asyncio.sleep(_RECONNECT_S)

    def _say_once(self, detail: str) -> None:
        if detail != self._said:  # it is tried twice a second
            self._said = detail
            structlog.get_logger().warning("replies_lost", detail=detail)

    def _wake_all(self) -> None:
        for waiting in self._waiting.values():
            for expected in waiting:
                expected.news.set()
