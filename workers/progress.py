"""The computing thread's steps: code that it runs says when a step is done, without being given an object for it."""

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
        """Whether what the thread is at may take any time."""

    def belong_to_this_thread(self) -> None:
        """Count what `made_progress` is told in the thread this is called in."""
        _of_thread.steps = self

    def count(self) -> None:
        """Counts one step."""
        self.taken += 1


_of_thread = threading.local()


def made_progress(*_: Any) -> None:
    """Say that a step of the work is done: a batch, a pass through a network. Nothing happens in a thread nobody
    watches. Takes what a hook of torch is given, and changes nothing of it."""
    steps: Steps | None = getattr(_of_thread, "steps", None)
    if steps is not None:
        steps.count()


@contextmanager
def without_limit() -> Iterator[None]:
    """A step that may take any time, such as reading weights that are fetched first."""
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
