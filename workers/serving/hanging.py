"""Whether the computing thread hangs: it has taken no step for far longer than a step takes here."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from smoothgen.contracts import Problem
from workers.serving.compute import ComputeThread, Running
from workers.serving.metrics import Metrics
from workers.serving.pacing import Speed
from workers.settings import Settings

TICK_S = 0.5
_LONGEST_TICK_S = 2 * TICK_S
"""The most seconds a tick counts. While the process is stopped, or the machine sleeps, nothing hangs."""
FACTOR = 10.0
"""How many times longer than a batch takes here a step may take."""
_FRAMES = 3


@dataclass(frozen=True)
class Hang:
    """A silence of the computing thread, seconds. limit_s: how long it may last."""

    running: Running
    silent_s: float
    limit_s: float

    @property
    def detail(self) -> str:
        """One sentence for logs and probes, with the remedy."""
        return (
            f"the computing thread has made no progress for {self.silent_s:.0f} s in model {self.running.model!r}, "
            f"where {self.limit_s:.0f} s is the limit; other workers take its work over. Restart this worker; where "
            "its device is that slow, raise SMOOTHGEN_HANG_AFTER_S and SMOOTHGEN_FIRST_BATCH_S"
        )

    @property
    def problem(self) -> Problem:
        """The answer to a probe of /livez."""
        return Problem.of("worker-hung", "The worker hangs", 503, self.detail)


class Patience:
    """Says how long the thread may be silent. speeds: of every model, by name."""

    def __init__(self, speeds: dict[str, Speed], settings: Settings) -> None:
        self._speeds, self._settings = speeds, settings

    def limit_s(self, running: Running) -> float:
        """Returns seconds. A model's first batch is given longer: it may compile, and its speed is not known."""
        rate = self._speeds[running.model].samples_a_second
        floor = self._settings.hang_after_s
        return max(floor, FACTOR * running.rows / rate if rate > 0 else self._settings.first_batch_s)


class Hanging:
    """Checks the computing thread, tick by tick. `hang` is None while it makes progress, and is read by any thread."""

    def __init__(self, compute: ComputeThread, limit_s: Callable[[Running], float], metrics: Metrics) -> None:
        self._compute, self._limit_s, self._metrics = compute, limit_s, metrics
        self.hang: Hang | None = None
        self._steps, self._silent_s, self._ticked = -1, 0.0, time.monotonic()
        self._log = structlog.get_logger()

    def tick(self) -> None:
        """Checks once. To be called every TICK_S seconds."""
        now = time.monotonic()
        since, self._ticked = min(now - self._ticked, _LONGEST_TICK_S), now
        running, steps = self._compute.running, self._compute.steps.taken
        if running is None or self._compute.steps.unlimited or steps != self._steps:
            self._steps, self._silent_s = steps, 0.0
            if self.hang is not None:
                self._end(self.hang)
            return
        self._silent_s += since
        limit_s = self._limit_s(running)
        if self.hang is None and self._silent_s <= limit_s:
            return
        began = self.hang is None
        self.hang = Hang(running, self._silent_s, limit_s if self.hang is None else self.hang.limit_s)
        if began:
            self._begin(self.hang)

    def _begin(self, hang: Hang) -> None:
        self._metrics.hung.set(1)
        self._log.error("computing_hangs", model=hang.running.model, detail=hang.detail, where=_where())

    def _end(self, hang: Hang) -> None:
        self.hang = None
        self._metrics.hung.set(0)
        self._log.warning("computing_goes_on", model=hang.running.model, silent_s=round(hang.silent_s, 1))


def _where() -> list[str]:
    """Returns the innermost calls the computing thread is in."""
    frames = sys._current_frames()
    for thread in threading.enumerate():
        if thread.name.startswith("compute") and thread.ident in frames:
            stack = traceback.extract_stack(frames[thread.ident])[-_FRAMES:]
            return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in stack]
    return []
