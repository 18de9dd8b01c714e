"""The asynchronous client: the same conversation as `Client`, awaited."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Self

import httpx2

from smoothgen.certificates import Certificate
from smoothgen.client import conversation
from smoothgen.client.conversation import Answer, Call, Conversation, Generation, OnProgress, Result
from smoothgen.client.transport import Retries, arguments, options


class AsyncClient:
    """`smoothgen.Client`, with every method awaited."""

    def __init__(self, base_url: str = "http://127.0.0.1:8000", *, api_key: str | None = None) -> None:
        self._http = httpx2.AsyncClient(**options(base_url, api_key))

    async def generate(
        self,
        prompt: str,
        *,
        model: str | None = None,
        timeout_s: float = 600.0,
        on_progress: OnProgress | None = None,
        **given: Any,
    ) -> Generation:
        """As `Client.generate`."""
        return await self._run(conversation.generate(prompt, model, given, timeout_s, on_progress))

    async def models(self) -> list[dict[str, Any]]:
        """As `Client.models`."""
        return await self._run(conversation.models())

    async def samples(self, job_id: str) -> bytes:
        """As `Client.samples`."""
        return await self._run(conversation.samples(job_id))

    async def certificate(self, certificate_id: str) -> Certificate:
        """As `Client.certificate`."""
        return await self._run(conversation.certificate(certificate_id))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _run(self, talk: Conversation[Result]) -> Result:
        call = next(talk)
        while True:
            try:
                call = talk.send(await self._send(call))
            except StopIteration as end:
                result: Result = end.value
                return result

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
