"""GET /jobs/{id}/events: a job as it goes, as server-sent events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Response
from fastapi.sse import EventSourceResponse, format_sse_event

from app.description.events import JOB_EVENT
from app.following import followed
from app.http.dependencies import GatewayDep, OwnJobId, TenantDep
from app.routes.jobs import PROBLEMS
from smoothgen.queue import JobState

router = APIRouter(prefix="/jobs", tags=["jobs"])

_DESCRIPTION = (
    "queued once; output when it is chosen, still uncertified, and again if the job had to start over; progress as "
    "samples are drawn and looks taken; at the end, with the whole job as data, one of certificate, abstention, "
    "failed, cancelled."
)


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": _DESCRIPTION,
        "content": {"text/event-stream": {"schema": JOB_EVENT}},
    },
    **PROBLEMS,
}


# Not response_class=EventSourceResponse: FastAPI would stream the function itself, and then an unknown job is no 404.
@router.get("/{job_id}/events", response_class=Response, responses=_RESPONSES)
async def follow_job(job_id: OwnJobId, gateway: GatewayDep, tenant: TenantDep) -> Response:
    """Follow a job. Whoever connects later, or again, is told how it stands and goes on from there."""
    await gateway.store.read(job_id)  # an unknown job is a problem document, not an empty stream
    return EventSourceResponse(followed(gateway, tenant, job_id, _Told().news), headers={"Cache-Control": "no-store"})


class _Told:
    """What a follower knows, so that it is told what is new."""

    def __init__(self) -> None:
        self._queued = False
        self._output = self._progress = ""

    def news(self, state: JobState) -> Iterator[bytes]:
        """Yields the events for what changed since the state that the follower was told last."""
        view = state.view
        progress = view.progress.model_dump_json(exclude_none=True)
        if not self._queued:
            self._queued = True
            yield _event("queued", f'{{"id":"{state.id}","status":"{state.status}"}}')
        if view.output is not None and view.output.digest != self._output:  # a job that started over has another
            self._output = view.output.digest
            yield _event("output", view.output.model_copy(update={"certified": False}).model_dump_json())
        if progress != self._progress and view.status != "failed":
            self._progress = progress
            yield _event("progress", progress)
        if state.ended:
            succeeded = "abstention" if view.certificate is None else "certificate"
            yield _event(succeeded if state.status == "succeeded" else state.status, state.text)


def _event(name: str, data: str) -> bytes:
    return format_sse_event(event=name, data_str=data)
