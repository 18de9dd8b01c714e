"""Ending a process whose computing thread does not end. A thread that waits for its device cannot be stopped."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Final

from smoothgen.process.draining import GOODBYE_S

ABANDONED: Final = 75
"""Exit code of a worker that left work items undone after the drain and its grace, or because it hung (EX_TEMPFAIL)."""
_LAST_RESORT_S = 1.0


class Leaving:
    """Ends the process with ABANDONED at a set time, unless it has ended in good order before."""

    def __init__(self, goodbye: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """goodbye: tells others first that the worker leaves. It is given GOODBYE_S seconds."""
        self._goodbye = goodbye
        self._timer: asyncio.TimerHandle | None = None
        self._last_resort: threading.Timer | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        """Whether the goodbye has begun."""
        return self._task is not None

    def after(self, seconds: float) -> None:
        """Leaves so many seconds from now. To be called once, in the event loop."""
        self._timer = asyncio.get_running_loop().call_later(seconds, self._begin)
        # In a thread of its own: the event loop, or whoever should read our output, may stand still too.
        late = seconds + GOODBYE_S + _LAST_RESORT_S
        self._last_resort = threading.Timer(late, os._exit, (ABANDONED,))
        self._last_resort.daemon = True
        self._last_resort.start()

    async def call_off(self) -> None:
        """Cancels the leaving: the process ends by itself. Does not return where the goodbye has begun."""
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            await self._task
        if self._last_resort is not None:
            self._last_resort.cancel()

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._leave())

    async def _leave(self) -> None:
        # Not cancelled when it is late: the Redis client has been seen to swallow a cancellation.
        await asyncio.wait({asyncio.create_task(self._goodbye())}, timeout=GOODBYE_S)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(ABANDONED)
