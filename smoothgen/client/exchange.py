"""One exchange between a client and a server, as values: what is sent, what comes back, and what it says."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from smoothgen.errors import ServerProblem, ServerUnreachable

Result = TypeVar("Result")


@dataclass(frozen=True)
class Call:
    """One HTTP request. Every call is safe to repeat: reads by nature, submissions by their idempotency key.

    `patient`: the server holds a job of ours, so its absence is a restart to be waited for.
    """

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patient: bool = False


@dataclass(frozen=True)
class Pause:
    """Time to let pass. Its answer is empty."""

    seconds: float


@dataclass(frozen=True)
class Answer:
    """One HTTP response. `retry_after_s`: when it said to come again; `request_id`: its X-Request-ID; None where it did
    not say."""

    status: int
    content: bytes
    retry_after_s: float | None = None
    request_id: str | None = None


NOTHING: Final = Answer(204, b"")
"""What a pause is answered with."""
Step = Call | Pause
Conversation = Generator[Step, Answer, Result]


def json_of(answer: Answer) -> Any:
    """Returns the answer's JSON. Raises ServerProblem for a problem document, ServerUnreachable for anything else."""
    if answer.status >= 400:
        raise problem_of(answer)
    return parsed(answer)


def content_of(answer: Answer) -> bytes:
    """Returns the bytes of an answer that is no JSON. Raises ServerProblem for a problem document, ServerUnreachable
    for another refusal."""
    if answer.status >= 400:
        raise problem_of(answer)
    return answer.content


def problem_of(answer: Answer) -> ServerProblem:
    """Returns the problem an answer tells of. Raises ServerUnreachable where it is none."""
    told = parsed(answer)
    return ServerProblem(answer.status, told if isinstance(told, dict) else {"detail": told}, answer.request_id)


def parsed(answer: Answer) -> Any:
    """Returns the JSON of any answer. Raises ServerUnreachable where it is none."""
    try:
        return json.loads(answer.content)
    except ValueError as error:
        said = f"the server answered {answer.status} and no JSON; is this a SmoothGen server?"
        raise ServerUnreachable(said) from error
