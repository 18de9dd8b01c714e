"""The one thread that loads the models and runs them, and the call it is running."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from workers.progress import Steps

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Running:
    """A call that the computing thread runs. rows: the most samples that one of its batches can hold."""

    model: str
    rows: int


class ComputeThread:
    """One thread for everything torch does, loading included.

    A second one would bring OpenMP a second team of threads; with more of them than cores they sleep at barriers, which
    made picture jobs a third slower on two cores.
    """

    def __init__(self) -> None:
        self.steps = Steps()
        self.running: Running | None = None
        """The call that runs now. Written by the computing thread, read by any."""
        self._thread = ThreadPoolExecutor(
            max_workers=1, thread_name_prefix="compute", initializer=self.steps.belong_to_this_thread
        )

    async def load(self, call: Callable[..., Answer], *arguments: object) -> Answer:
        """Returns what the call gives. It is not announced as `running`, so it is never taken for a hang."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    async def run(self, running: Running, call: Callable[..., Answer], *arguments: object) -> Answer:
        """Returns what the call gives, after the calls before it. `running` tells the hang check of it meanwhile."""
        return await self.load(self._call, running, call, *arguments)

    def _call(self, running: Running, call: Callable[..., Answer], *arguments: object) -> Answer:
        self.steps.count()
        self.running = running
        try:
            return call(*arguments)
        finally:
            self.running = None

    def shutdown(self) -> None:
        """Lets the thread end when it has nothing more to do."""
        self._thread.shutdown(wait=False)
