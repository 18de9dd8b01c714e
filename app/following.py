"""A job as it goes, as server-sent events for whoever follows it, until the job ends or the follower goes away."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse
from starlette.types import Receive

from app.attending import Attendant
from app.http.dependencies import Gateway
from smoothgen.errors import NotFound, QueueUnavailable
from smoothgen.queue import JobState

_LOOK_S = 0.5
_KEEPALIVE_S = 15.0


class FollowedResponse(EventSourceResponse):
    """A stream of events of a job. A follower that goes away before its end is noted as gone."""

    def __init__(
        self, events: AsyncIterator[bytes], attendant: Attendant, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", **(headers or {})})
        self._attendant = attendant

    async def listen_for_disconnect(self, receive: Receive) -> None:
        """Returns when the follower has gone away, after which Starlette ends the stream."""
        await super().listen_for_disconnect(receive)
        await self._attendant.went_away()


async def followed(
    gateway: Gateway, tenant: str, attendant: Attendant, news: Callable[[JobState], Iterable[bytes]]
) -> AsyncIterator[bytes]:
    """Yields the events that `news` makes of how the job stands, which is looked at twice a second and at its end, and
    a comment where there was none for 15 seconds. Ends with the job, with its retention, and when the gateway stops."""
    spoke = time.monotonic()
    with gateway.replies.expecting(attendant.job_id) as expected:
        while not gateway.replies.released:
            expected.news.clear()
            try:
                read = await gateway.store.read(attendant.job_id, gateway.replies.gateway_id, attendant.id)
                state = await gateway.signer.signed(tenant, read)
            except QueueUnavailable:  # accepted jobs outlive it, and so does whoever follows them
                state = None
            except NotFound:
                return
            if state is not None:
                for event in news(state):
                    spoke = time.monotonic()
                    yield event
                if state.ended:
                    return
            if time.monotonic() - spoke > _KEEPALIVE_S:
                spoke = time.monotonic()
                yield KEEPALIVE_COMMENT
            await gateway.replies.heard(expected, _LOOK_S)
