"""Whether a request's key lets it in: the key, its scopes, how many of its requests are in hand, its rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from starlette.types import Scope

from app.access.caller import ANYONE_CALLS
from app.access.keyring import Accepted, KeyRefused
from app.access.limit_fields import Limit
from app.access.needed import scopes_needed
from app.http.body import Held
from app.http.dependencies import Gateway
from app.settings import Settings
from smoothgen.contracts import Problem
from smoothgen.errors import QueueUnavailable

_RETRY_S: Final = 2


@dataclass(frozen=True)
class Refusal:
    """A problem and the header fields that go with it."""

    problem: Problem
    headers: Mapping[str, str] = field(default_factory=dict)


class Gate:
    """Lets requests in by their keys, and counts what those in hand hold."""

    def __init__(self, settings: Settings) -> None:
        self._most, self._most_bytes = settings.max_requests_per_key, settings.max_held_bytes_per_key
        self._in_hand: Counter[str] = Counter()
        self._held: dict[str, Held] = {}

    async def admit(self, gateway: Gateway, scope: Scope, authorization: bytes) -> Accepted | Refusal:
        """Returns who sends the request, or why it is refused. Keeps in the request's state what its answer tells of
        the key's limits (`limits`)."""
        try:
            accepted = await gateway.keyring.find(authorization)
            scope["state"]["caller"] = accepted.caller  # known now, though it may be refused: for its figures
            if (refusal := self._refusal(accepted, scope)) is not None:
                return refusal
            return await self._taken(gateway, scope, accepted)
        except KeyRefused as error:
            challenge = 'Bearer error="invalid_token"' if error.given else "Bearer"
            problem = Problem.of("unauthorized", "Unauthorized", 401, str(error))
            return Refusal(problem, {"WWW-Authenticate": challenge})
        except QueueUnavailable as error:
            detail = f"whether this request may be answered cannot be looked up: {error}"
            problem = Problem.of("queue-unavailable", "The queue cannot be reached", 503, detail)
            return Refusal(problem, {"Retry-After": str(_RETRY_S)})

    @contextmanager
    def counting(self, accepted: Accepted) -> Iterator[Held | None]:
        """Counts a request as in hand. Gives what the bodies of its key hold together; None where no key is asked
        for."""
        if accepted.caller is ANYONE_CALLS:
            yield None
            return
        name = _name(accepted)
        self._in_hand[name] += 1
        try:
            yield self._held.setdefault(name, Held(self._most_bytes))
        finally:
            self._in_hand[name] -= 1
            if not self._in_hand[name]:
                del self._in_hand[name], self._held[name]

    def _refusal(self, accepted: Accepted, scope: Scope) -> Refusal | None:
        lacking = sorted(scopes_needed(scope["method"], scope["path"]) - accepted.caller.scopes)
        if lacking:
            has = ", ".join(sorted(accepted.caller.scopes))
            detail = f"this needs a key of scope {', '.join(lacking)}; this key has {has}. Ask for another key"
            challenge = f'Bearer error="insufficient_scope", scope="{" ".join(lacking)}"'
            problem = Problem.of("insufficient-scope", "Forbidden", 403, detail)
            return Refusal(problem, {"WWW-Authenticate": challenge})
        if accepted.caller is not ANYONE_CALLS and self._in_hand[_name(accepted)] >= self._most:
            detail = (
                f"{self._most} requests of this key are in hand here, as many as may be; send it again when one ends"
            )
            problem = Problem.of("too-many-requests", "Too Many Requests", 429, detail)
            return Refusal(problem, {"Retry-After": str(_RETRY_S)})
        return None

    async def _taken(self, gateway: Gateway, scope: Scope, accepted: Accepted) -> Accepted | Refusal:
        record = accepted.record
        if record is None or record.rate is None:
            return accepted
        standing = await gateway.usage.take_request(record.id, record.rate)
        scope["state"]["limits"] = [Limit("requests", record.rate, standing)]
        if standing.granted:
            return accepted
        detail = f"this key may send {record.rate} requests; send it again in {standing.more_in_s} s"
        problem = Problem.of("rate-exceeded", "Too Many Requests", 429, detail)
        return Refusal(problem, {"Retry-After": str(standing.more_in_s)})


def _name(accepted: Accepted) -> str:
    """Returns what a key is counted by: its id, or the tenant of a key of SMOOTHGEN_API_KEYS. No tenant's name has a
    colon."""
    return f"id:{accepted.caller.key_id}" if accepted.caller.key_id else accepted.caller.tenant
