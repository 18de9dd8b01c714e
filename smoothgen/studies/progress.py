"""How a study's progress is shown: a bar on a terminal, a line a task elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from smoothgen.studies.store import Task

_MINUTE: Final = 60.0


class Shown:
    """Shows progress on standard error, so that standard output holds the result alone."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, soft_wrap=True)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._all = self._bar.add_task("tasks")
        self._started, self._done, self._left = time.monotonic(), 0, 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begins(self, done: int, left: int, changed: Mapping[str, int]) -> None:
        """Shows how many tasks are left, and of which models the weights changed."""
        self._started, self._left = time.monotonic(), left
        self._bar.update(self._all, total=left, completed=0)
        self._say(f"{left} tasks to run, {done} finished before")
        if changed:
            counts = ", ".join(f"{count} of {model}" for model, count in changed.items())
            self._say(f"run again, because their weights changed or cannot be told: {counts}")

    def finished(self, task: Task, seconds: float) -> None:
        """Shows a finished task and about how long the others will take."""
        self._done += 1
        self._bar.advance(self._all)
        a_task = (time.monotonic() - self._started) / self._done
        minutes = a_task * (self._left - self._done) / _MINUTE
        self._say(
            f"[{self._done}/{self._left}] {_named(task)}: {seconds:.1f} s; about {minutes:.0f} min left"
            if self._done < self._left
            else f"[{self._done}/{self._left}] {_named(task)}: {seconds:.1f} s"
        )

    def failed(self, task: Task, error: Exception) -> None:
        """Shows a task that failed, and why."""
        self._done += 1
        self._bar.advance(self._all)
        self._say(f"[{self._done}/{self._left}] {_named(task)} FAILED: {error}")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False)


def _named(task: Task) -> str:
    prompt = "" if task.prompt is None else f", {task.prompt!r:.50}"
    return f"{task.study}, {task.model}, {task.setting}{prompt}"
