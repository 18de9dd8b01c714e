"""Waiting for what comes true in another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import httpx2
import redis

Answer = TypeVar("Answer")


def eventually(check: Callable[[], Answer], timeout_s: float = 60.0) -> Answer:
    """The first true answer of `check`, asked until the deadline. A refused connection is a no."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            if answer := check():
                return answer
            reason: object = answer
        except (httpx2.TransportError, redis.ConnectionError) as error:
            reason = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {reason!r}")
        time.sleep(0.02)
