"""The computing thread's steps. Code that it runs reports each step through a thread-local counter."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Steps:
    """How many steps a thread has taken. Written by that thread alone, read by any."""

    def __init__(self) -> None:
        self.taken = 0
        self.unlimited = False
        """Whether the step that runs may take any time."""

    def belong_to_this_thread(self) -> None:
        """Counts the calls of `made_progress` in the thread that calls this."""
        _of_thread.steps = self

    def count(self) -> None:
        """Counts one step."""
        self.taken += 1


_of_thread = threading.local()


def made_progress(*_: Any) -> None:
    """Reports that a step is done: a batch, a pass through a network. Does nothing in a thread without a counter.

    Takes any arguments, so that it can be a hook of torch, and returns None, which changes nothing there.
    """
    steps: Steps | None = getattr(_of_thread, "steps", None)
    if steps is not None:
        steps.count()


@contextmanager
def without_limit() -> Iterator[None]:
    """Marks a step that may take any time, such as reading weights that are fetched first."""
    steps: Steps | None = getattr(_of_thread, "steps", None)
    if steps is None:
        yield
        return
    steps.unlimited = True
    try:
        yield
    finally:
        steps.unlimited = False
        steps.count()
