"""GET /jobs/{id}/events: a job as it goes, as server-sent events that can be resumed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from app.attending import Attendant
from app.description.events import JOB_EVENT
from app.description.responses import problems
from app.following import FollowedResponse, followed
from app.http.dependencies import GatewayDep, OwnJobId, TenantDep
from app.job_events import Told

router = APIRouter(prefix="/jobs", tags=["jobs"])

_DESCRIPTION = (
    "queued once; output when it is chosen, still uncertified, and again if the job had to start over; progress as "
    "samples are drawn and looks taken; at the end, with the whole job as data, one of certificate, abstention, "
    "failed, cancelled. Every event has an id."
)


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": _DESCRIPTION, "content": {"text/event-stream": {"schema": JOB_EVENT}}},
    204: {"description": "The event of Last-Event-ID was the last one: nothing follows, and no client need ask again."},
    **problems("not-found", "invalid-request"),
}
_LastEventId = Annotated[
    str | None, Header(description="The id of the last event that was read: only what is new since is told.")
]


# Not response_class=EventSourceResponse: FastAPI would stream the function itself, and then an unknown job is no 404.
@router.get("/{job_id}/events", response_class=Response, responses=_RESPONSES)
async def follow_job(
    job_id: OwnJobId, gateway: GatewayDep, tenant: TenantDep, last_event_id: _LastEventId = None
) -> Response:
    """Follow a job. Whoever connects later is told how it stands and goes on from there; whoever connects again with
    the id of the last event is told what is new since, by whichever gateway."""
    await gateway.store.read(job_id)  # an unknown job is a problem document, not an empty stream
    told = Told.until(job_id, last_event_id)
    if told.ended:
        return Response(status_code=204)
    attendant = Attendant(gateway, job_id)
    return FollowedResponse(followed(gateway, tenant, attendant, told.news), attendant)
