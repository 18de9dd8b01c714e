"""The synchronous client."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import httpx2

from smoothgen.certificates import Certificate
from smoothgen.client import conversation
from smoothgen.client.conversation import Answer, Call, Conversation, Generation, OnProgress, Result
from smoothgen.client.transport import Retries, arguments, options


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
        **given: Any,
    ) -> Generation:
        """Generate one certified output; `model` defaults to the server's first.

        Further keywords are those of `robustness` (budget, sigma, tolerance, epsilon, samples, confidence, metric …),
        of `parameters` (max_new_tokens, num_inference_steps …), `output` and `seed`.

        Raises ServerProblem, ServerUnreachable, TimeoutError, and ValueError for a value out of range.
        """
        return self._run(conversation.generate(prompt, model, given, timeout_s, on_progress))

    def models(self) -> list[dict[str, Any]]:
        """The models the server knows, with their metrics and how many workers serve each."""
        return self._run(conversation.models())

    def samples(self, job_id: str) -> bytes:
        """The contact sheet of an image job's noisy samples, PNG."""
        return self._run(conversation.samples(job_id))

    def certificate(self, certificate_id: str) -> Certificate:
        """A stored certificate. Its id is its job's."""
        return self._run(conversation.certificate(certificate_id))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, talk: Conversation[Result]) -> Result:
        call = next(talk)
        while True:
            try:
                call = talk.send(self._send(call))
            except StopIteration as end:
                result: Result = end.value
                return result

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
