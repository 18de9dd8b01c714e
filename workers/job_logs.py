"""Log lines about a job: its id, its request's id and what went wrong, never its prompt."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import structlog

from smoothgen.contracts import JobSpec, Problem

_SHORTEST: Final = 4
"""Characters of a prompt from which on it is cut out of errors; a shorter one cannot be told from other words."""
_HIDDEN: Final = "[prompt]"


@contextmanager
def lines_about(spec: JobSpec) -> Iterator[None]:
    """Names the job and its request in every line logged inside, a library's too."""
    with structlog.contextvars.bound_contextvars(**spec.log_fields):
        yield


def log_crash(event: str, spec: JobSpec, error: Exception) -> None:
    """Logs an error of our own or of a library with its traceback, the prompts cut out of it."""
    structlog.get_logger(__name__).error(event, **spec.log_fields, exception=trace_of(error, prompts_of(spec)))


def failure_fields(spec: JobSpec, problem: Problem) -> dict[str, Any]:
    """Returns the fields of the line about a failed job.

    The detail of a refused request quotes the request, so only its client reads it. The log names the refused field.
    """
    kind = problem.type.removeprefix("urn:smoothgen:problem:")
    if kind == "invalid-request":
        return {**spec.log_fields, "kind": kind, "fields": [e.pointer for e in problem.errors or []]}
    return {**spec.log_fields, "kind": kind, "detail": without(problem.detail, prompts_of(spec))}


def prompts_of(spec: JobSpec) -> list[str]:
    """Returns the texts a job was asked with: its prompt and, where it has them, its passages and its negative
    prompt."""
    return [
        spec.request.prompt,
        *(spec.request.context or []),
        getattr(spec.parameters, "negative_prompt", None) or "",
    ]


def trace_of(error: Exception, prompts: Iterable[str]) -> str:
    """Returns the error's traceback, the prompts cut out of it."""
    return without("".join(traceback.format_exception(error)).rstrip("\n"), prompts)


def without(text: str, prompts: Iterable[str]) -> str:
    """Returns the text with "[prompt]" where it quotes one of the prompts as it is, or as Python or JSON writes it."""
    for prompt in prompts:
        if len(prompt) < _SHORTEST:
            continue
        for written in (prompt, repr(prompt), json.dumps(prompt), json.dumps(prompt, ensure_ascii=False)):
            text = text.replace(written if written == prompt else written[1:-1], _HIDDEN)
    return text
