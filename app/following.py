"""A job as it goes, as server-sent events for whoever follows it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable

from fastapi.sse import KEEPALIVE_COMMENT

from app.http.dependencies import Gateway
from smoothgen.errors import NotFound, QueueUnavailable
from smoothgen.queue import JobState

_LOOK_S = 0.5
_KEEPALIVE_S = 15.0


async def followed(
    gateway: Gateway, tenant: str, job_id: str, news: Callable[[JobState], Iterable[bytes]]
) -> AsyncIterator[bytes]:
    """Yields the events that `news` makes of how the job stands, which is looked at twice a second and at its end, and
    a comment where there was none for 15 seconds. Ends with the job, with its retention, and when the gateway stops."""
    spoke = time.monotonic()
    with gateway.replies.expecting(job_id) as expected:
        while not gateway.replies.released:
            expected.news.clear()
            try:
                state = await gateway.signer.signed(
                    tenant, await gateway.store.read(job_id, gateway.replies.gateway_id)
                )
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
