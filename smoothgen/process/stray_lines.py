"""What is written to stderr past the logs, such as by `print` and `traceback.print_exc` in libraries, as log lines."""

from __future__ import annotations

import io
import re
import sys
import threading
from typing import Final, TextIO

import structlog

_LONGEST: Final = 65_536
"""Characters of a line; a longer one is cut into several."""


class StrayLines(io.TextIOBase):
    """Stands for stderr, and logs every line that is written to it as event `stderr_line`.

    A carriage return ends a line too; what is not ended by anything yet waits for its end.
    """

    def __init__(self, stream: TextIO) -> None:
        """Keeps the real stream, whose encoding and descriptor this one gives where it is asked."""
        self._stream, self._rest, self._lock = stream, "", threading.Lock()
        self._log = structlog.get_logger("stderr")

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Returns the real stream's encoding."""
        return self._stream.encoding

    def fileno(self) -> int:
        """Returns the real stream's descriptor, for what is written by others than Python."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Returns False: this is no terminal, and progress bars should not be drawn here."""
        return False

    def writable(self) -> bool:
        """Returns True."""
        return True

    def write(self, text: str) -> int:
        """Logs the lines that are whole now. Returns the number of characters taken, all of them."""
        with self._lock:
            *whole, self._rest = re.split(r"[\r\n]", self._rest + text)
            if len(self._rest) > _LONGEST:
                whole, self._rest = [*whole, self._rest], ""
        for line in whole:
            if line.strip():
                self._log.warning("stderr_line", text=line)
        return len(text)


def take_stderr() -> None:
    """Puts a StrayLines in the place of sys.stderr. Called once by a program's entry point, after `configure_logs`."""
    sys.stderr = StrayLines(sys.__stderr__ or sys.stderr)
