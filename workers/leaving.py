"""Leaving a process whose computing thread does not end: nobody can stop a thread that waits for its device."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine
from typing import Any, NoReturn

from smoothgen.draining import GOODBYE_S

ABANDONED = 75
"""Exit code of a worker that left its work in hand after the drain and its grace, or because it hung (EX_TEMPFAIL)."""


async def leave(goodbye: Coroutine[Any, Any, None]) -> NoReturn:
    """End the process with ABANDONED once `goodbye` is said, or has taken too long."""
    # Not cancelled when it is late: the Redis client has been seen to swallow a cancellation.
    await asyncio.wait({asyncio.ensure_future(goodbye)}, timeout=GOODBYE_S)
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(ABANDONED)
