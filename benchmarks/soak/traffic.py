"""What the soak's clients send, what each does with its job, and what the job must come to."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from benchmarks.stack import PATIENCE_S

FAST, SLOW = "closed-form-tanh", "closed-form-device"
"""One whose jobs cost nothing but the server's own work, and one that can be cancelled or run out of time half-way."""
PATIENT = PATIENT
_LIMITLESS = httpx2.Limits(max_connections=None, max_keepalive_connections=None)


class Surprise(Exception):
    """A job came to something else than its kind must."""


class Client:
    """What a client does with a job: the id of the job when it has ended, '' where there is none."""

    def __init__(self, url: str, rng: random.Random) -> None:
        self._rng = rng
        self._http = httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S, limits=_LIMITLESS)

    async def wait(self, body: dict[str, Any]) -> Ended:
        """Send and wait."""
        return self._ended(await self._post(body, prefer=PATIENT), outcome)

    async def repeat(self, body: dict[str, Any]) -> Ended:
        """Send twice under one idempotency key: both must be one job."""
        key = uuid.uuid4().hex
        first, second = [
            self._ended(await self._post(body, prefer=PATIENT, key=key), outcome) for _ in range(2)
        ]  # fmt: skip
        if first != second:
            raise Surprise(f"one idempotency key gave jobs {first} and {second}")
        return first

    async def poll(self, body: dict[str, Any]) -> Ended:
        """Send and read the job until it has ended."""
        accepted = await self._post(body, prefer="respond-async")
        return self._ended(await self._followed(accepted), outcome)

    async def cancel(self, body: dict[str, Any]) -> Ended:
        """Send, think it over for a moment, cancel."""
        accepted = await self._post(body, prefer="respond-async")
        await asyncio.sleep(self._rng.uniform(0.0, 0.3))  # before its opening, during it, and after
        return self._ended(await self._http.delete(f"/jobs/{accepted.json()['id']}"), outcome)

    async def walk_away(self, body: dict[str, Any]) -> str:
        """Break the connection off while waiting; ask again later, under the same idempotency key."""
        key = uuid.uuid4().hex
        try:
            await self._post(body, prefer=PATIENT, key=key, timeout_s=self._rng.uniform(0.005, 0.05))
        except httpx2.TimeoutException:
            await asyncio.sleep(0.05)
        return self._ended(await self._post(body, prefer=PATIENT, key=key), outcome)

    async def refused(self, body: dict[str, Any]) -> Ended:
        """Send what no job is made of."""
        response = await self._post(body, prefer=PATIENT)
        if str(response.status_code) != outcome:
            raise Surprise(f"expected {outcome}, got {response.status_code}: {response.text[:500]}")
        return ""

    async def look(self) -> None:
        """A dashboard's reading."""
        for path in ("/fleet", "/metrics"):
            (await self._http.get(path)).raise_for_status()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _post(
        self, body: dict[str, Any], *, prefer: str, key: str = "", timeout_s: float = PATIENCE_S
    ) -> httpx2.Response:
        headers = {"Prefer": prefer} | ({"Idempotency-Key": key} if key else {})
        return await self._http.post("/generate", json=body, headers=headers, timeout=timeout_s)

    async def _followed(self, response: httpx2.Response) -> httpx2.Response:
        while response.json().get("status") in ("queued", "running"):
            response = await self._http.get(f"/jobs/{response.json()['id']}", headers={"Prefer": "wait=1"})
        return response

    def _ended(self, response: httpx2.Response, outcome: str) -> str:
        """The job's id. Raises Surprise unless it came to the outcome."""
        answer = response.json()
        job = answer.get("id") or answer.get("instance", "").removeprefix("/jobs/")
        if not job or outcome != _outcome(answer):
            raise Surprise(f"expected {outcome}, got {response.status_code}: {response.text[:500]}")
        return str(job)


def _outcome(answer: dict[str, Any]) -> str:
    """What an answer says the job came to: a failed job is answered with its problem, whose type ends in its name."""
    if "certificate" in answer or "abstention" in answer:
        return "certificate" if answer.get("certificate") else str(answer["abstention"]["reason"])
    problem = answer.get("error") or answer
    return str(problem["type"]).rpartition("/")[2] if "type" in problem else str(answer.get("status"))
