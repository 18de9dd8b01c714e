"""What the soak's clients send, what each does with its job, and what the job may come to."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from benchmarks.stack import PATIENCE_S

FAST, SLOW = "closed-form-tanh", "closed-form-device"
"""One whose jobs cost nothing but the server's own work, and one that can be cancelled or run out of time half-way."""
PATIENT = "wait=120"
_LIMITLESS = httpx2.Limits(max_connections=None, max_keepalive_connections=None)


class Surprise(Exception):
    """A job came to something else than its kind may."""


@dataclass(frozen=True)
class Ended:
    """A job's id, '' where there is none, and what it came to."""

    job: str
    outcome: str


class Client:
    """Sends jobs and does with them what clients do. One for all of a soak's requests."""

    def __init__(self, url: str, rng: random.Random) -> None:
        self._rng = rng
        self._http = httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S, limits=_LIMITLESS)

    async def wait(self, body: dict[str, Any]) -> Ended:
        """Send and wait."""
        return _ended(await self._post(body, PATIENT))

    async def poll(self, body: dict[str, Any]) -> Ended:
        """Send, and read the job until it has ended."""
        response = await self._post(body, "respond-async")
        while response.json().get("status") in ("queued", "running"):
            response = await self._http.get(f"/jobs/{response.json()['id']}", headers={"Prefer": "wait=1"})
        return _ended(response)

    async def repeat(self, body: dict[str, Any]) -> Ended:
        """Send twice under one idempotency key."""
        key = uuid.uuid4().hex
        first, second = [_ended(await self._post(body, PATIENT, key=key)) for _ in range(2)]
        if first != second:
            raise Surprise(f"one idempotency key gave {first} and {second}")
        return first

    async def cancel(self, body: dict[str, Any]) -> Ended:
        """Send, think it over for a moment, cancel."""
        accepted = await self._post(body, "respond-async")
        await asyncio.sleep(self._rng.uniform(0.0, 0.3))  # before its opening, during it, and after
        return _ended(await self._http.delete(f"/jobs/{accepted.json()['id']}"))

    async def walk_away(self, body: dict[str, Any]) -> Ended:
        """Break the connection off while waiting; ask again later, under the same idempotency key."""
        key = uuid.uuid4().hex
        try:
            await self._post(body, PATIENT, key=key, timeout_s=self._rng.uniform(0.005, 0.05))
        except httpx2.TimeoutException:
            await asyncio.sleep(0.05)
        return _ended(await self._post(body, PATIENT, key=key))

    async def look(self) -> None:
        """A dashboard's reading."""
        for path in ("/fleet", "/metrics"):
            (await self._http.get(path)).raise_for_status()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _post(
        self, body: dict[str, Any], prefer: str, *, key: str = "", timeout_s: float = PATIENCE_S
    ) -> httpx2.Response:
        headers = {"Prefer": prefer} | ({"Idempotency-Key": key} if key else {})
        return await self._http.post("/generate", json=body, headers=headers, timeout=timeout_s)


def _ended(response: httpx2.Response) -> Ended:
    """A waiting client is answered with the job, or where it failed with its problem, which names the job."""
    answer = response.json()
    job = str(answer.get("id") or answer.get("instance", "").removeprefix("/jobs/"))
    if answer.get("certificate"):
        return Ended(job, "certificate")
    if answer.get("abstention"):
        return Ended(job, str(answer["abstention"]["reason"]))
    problem = answer.get("error") or answer
    return Ended(job, str(problem["type"]).rpartition(":")[2] if "type" in problem else str(answer.get("status")))


Action = Callable[[Client, dict[str, Any]], Awaitable[Ended]]


@dataclass(frozen=True)
class Kind:
    """Jobs of one kind: their share of the traffic, what is asked, what their client does, what may come of it."""

    name: str
    share: float
    robustness: dict[str, Any]
    outcomes: frozenset[str] = frozenset({"certificate"})
    action: Action = Client.wait
    model: str = FAST
    prompt: str | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def body(self, rng: random.Random) -> dict[str, Any]:
        """A request of this kind. A number of its own, unless the kind is about the prompt."""
        prompt = f"{rng.uniform(-1, 1):.3f}" if self.prompt is None else self.prompt
        return {"model": self.model, "prompt": prompt, "robustness": self.robustness, **self.more}


_OUT_OF_REACH = "radius_out_of_reach"
KINDS = (
    Kind("universal", 0.30, {"tier": "universal"}),
    Kind("fleet", 0.30, {"tier": "fleet"}),
    Kind("request, n = 100", 0.08, {"samples": 100}),
    Kind("request, n = 500", 0.08, {"samples": 500}),
    # Past what holds for any generator (0.126): samples must show it, look by look, and do for prompts away from 0.
    Kind(
        "request, n = 500, epsilon",
        0.05,
        {"samples": 500, "sigma": 0.5, "epsilon": 0.18},
        frozenset({"certificate", _OUT_OF_REACH}),
    ),
    Kind("hopeless epsilon", 0.02, {"samples": 500, "epsilon": 50.0}, frozenset({_OUT_OF_REACH})),
    Kind("polled", 0.02, {"samples": 100}, action=Client.poll),
    Kind("sent twice", 0.03, {"tier": "universal"}, action=Client.repeat),
    Kind("walked away", 0.03, {"samples": 100}, action=Client.walk_away),
    Kind("no number", 0.04, {"samples": 100}, frozenset({"invalid-request"}), prompt="a red sneaker"),
    Kind("refused", 0.02, {"samples": -1}, frozenset({"invalid-request"})),
    Kind("cancelled", 0.02, {"samples": 20_000}, frozenset({"cancelled"}), action=Client.cancel, model=SLOW),
    Kind(
        "deadline",
        0.01,
        {"samples": 20_000, "deadline_s": 0.2},
        # What it has by then: a look's certificate, the one that needs no sample, or not even an output.
        frozenset({"certificate", "deadline-passed"}),
        model=SLOW,
    ),
)


def traffic(jobs: int, rng: random.Random) -> list[tuple[Kind, dict[str, Any]]]:
    """So many requests, each of a kind drawn by its share."""
    drawn = rng.choices(KINDS, [kind.share for kind in KINDS], k=jobs)
    return [(kind, kind.body(rng)) for kind in drawn]


async def run(
    client: Client, requests: list[tuple[Kind, dict[str, Any]]], clients: int, done: Callable[[], object]
) -> list[tuple[Kind, Ended]]:
    """Send the requests, so many at a time, until each has ended. Raises Surprise."""
    waiting, ended = iter(requests), []

    async def one_after_another() -> None:
        for kind, body in waiting:
            end = await kind.action(client, body)
            if end.outcome not in kind.outcomes:
                raise Surprise(f"{kind.name!r} may come to {sorted(kind.outcomes)}, and came to {end}: {body}")
            ended.append((kind, end))
            done()

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(one_after_another())
    return ended
