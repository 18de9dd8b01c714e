"""What a client says to a server and hears back, without any I/O: both clients drive these generators.

Each yields a `Call` to be sent and is given the `Answer`; what it returns is the result.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import quote

from smoothgen.certificates import Certificate, Verification, from_document, verify
from smoothgen.contracts import (
    FINISHED,
    MODALITIES,
    AbstentionView,
    GenerateRequest,
    JobView,
    Robustness,
    TextOutput,
    Usage,
    parameter_names,
    read_parameters,
)
from smoothgen.errors import GenerationFailed, ServerProblem, ServerUnreachable

Result = TypeVar("Result")
OnProgress = Callable[[int, int], None]
_LONG_POLL_S = 20
_PROGRESS_POLL_S = 1


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
class Answer:
    """One HTTP response."""

    status: int
    content: bytes


Conversation = Generator[Call, Answer, Result]


@dataclass(frozen=True)
class Generation:
    """A finished job: the output, and a certificate or an abstention."""

    view: JobView

    @property
    def id(self) -> str:
        """The job's id, and its certificate's."""
        return self.view.id

    @property
    def text(self) -> str:
        """The output of a text model; empty for a picture."""
        return self.view.output.text if isinstance(self.view.output, TextOutput) else ""

    @property
    def content(self) -> bytes:
        """The output's exact bytes: UTF-8 text, or a PNG file."""
        return self.view.output.content if self.view.output else b""

    @cached_property
    def certificate(self) -> Certificate | None:
        """The certificate, None where the server abstained. Not yet verified: see `verify`."""
        return None if self.view.certificate is None else from_document(self.view.certificate)

    @property
    def abstention(self) -> AbstentionView | None:
        """Why nothing, or less than asked, could be proven."""
        return self.view.abstention

    @property
    def usage(self) -> Usage | None:
        """What the job cost."""
        return self.view.usage

    def verify(self) -> Verification | None:
        """Recompute the certificate here, trusting nothing but the distances it carries."""
        return None if self.view.certificate is None else verify(self.view.certificate)


def request_of(prompt: str, model: str, given: Mapping[str, Any]) -> GenerateRequest:
    """A request from keyword arguments: robustness fields, generation parameters, `output` and `seed`.

    Raises TypeError for a keyword that is neither, pydantic.ValidationError (a ValueError) for a value out of range.
    """
    sections: dict[str, dict[str, Any]] = {"robustness": {}, "parameters": {}}
    body: dict[str, Any] = {"model": model, "prompt": prompt, **sections}
    homes = dict.fromkeys(Robustness.model_fields, "robustness")
    for modality in MODALITIES:
        homes |= dict.fromkeys(parameter_names(modality), "parameters")
    for name, value in given.items():
        if name in ("output", "seed"):
            body[name] = value
        elif name in homes:
            sections[homes[name]][name] = value
        else:
            raise TypeError(f"generate() takes no {name!r}; it takes {', '.join(sorted({*homes, 'output', 'seed'}))}")
    for modality in MODALITIES:  # the server knows which it is; a value out of range is noticed here in either
        if sections["parameters"].keys() <= parameter_names(modality):
            read_parameters(modality, sections["parameters"])
    return GenerateRequest.model_validate(body)


def generate(
    prompt: str, model: str | None, given: Mapping[str, Any], timeout_s: float, on_progress: OnProgress | None
) -> Conversation[Generation]:
    """Submit, then wait for the end. Raises TimeoutError; the job goes on and its id is in the message."""
    deadline = time.monotonic() + timeout_s
    if model is None:
        served = yield from models()
        if not served:
            raise ServerUnreachable("the server knows no model yet: no worker has registered one")
        model = str(served[0]["id"])
    request = request_of(prompt, model, given)
    submission = Call(
        "POST",
        "/generate",
        request.model_dump(mode="json", exclude_unset=True),
        {"Prefer": "respond-async" if on_progress else f"wait={_LONG_POLL_S}", "Idempotency-Key": uuid.uuid4().hex},
    )
    view = JobView.model_validate(_json((yield submission)))
    poll_s = _PROGRESS_POLL_S if on_progress else _LONG_POLL_S
    while view.status not in FINISHED:
        if on_progress is not None:
            on_progress(view.progress.done, view.progress.total)
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"job {view.id} has not ended after {timeout_s} s; it goes on, read it at /jobs/{view.id}"
            )
        poll = Call("GET", f"/jobs/{view.id}", headers={"Prefer": f"wait={poll_s}"}, patient=True)
        view = JobView.model_validate(_json((yield poll)))
    if on_progress is not None:
        on_progress(view.progress.done, view.progress.total)
    if view.status == "failed":
        problem = view.error
        if problem is None:
            raise GenerationFailed(f"job {view.id} failed without a reason")
        raise ServerProblem(problem.status, problem.model_dump(exclude_none=True))
    return Generation(view)


def samples(job_id: str) -> Conversation[bytes]:
    """GET /jobs/{id}/samples, a PNG file."""
    answer = yield Call("GET", f"/jobs/{quote(job_id, safe='')}/samples")
    if answer.status >= 400:
        _json(answer)  # raises
    return answer.content


def models() -> Conversation[list[dict[str, Any]]]:
    """GET /models."""
    return list(_json((yield Call("GET", "/models")))["data"])


def certificate(certificate_id: str) -> Conversation[Certificate]:
    """GET /certificates/{id}."""
    return from_document(_json((yield Call("GET", f"/certificates/{quote(certificate_id, safe='')}"))))


def _json(answer: Answer) -> Any:
    """The answer's JSON. Raises ServerProblem for a problem document, ServerUnreachable for anything else."""
    try:
        document = json.loads(answer.content)
    except ValueError as error:
        raise ServerUnreachable(
            f"the server answered {answer.status} and no JSON; is this a SmoothGen server?"
        ) from error
    if answer.status >= 400:
        raise ServerProblem(answer.status, document if isinstance(document, dict) else {"detail": document})
    return document
