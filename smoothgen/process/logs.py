"""Structured logs on stderr: one JSON object a line for machines, or readable lines for people.

Everything that a process says goes through one handler of the standard library: our own lines, those of libraries,
warnings, and the traceback of an exception that nobody caught.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final, Literal

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

LogFormat = Literal["json", "console"]
LogLevel = Literal["debug", "info", "warning", "error"]
_HEARD_FROM: Final = MappingProxyType(
    {"transformers": logging.ERROR, "diffusers": logging.ERROR, "httpx2": logging.WARNING}
)
"""Libraries that are heard in full at level debug only. Warnings of the first two quote prompts, such as the words that
were cut off one; the last has a line for every request it sends."""


def configure_logs(log_format: LogFormat, *, service: str, level: LogLevel = "info") -> None:
    """Sets the process's logs: their format, the `service` every line names, and the least level that is written.

    Called by a program's entry point, never at import.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Service(service),
    ]
    handler = _Handler(sys.__stderr__)
    handler.setFormatter(ProcessorFormatter(processors=_written_as(log_format), foreign_pre_chain=shared))
    if level != "debug":
        handler.addFilter(_is_heard)
    # No line of ours has these, and looking them up takes a tenth of the time a line takes.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*shared, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.setLoggerClass(_Routed)  # after the factory above, which sets one of its own
    sys.excepthook = lambda kind, error, trace: _uncaught((kind, error, trace))
    threading.excepthook = lambda found: _uncaught((found.exc_type, found.exc_value, found.exc_traceback))
    sys.unraisablehook = lambda found: _uncaught((found.exc_type, found.exc_value, found.exc_traceback))


def asked_format() -> LogFormat:
    """Returns the format SMOOTHGEN_LOG_FORMAT asks for, json where it asks for none: for what is to be said before the
    settings are read, or because they cannot be."""
    return "console" if os.environ.get("SMOOTHGEN_LOG_FORMAT") == "console" else "json"


def _written_as(log_format: LogFormat) -> Sequence[Processor]:
    common: list[Processor] = [ProcessorFormatter.remove_processors_meta, structlog.processors.format_exc_info]
    if log_format == "json":
        encode = json.JSONEncoder(default=repr).encode  # made once: json.dumps makes one for each line
        return [*common, structlog.processors.JSONRenderer(lambda event, **_: encode(event))]
    return [
        *common,
        _harmless,
        structlog.dev.ConsoleRenderer(colors=sys.__stderr__ is not None and sys.__stderr__.isatty()),
    ]


class _Service:
    """Processor that names the service on every line."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, _: Any, __: str, event: EventDict) -> EventDict:
        event["service"] = self._name
        return event


def _harmless(_: Any, __: str, event: EventDict) -> EventDict:
    """Escapes an event for people's lines: a stranger's text can neither begin a line nor steer a terminal. JSON does
    so by itself. The lines of a traceback are indented, so that none of them looks like a line of the log."""
    for key, value in event.items():
        if not isinstance(value, str):
            continue
        if key in ("exception", "stack"):
            event[key] = "\n".join(f"    {_escaped(line)}" for line in value.split("\n"))
        else:
            event[key] = _escaped(value)
    return event


def _escaped(text: str) -> str:
    """Returns the text with everything that is not printed written as Python writes it, such as \\n and \\x1b."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def _is_heard(record: logging.LogRecord) -> bool:
    return record.levelno >= _HEARD_FROM.get(record.name.partition(".")[0], logging.NOTSET)


def _uncaught(exc_info: Any) -> None:
    structlog.get_logger("smoothgen.process.logs").critical("uncaught_exception", exc_info=exc_info)


class _Routed(logging.Logger):
    """A logger without handlers of its own, whatever its library does: some write to stderr in a format of theirs, from
    their first import on."""

    @property
    def propagate(self) -> bool:
        """Returns True: every line goes on to the root's handler."""
        return True

    @propagate.setter
    def propagate(self, _: bool) -> None: ...

    def addHandler(self, hdlr: logging.Handler) -> None:  # noqa: N802
        """Takes no handler."""
        del hdlr


class _Handler(logging.StreamHandler[Any]):
    """Writes lines to a stream. One that cannot be formatted leaves a line that says so, in the log's format."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Says which line could not be written, unless the stream itself is what failed."""
        if isinstance(sys.exception(), OSError) or getattr(record, "stands_in", False):
            return
        said = "a log line could not be written: %r"
        instead = logging.LogRecord(record.name, record.levelno, "", 0, said, (str(record.msg),), None)
        instead.stands_in = True
        self.emit(instead)
