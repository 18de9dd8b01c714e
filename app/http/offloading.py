"""Work that would hold the event loop up: in threads, few at a time, and no endless queue before them."""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final, TypeVar, TypeVarTuple

from anyio import CapacityLimiter, to_thread

from smoothgen.errors import Overloaded

Result = TypeVar("Result")
Arguments = TypeVarTuple("Arguments")
_AT_ONCE: Final = 2
_MOST_WAITING: Final = 64
_RETRY_S: Final = 2
_TIDY_AFTER_S: Final = 1.0


class BoundedThreads:
    """Threads for reading long bodies, checking certificates, unpacking pictures and compiling patterns.

    Two at once, and beside them one with a large body: more would only share one interpreter, and a large body is held
    several times over while it is read.
    """

    def __init__(self) -> None:
        self._small, self._large = CapacityLimiter(_AT_ONCE), CapacityLimiter(1)
        self._tidying: asyncio.TimerHandle | None = None

    async def run(
        self, function: Callable[[*Arguments], Result], *arguments: *Arguments, large: bool = False
    ) -> Result:
        """Returns what `function(*arguments)` returns.

        Raises Overloaded where many wait already, and what it raises.
        """
        limiter = self._large if large else self._small
        if limiter.statistics().tasks_waiting >= _MOST_WAITING:
            raise Overloaded(
                f"{_MOST_WAITING} long requests wait to be read here already; send this one again in {_RETRY_S} s",
                retry_after_s=_RETRY_S,
            )
        try:
            return await to_thread.run_sync(function, *arguments, limiter=limiter)
        finally:
            if self._tidying is None:
                self._tidying = asyncio.get_running_loop().call_later(_TIDY_AFTER_S, self._tidy)

    def _tidy(self) -> None:
        self._tidying = None
        asyncio.get_running_loop().run_in_executor(None, _give_back)


def _give_back() -> None:
    """Gives freed memory back to the system. glibc keeps it, in each thread's own arena, for requests as large as the
    largest there was: 30 certificates left a gateway of 100 MB with 520."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's alone
    if trim is not None:
        trim(0)
