"""The asynchronous client: the same conversation as `Client`, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
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


class AsyncClient:
    """Talks to a SmoothGen server as `smoothgen.Client` does, with every method awaited."""

    def __init__(self, base_url: str = "http://127.0.0.1:8000", *, api_key: str | None = None) -> None:
        self._http = httpx2.AsyncClient(**options(base_url, api_key))

    async def generate(
        self,
        prompt: str,
        *,
        model: str | None = None,
        timeout_s: float = 600.0,
        on_progress: OnProgress | None = None,
        on_busy: OnBusy | None = None,
        **given: Any,
    ) -> Generation:
        """Generates one certified output: see `Client.generate`. A task that is cancelled while it waits cancels the
        job."""
        return await self._run(conversation.generate(prompt, model, given, timeout_s, on_progress, on_busy))

    async def plan(self, prompt: str, *, model: str | None = None, **given: Any) -> PlanView:
        """Returns what `generate` would take and could prove: see `Client.plan`."""
        return await self._run(conversation.plan(prompt, model, given))

    async def cancel(self, job_id: str) -> Generation:
        """Cancels a job: see `Client.cancel`."""
        return await self._run(conversation.cancel(job_id))

    async def follow(self, job_id: str, *, last_event_id: str | None = None) -> AsyncIterator[JobEvent]:
        """Yields the events of a job as it goes: see `Client.follow`."""
        following = Following(job_id, last_event_id, self._http.base_url)
        while not following.ended:
            try:
                async with self._http.sse(
                    following.path, headers=following.headers, max_event_size=MOST_BYTES
                ) as source:
                    response = source.response
                    if following.streams(response.status_code):
                        async for event in source:
                            yield following.told(event)
                    elif not following.ended:
                        following.refuse(response.status_code, await response.aread())
            except httpx2.RequestError as error:
                following.broke(error)
            if not following.ended:
                await asyncio.sleep(following.pause_s())

    async def erase(self, job_id: str) -> None:
        """Erases a job's content on the server: see `Client.erase`."""
        await self._run(conversation.erase(job_id))

    async def fleet(self, model: str | None = None, window: str | None = None) -> list[FleetReading]:
        """Returns what is certified of the average request: see `Client.fleet`."""
        return await self._run(conversation.fleet(model, window))

    async def models(self) -> list[dict[str, Any]]:
        """Returns the models the server knows: see `Client.models`."""
        return await self._run(conversation.models())

    async def samples(self, job_id: str) -> bytes:
        """Returns the contact sheet of an image job, PNG: see `Client.samples`."""
        return await self._run(conversation.samples(job_id))

    async def outputs(self, job_id: str) -> tuple[NoisyOutput, ...] | None:
        """Returns the noisy samples of a job with output "samples"; None where none are kept."""
        return await self._run(conversation.outputs(job_id))

    async def certificate(self, certificate_id: str) -> AnyCertificate:
        """Returns a stored certificate: see `Client.certificate`."""
        return await self._run(conversation.certificate(certificate_id))

    async def neighbours(self, certificate_id: str, *, changed: bool = False, limit: int = 100) -> NeighboursView:
        """Returns the runs behind a certificate: see `Client.neighbours`."""
        return await self._run(conversation.neighbours(certificate_id, changed, limit))

    async def neighbour_picture(self, certificate_id: str, rank: int) -> bytes:
        """Returns a small picture of a neighbour, PNG: see `Client.neighbour_picture`."""
        return await self._run(conversation.neighbour_picture(certificate_id, rank))

    async def output(self, job_id: str) -> bytes:
        """Returns the exact bytes of a job's output: see `Client.output`."""
        return await self._run(conversation.output(job_id))

    async def covers(
        self,
        certificate_id: str,
        prompts: Sequence[str] = (),
        confidence: float | None = None,
        *,
        context: Sequence[str] | None = None,
    ) -> Covers:
        """Returns what a certificate says of other prompts: see `Client.covers`."""
        return await self._run(conversation.covers(certificate_id, prompts, confidence, context))

    async def add_webhook(self, url: str, events: Sequence[str] | None = None) -> NewWebhook:
        """See `Client.add_webhook`."""
        return await self._run(conversation.add_webhook(url, events))

    async def webhooks(self) -> list[WebhookView]:
        """See `Client.webhooks`."""
        return await self._run(conversation.webhooks())

    async def remove_webhook(self, webhook_id: str) -> None:
        """See `Client.remove_webhook`."""
        await self._run(conversation.remove_webhook(webhook_id))

    async def rotate_webhook(self, webhook_id: str, overlap_s: int = DEFAULT_OVERLAP_S) -> NewWebhook:
        """See `Client.rotate_webhook`."""
        return await self._run(conversation.rotate_webhook(webhook_id, overlap_s))

    async def test_webhook(self, webhook_id: str) -> WebhookTrial:
        """See `Client.test_webhook`."""
        return await self._run(conversation.test_webhook(webhook_id))

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _run(self, talk: Conversation[Result]) -> Result:
        go_on: Callable[[], Step] = partial(next, talk)
        while True:
            try:
                step = go_on()
            except StopIteration as end:
                result: Result = end.value
                return result
            try:
                go_on = partial(talk.send, await self._take(step))
            except BaseException as error:  # the conversation knows what it leaves behind
                go_on = partial(talk.throw, error)

    async def _take(self, step: Step) -> Answer:
        if isinstance(step, Call):
            return await self._send(step)
        await asyncio.sleep(step.seconds)
        return NOTHING

    async def _send(self, call: Call) -> Answer:
        retries = Retries(call, self._http.base_url)
        outcome: httpx2.Response | httpx2.RequestError
        while True:
            try:
                outcome = await self._http.request(call.method, call.path, **arguments(call))
            except httpx2.RequestError as error:
                outcome = error
            verdict = retries.judge(outcome)
            if isinstance(verdict, Answer):
                return verdict
            await asyncio.sleep(verdict)
