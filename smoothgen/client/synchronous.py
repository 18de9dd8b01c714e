"""The synchronous client."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self

import httpx2

from smoothgen.certificates import AnyCertificate
from smoothgen.client import conversation
from smoothgen.client.conversation import OnBusy, OnProgress
from smoothgen.client.exchange import NOTHING, Answer, Call, Conversation, Result, Step
from smoothgen.client.following import MOST_BYTES, Following, JobEvent
from smoothgen.client.results import FleetReading, Generation
from smoothgen.client.transport import Retries, arguments, options
from smoothgen.contracts import (
    DEFAULT_OVERLAP_S,
    Covers,
    NeighboursView,
    NewWebhook,
    NoisyOutput,
    PlanView,
    WebhookTrial,
    WebhookView,
)


class Client:
    """Talks to a SmoothGen server.

    >>> with Client("http://127.0.0.1:8000") as client:            # doctest: +SKIP
    ...     generation = client.generate("The capital of France is", sigma=0.02)
    ...     generation.text, generation.certificate.radius
    """

    def __init__(self, base_url: str = "http://127.0.0.1:8000", *, api_key: str | None = None) -> None:
        self._http = httpx2.Client(**options(base_url, api_key))

    def generate(
        self,
        prompt: str,
        *,
        model: str | None = None,
        timeout_s: float = 600.0,
        on_progress: OnProgress | None = None,
        on_busy: OnBusy | None = None,
        **given: Any,
    ) -> Generation:
        """Generates one certified output and returns it; `model` defaults to the server's first.

        Further keywords are those of `robustness` (budget, sigma, tolerance, epsilon, samples, tier, deadline_s,
        metric, edits, units …), of `parameters` (max_new_tokens, num_inference_steps …), `context` (passages for the
        model to read), `output`, `priority`, `retention_s` (seconds the server keeps prompt and output) and `seed`.

        A server that is full (429) is asked again when it says, within `timeout_s`; `on_busy` is told. `on_progress` is
        told of the job about once a second. Ctrl-C cancels the job on the server.

        Raises ServerProblem (of status 429 where the server stays full), GenerationFailed for a job that somebody
        cancelled, ServerUnreachable, TimeoutError (the job goes on), and InvalidInput for a value out of range,
        naming its keyword.
        """
        return self._run(conversation.generate(prompt, model, given, timeout_s, on_progress, on_busy))

    def plan(self, prompt: str, *, model: str | None = None, **given: Any) -> PlanView:
        """Returns what `generate` with the same arguments would take and could prove; nothing is generated.

        Raises ServerProblem for what `generate` would be refused for, ServerUnreachable, and InvalidInput for a
        value out of range.
        """
        return self._run(conversation.plan(prompt, model, given))

    def cancel(self, job_id: str) -> Generation:
        """Cancels a job, and returns it as it is then: cancelled, or as it had ended before."""
        return self._run(conversation.cancel(job_id))

    def follow(self, job_id: str, *, last_event_id: str | None = None) -> Iterator[JobEvent]:
        """Yields the events of a job as it goes, in order and each once, until its end.

        A connection that breaks, or a gateway that stops, is resumed where it was. last_event_id: the id of the last
        event that an earlier call gave: only what is new since is told, nothing where that was the end.
        Raises ServerProblem (404 for an unknown job), ServerUnreachable where nobody answers for half a minute.
        """
        following = Following(job_id, last_event_id, self._http.base_url)
        while not following.ended:
            try:
                with self._http.sse(following.path, headers=following.headers, max_event_size=MOST_BYTES) as source:
                    response = source.response
                    if following.streams(response.status_code):
                        for event in source:
                            yield following.told(event)
                    elif not following.ended:
                        following.refuse(response.status_code, response.read())
            except httpx2.RequestError as error:
                following.broke(error)
            if not following.ended:
                time.sleep(following.pause_s())

    def erase(self, job_id: str) -> None:
        """Erases a job's prompt, seed image and output on the server; its certificate stays. Cancels a job that has not
        ended."""
        self._run(conversation.erase(job_id))

    def fleet(self, model: str | None = None, window: str | None = None) -> list[FleetReading]:
        """Returns what is certified of the average request of tier fleet: one reading for each pool and window,
        verified here.

        window: such as "hour:2026-11-23T22"; without one, this hour and day and the ones before.
        Raises InvalidCertificate where a certificate does not follow from its counts.
        """
        return self._run(conversation.fleet(model, window))

    def models(self) -> list[dict[str, Any]]:
        """Returns the models the server knows, with their metrics and how many workers serve each."""
        return self._run(conversation.models())

    def samples(self, job_id: str) -> bytes:
        """Returns the contact sheet of an image job's noisy samples, PNG."""
        return self._run(conversation.samples(job_id))

    def outputs(self, job_id: str) -> tuple[NoisyOutput, ...] | None:
        """Returns the noisy samples of a job with output "samples", selection samples first; None where none are kept.

        `generate` returns them too (`Generation.samples`).
        """
        return self._run(conversation.outputs(job_id))

    def certificate(self, certificate_id: str) -> AnyCertificate:
        """Returns a stored certificate by its id, which is its job's; an ExhaustiveCertificate where the mechanism was
        tokens."""
        return self._run(conversation.certificate(certificate_id))

    def neighbours(self, certificate_id: str, *, changed: bool = False, limit: int = 100) -> NeighboursView:
        """Returns the prompts that the model was run on for a certificate of mechanism tokens or edits, nearest
        first.

        changed: only those that changed the answer, or failed. limit: how many of them, 1 to 1000.
        Raises ServerProblem (409 for a certificate of noise), ServerUnreachable.
        """
        return self._run(conversation.neighbours(certificate_id, changed, limit))

    def neighbour_picture(self, certificate_id: str, rank: int) -> bytes:
        """Returns a small picture of what the model drew for a neighbour, PNG. rank: its place by cost, from 1 on.

        Raises ServerProblem (404 where no picture is kept), ServerUnreachable.
        """
        return self._run(conversation.neighbour_picture(certificate_id, rank))

    def output(self, job_id: str) -> bytes:
        """Returns the exact bytes of a job's output: a text in UTF-8, or a PNG."""
        return self._run(conversation.output(job_id))

    def covers(
        self,
        certificate_id: str,
        prompts: Sequence[str] = (),
        confidence: float | None = None,
        *,
        context: Sequence[str] | None = None,
    ) -> Covers:
        """Returns what a certificate says of other prompts: how far each is, and bounds on how far its outputs can
        differ.

        confidence: with which all prompt bounds hold together, for prompts chosen without looking at the certificate's
        samples: at their noise, their distances, or what is computed from them. Default: the certificate's. context: in
        place of prompts, other passages for a certificate whose request had a context.
        Raises ServerProblem (503 where no worker serves the model, 504 where none answers in time), ServerUnreachable,
        InvalidInput for a value out of range.
        """
        return self._run(conversation.covers(certificate_id, prompts, confidence, context))

    def add_webhook(self, url: str, events: Sequence[str] | None = None) -> NewWebhook:
        """Registers a receiver that is told when jobs end, and returns it with its secret, which is shown this once.

        events: such as "job.succeeded"; all of them where none are given. Raises ServerProblem for a URL that the
        server does not send to.
        """
        return self._run(conversation.add_webhook(url, events))

    def webhooks(self) -> list[WebhookView]:
        """Returns your receivers of webhooks, the oldest first."""
        return self._run(conversation.webhooks())

    def remove_webhook(self, webhook_id: str) -> None:
        """Forgets a receiver of webhooks and what is due to it."""
        self._run(conversation.remove_webhook(webhook_id))

    def rotate_webhook(self, webhook_id: str, overlap_s: int = DEFAULT_OVERLAP_S) -> NewWebhook:
        """Gives a receiver a new secret and returns it with that, shown this once. The old one signs beside it for
        `overlap_s` seconds."""
        return self._run(conversation.rotate_webhook(webhook_id, overlap_s))

    def test_webhook(self, webhook_id: str) -> WebhookTrial:
        """Sends a receiver a message of type webhook.test now, once, and returns what became of it."""
        return self._run(conversation.test_webhook(webhook_id))

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, talk: Conversation[Result]) -> Result:
        go_on: Callable[[], Step] = partial(next, talk)
        while True:
            try:
                step = go_on()
            except StopIteration as end:
                result: Result = end.value
                return result
            try:
                go_on = partial(talk.send, self._take(step))
            except BaseException as error:  # the conversation knows what it leaves behind
                go_on = partial(talk.throw, error)

    def _take(self, step: Step) -> Answer:
        if isinstance(step, Call):
            return self._send(step)
        time.sleep(step.seconds)
        return NOTHING

    def _send(self, call: Call) -> Answer:
        retries = Retries(call, self._http.base_url)
        outcome: httpx2.Response | httpx2.RequestError
        while True:
            try:
                outcome = self._http.request(call.method, call.path, **arguments(call))
            except httpx2.RequestError as error:
                outcome = error
            verdict = retries.judge(outcome)
            if isinstance(verdict, Answer):
                return verdict
            time.sleep(verdict)
