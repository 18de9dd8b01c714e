"""What a client says to a server and hears back, without any I/O: both clients drive these generators.

Each yields a `Call` to be sent, or a `Pause`, and is given the `Answer`; what it returns is the result. What goes wrong
on the way, Ctrl-C included, is thrown into the generator: it knows what is left to be said.
"""

from __future__ import annotations

import contextlib
import math
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from smoothgen.certificates import AnyCertificate, read_certificate
from smoothgen.client.asking import covers_request, request_of
from smoothgen.client.exchange import Answer, Call, Conversation, Pause, content_of, json_of, problem_of
from smoothgen.client.results import FleetReading, Generation
from smoothgen.contracts import (
    FINISHED,
    SAMPLES,
    Covers,
    JobView,
    NeighboursView,
    NewWebhook,
    NoisyOutput,
    NoisyOutputs,
    PlanView,
    WebhookList,
    WebhookTrial,
    WebhookView,
)
from smoothgen.errors import GenerationFailed, ServerProblem, ServerUnreachable, SmoothGenError

OnProgress = Callable[[JobView], None]
"""Told of the job about once a second until it has ended: its id, its progress, what is proven so far."""
OnBusy = Callable[[float, ServerProblem], None]
"""Told that the server takes no more work now, in how many seconds it is asked again, and what it said."""
_LONG_POLL_S = 20
_PROGRESS_POLL_S = 1
_TOO_MANY = 429
_BUSY_S = 5.0
"""How long to wait where a 429 does not say."""
_NOT_FOUND = 404


def generate(
    prompt: str,
    model: str | None,
    given: Mapping[str, Any],
    timeout_s: float,
    on_progress: OnProgress | None,
    on_busy: OnBusy | None = None,
) -> Conversation[Generation]:
    """Submits a request, waits for its job's end, and returns the generation.

    Raises TimeoutError; the job then goes on and its id is in the message.

    Whoever breaks off the waiting (Ctrl-C, a cancelled task) never learns the id, so the job is cancelled.
    """
    deadline = time.monotonic() + timeout_s
    if model is None:
        model = yield from _first_served()
    request = request_of(prompt, model, given)
    submission = Call(
        "POST",
        "/generate",
        request.model_dump(mode="json", exclude_unset=True),
        {
            "Prefer": "respond-async" if on_progress else _waiting(_LONG_POLL_S, deadline),
            "Idempotency-Key": uuid.uuid4().hex,
        },
    )
    answer = yield from _until_taken(submission, deadline, on_busy)
    view = JobView.model_validate(json_of(answer))
    try:
        while True:
            if on_progress is not None:
                on_progress(view)
            if view.status in FINISHED:
                ended = _ended(view, answer.request_id)
                if request.output == SAMPLES:
                    ended = replace(ended, noisy_outputs=(yield from outputs(view.id)))
                return ended
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"job {view.id} has not ended after {timeout_s} s; it goes on, read it at /jobs/{view.id}"
                )
            poll_s = _PROGRESS_POLL_S if on_progress else _LONG_POLL_S
            poll = Call("GET", f"/jobs/{view.id}", headers={"Prefer": _waiting(poll_s, deadline)}, patient=True)
            view = JobView.model_validate(json_of((yield poll)))
    except BaseException as error:
        if _broken_off(error) and view.status not in FINISHED:
            yield from _withdraw(view.id)
        raise


def plan(prompt: str, model: str | None, given: Mapping[str, Any]) -> Conversation[PlanView]:
    """Returns the answer of POST /plans to the request that `generate` would submit."""
    if model is None:
        model = yield from _first_served()
    request = request_of(prompt, model, given)
    answer = yield Call("POST", "/plans", request.model_dump(mode="json", exclude_unset=True))
    return PlanView.model_validate(json_of(answer))


def _first_served() -> Conversation[str]:
    """Returns the first model of GET /models that a worker serves. Raises ServerUnreachable where there is none."""
    served = yield from models()
    # A model stays listed when its last worker has gone, and a job for it would wait for another.
    live = [card for card in served if card.get("workers") != 0]
    if not live:
        known = f"; it has served {', '.join(str(card['id']) for card in served)}" if served else ""
        raise ServerUnreachable(
            f"no worker serves a model yet{known}: wait until one has loaded, or name a model to queue a job for it"
        )
    return str(live[0]["id"])


def _waiting(seconds: int, deadline: float) -> str:
    """Returns a Prefer header that asks the server to wait so long, but not past the deadline: whole seconds, at least
    one."""
    return f"wait={max(1, min(seconds, math.ceil(deadline - time.monotonic())))}"


def _until_taken(submission: Call, deadline: float, on_busy: OnBusy | None) -> Conversation[Answer]:
    """Submits a request, and while the server is full submits it again when it said to, as long as that is before the
    deadline. Returns the answer."""
    while True:
        try:
            answer = yield submission
        except BaseException as error:
            # Whether the server took it is not known. The same key again says, and names the job.
            if _broken_off(error):
                yield from _withdraw(submission)
            raise
        if answer.status != _TOO_MANY:
            return answer
        wait_s = max(1.0, _BUSY_S if answer.retry_after_s is None else answer.retry_after_s)
        try:
            problem = problem_of(answer)
        except ServerUnreachable:  # a proxy's own limit
            problem = ServerProblem(_TOO_MANY, {"title": "Too Many Requests"}, answer.request_id)
        if time.monotonic() + wait_s > deadline:
            raise problem
        if on_busy is not None:
            on_busy(wait_s, problem)
        yield Pause(wait_s)


def _broken_off(error: BaseException) -> bool:
    """Returns whether the caller gave up, rather than something went wrong. (A closed generator may say nothing
    more.)"""
    return not isinstance(error, Exception | GeneratorExit)


def _withdraw(job: str | Call) -> Conversation[None]:
    """Cancels a job, known by its id or by its submission. Failures are passed over: at worst the job runs on."""
    with contextlib.suppress(SmoothGenError, ValidationError):
        if isinstance(job, Call):
            at_once = replace(job, headers={**job.headers, "Prefer": "respond-async"})
            job = JobView.model_validate(json_of((yield at_once))).id
        yield from cancel(job)


def _ended(view: JobView, request_id: str | None) -> Generation:
    """Returns the generation. request_id: that of the job's submission.

    Raises ServerProblem for a job that failed, GenerationFailed for one that was cancelled.
    """
    if view.status == "cancelled":
        raise GenerationFailed(
            f"job {view.id} was cancelled after {view.progress.done} of {view.progress.total} samples, so there is no "
            "certificate; send the request again if it is still wanted"
        )
    if view.status == "failed":
        if view.error is None:
            raise GenerationFailed(f"job {view.id} failed without a reason")
        raise ServerProblem(view.error.status, view.error.model_dump(exclude_none=True), request_id)
    return Generation(view)


def cancel(job_id: str) -> Conversation[Generation]:
    """Cancels a job by DELETE /jobs/{id}, and returns it as it is then."""
    answer = yield Call("DELETE", f"/jobs/{quote(job_id, safe='')}")
    return Generation(JobView.model_validate(json_of(answer)))


def erase(job_id: str) -> Conversation[None]:
    """Erases a job's content by DELETE /jobs/{id}/content."""
    answer = yield Call("DELETE", f"/jobs/{quote(job_id, safe='')}/content")
    if answer.status >= 400:
        json_of(answer)  # raises


def fleet(model: str | None, window: str | None) -> Conversation[list[FleetReading]]:
    """Returns the readings of GET /fleet, every certificate verified here."""
    asked = {name: value for name, value in (("model", model), ("window", window)) if value is not None}
    answer = yield Call("GET", "/fleet" + (f"?{urlencode(asked)}" if asked else ""))
    return [FleetReading.verified(reading) for reading in json_of(answer)["data"]]


def samples(job_id: str) -> Conversation[bytes]:
    """Returns the PNG file of GET /jobs/{id}/samples."""
    return content_of((yield Call("GET", f"/jobs/{quote(job_id, safe='')}/samples")))


def outputs(job_id: str) -> Conversation[tuple[NoisyOutput, ...] | None]:
    """Returns the noisy samples of GET /jobs/{id}/outputs, None where none are kept."""
    answer = yield Call("GET", f"/jobs/{quote(job_id, safe='')}/outputs")
    if answer.status == _NOT_FOUND:
        return None
    return tuple(NoisyOutputs.model_validate(json_of(answer)).outputs)


def add_webhook(url: str, events: Sequence[str] | None) -> Conversation[NewWebhook]:
    """Registers a receiver by POST /webhooks."""
    asked = {"url": url} if events is None else {"url": url, "events": [*events]}
    return NewWebhook.model_validate(json_of((yield Call("POST", "/webhooks", asked))))


def webhooks() -> Conversation[list[WebhookView]]:
    """Returns the receivers of GET /webhooks."""
    return WebhookList.model_validate(json_of((yield Call("GET", "/webhooks")))).data


def remove_webhook(webhook_id: str) -> Conversation[None]:
    """Forgets a receiver by DELETE /webhooks/{id}."""
    content_of((yield Call("DELETE", f"/webhooks/{quote(webhook_id, safe='')}")))


def rotate_webhook(webhook_id: str, overlap_s: int) -> Conversation[NewWebhook]:
    """Gives a receiver a new secret by POST /webhooks/{id}/rotate."""
    asked = {"overlap_s": overlap_s}
    answer = yield Call("POST", f"/webhooks/{quote(webhook_id, safe='')}/rotate", asked)
    return NewWebhook.model_validate(json_of(answer))


def test_webhook(webhook_id: str) -> Conversation[WebhookTrial]:
    """Sends a receiver a message that says nothing, by POST /webhooks/{id}/test."""
    answer = yield Call("POST", f"/webhooks/{quote(webhook_id, safe='')}/test", {})
    return WebhookTrial.model_validate(json_of(answer))


def models() -> Conversation[list[dict[str, Any]]]:
    """Returns the models of GET /models."""
    return list(json_of((yield Call("GET", "/models")))["data"])


def certificate(certificate_id: str) -> Conversation[AnyCertificate]:
    """Returns the certificate of GET /certificates/{id}."""
    return read_certificate(json_of((yield Call("GET", f"/certificates/{quote(certificate_id, safe='')}"))))


def neighbours(certificate_id: str, changed: bool, limit: int) -> Conversation[NeighboursView]:
    """Returns what GET /certificates/{id}/neighbours answers."""
    asked = urlencode({"changed": str(changed).lower(), "limit": limit})
    answer = yield Call("GET", f"/certificates/{quote(certificate_id, safe='')}/neighbours?{asked}")
    return NeighboursView.model_validate(json_of(answer))


def neighbour_picture(certificate_id: str, rank: int) -> Conversation[bytes]:
    """Returns what GET /certificates/{id}/neighbours/{rank}/picture answers: a PNG."""
    return content_of((yield Call("GET", f"/certificates/{quote(certificate_id, safe='')}/neighbours/{rank}/picture")))


def output(job_id: str) -> Conversation[bytes]:
    """Returns what GET /jobs/{id}/output answers: the output's exact bytes."""
    return content_of((yield Call("GET", f"/jobs/{quote(job_id, safe='')}/output")))


def covers(
    certificate_id: str, prompts: Sequence[str], confidence: float | None, context: Sequence[str] | None
) -> Conversation[Covers]:
    """Returns the answer of POST /certificates/{id}/covers."""
    asked = covers_request(prompts, confidence, context).model_dump(exclude_none=True)
    return Covers.model_validate(
        json_of((yield Call("POST", f"/certificates/{quote(certificate_id, safe='')}/covers", asked)))
    )
