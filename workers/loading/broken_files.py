"""Whatever a broken file raises deep inside a library, an operator reads one line with the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from smoothgen.errors import SmoothGenError


@contextmanager
def told_in_one_line(cannot: str, remedy: str) -> Iterator[None]:
    """Turn any error but our own, which say what they mean, into OSError: «`cannot` (what it was); `remedy`»."""
    try:
        yield
    except SmoothGenError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise OSError(f"{cannot} ({type(error).__name__}: {reason}); {remedy}") from error
