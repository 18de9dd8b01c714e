"""One line with the remedy for an operator, whatever a broken file raises deep inside a library."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from smoothgen.errors import SmoothGenError


@contextmanager
def told_in_one_line(cannot: str, remedy: str) -> Iterator[None]:
    """Turns any error into OSError: «`cannot` (what it was); `remedy`». Errors of SmoothGen pass unchanged, because
    they say what they mean."""
    try:
        yield
    except SmoothGenError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise OSError(f"{cannot} ({type(error).__name__}: {reason}); {remedy}") from error
