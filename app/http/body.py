"""Bodies are bounded before any route sees them: each in size, and all of them together."""

from __future__ import annotations

from typing import Final

from starlette.types import Message, Receive

from smoothgen.contracts import Problem

FREE_BYTES: Final = 64 * 1024
"""The first bytes of each body that are not counted among those held: a small request is never refused because of other
requests' large bodies, and the number of connections bounds these bytes."""


class Held:
    """The bytes of all bodies that are being read or worked on, `most` at once."""

    def __init__(self, most: int) -> None:
        self.most, self.now = most, 0


class Body:
    """One request's body, counted from its first byte until `release`."""

    def __init__(self, held: Held, of_key: Held | None = None) -> None:
        """held: of all bodies. of_key: of those of the request's key, None where no key is asked for."""
        self._held, self._of_key, self._counted = held, of_key, 0

    async def read(self, receive: Receive, limit: int) -> bytes | Problem | None:
        """Returns the whole body, or the problem that it is not taken for; None where the client went away.

        The problem is 413 beyond the limit, 503 where the gateway holds too much already.
        """
        message = await receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            whole = bytes(message.get("body", b""))
            return self._problem(len(whole), limit) or whole
        kept = bytearray()
        while message["type"] == "http.request":
            kept += message.get("body", b"")
            if (problem := self._problem(len(kept), limit)) is not None:
                return problem
            if not message.get("more_body", False):
                return bytes(kept)
            message = await receive()
        return None

    def release(self) -> None:
        """Stops counting this body among those held."""
        self._count(-self._counted)

    def _problem(self, size: int, limit: int) -> Problem | None:
        """Counts `size` bytes of this body, unless they are too many."""
        if size > limit:
            return too_large(limit, f"more than {limit} bytes")
        more = max(0, size - FREE_BYTES) - self._counted
        if more > 0 and self._of_key is not None and self._of_key.now + more > self._of_key.most:
            detail = _held("your key's other requests", self._of_key.most)
            return Problem.of("bodies-of-key-held", "Too many large bodies at once", 429, detail)
        if more > 0 and self._held.now + more > self._held.most:
            detail = _held("other requests", self._held.most)
            return Problem.of("bodies-held", "Too many large bodies at once", 503, detail)
        self._count(more)
        return None

    def _count(self, more: int) -> None:
        self._counted += more
        self._held.now += more
        if self._of_key is not None:
            self._of_key.now += more


def _held(whose: str, most: int) -> str:
    return f"the gateway holds large bodies of {whose}, and takes {most} bytes of them at once; send it again soon"


def too_large(limit: int, size: str) -> Problem:
    """Returns the problem of a body beyond its path's limit."""
    return Problem.of(
        "body-too-large", "The body is too large", 413, f"the body has {size}; this path takes at most {limit}"
    )


def replayed(body: bytes, receive: Receive) -> Receive:
    """Returns a `receive` that gives the whole body first. It is kept no longer than until it is taken."""
    unread: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return unread.pop() if unread else await receive()

    return replay
