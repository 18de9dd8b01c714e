"""GET /jobs, GET /jobs/{id} and its output."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from app import ending
from app.attending import Attendant
from app.description.responses import problems
from app.http.dependencies import GatewayDep, OwnJobId, PreferHeader, TenantDep, wait_seconds
from app.http.problems import problem_response
from smoothgen.contracts import FINISHED, JobList, JobView, NoisyOutputs
from smoothgen.errors import NotFound
from smoothgen.queue import RECENT_JOBS, JobState

router = APIRouter(prefix="/jobs", tags=["jobs"])

PROBLEMS: Final = problems("not-found")
"""What every route that names a job may answer beside it."""
FOLLOW: Final[dict[str, Any]] = {
    "Location": {"description": "The job's path.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}},
}
"""The headers of an answer about a job that has not ended."""
_BYTES: Final = {"schema": {"type": "string", "contentMediaType": "image/png"}}


def job_response(job: JobState, *, unfinished: int) -> Response:
    """Returns a job as JSON. unfinished: the status code for one that has not ended."""
    headers = {} if job.ended else {"Location": f"/jobs/{job.id}", "Retry-After": "1"}
    if job.status == "failed" and unfinished == 202 and job.view.error is not None:
        return problem_response(job.view.error.model_copy(update={"instance": f"/jobs/{job.id}"}))
    return Response(
        job.text, status_code=200 if job.ended else unfinished, media_type="application/json", headers=headers
    )


@router.get("", response_model=JobList, responses=problems("invalid-request"))
async def list_jobs(
    gateway: GatewayDep,
    tenant: TenantDep,
    limit: Annotated[int, Query(ge=1, le=RECENT_JOBS, description="How many of them at most.")] = 20,
) -> JobList:
    """Your latest jobs, the latest submitted first, for as long as they are kept; 100 of each model at most."""
    models = [each.card.id for each in await gateway.store.models()]
    return JobList(data=await gateway.store.recent.latest(tenant, models, limit))


@router.get("/{job_id}", response_model=JobView, responses=PROBLEMS)
async def get_job(
    context: Request, job_id: OwnJobId, gateway: GatewayDep, tenant: TenantDep, prefer: PreferHeader = None
) -> Response:
    """The job's state, output and certificate. `Prefer: wait=N` answers when it ends, N seconds at the most."""
    wait_s = wait_seconds(prefer, 0.0, gateway.settings.max_wait_s)
    if wait_s > 0:
        attendant = Attendant(gateway, job_id)
        waiting = gateway.replies.until_finished(job_id, wait_s, attendant.id)
        job = await attendant.while_connected(context, waiting)
    else:
        job = await gateway.store.read(job_id)
    return job_response(await gateway.signer.signed(tenant, job), unfinished=200)


@router.delete("/{job_id}", response_model=JobView, responses=PROBLEMS)
async def cancel_job(job_id: OwnJobId, gateway: GatewayDep, tenant: TenantDep) -> Response:
    """Cancel a job: no further batch of it is begun. One that has ended stays as it is, and is the answer."""
    job = await ending.cancel(gateway, job_id)
    return job_response(await gateway.signer.signed(tenant, job), unfinished=200)


@router.delete("/{job_id}/content", status_code=204, responses=PROBLEMS)
async def erase_job_content(job_id: OwnJobId, gateway: GatewayDep, tenant: TenantDep) -> None:
    """Erase a job's prompt, seed image, outputs and sheet of samples now. A job that has not ended is cancelled first.

    Its certificate stays: it holds the digests of prompt and output, and of the output what the certificate rests on
    (the centre, which its statement may quote). Prompts can no longer be compared with it. Where it held texts of runs
    it loses them, and is signed again as it is without them.
    """
    await ending.erase(gateway, tenant, job_id)


@router.get(
    "/{job_id}/output",
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}, "image/png": _BYTES}}, **PROBLEMS},
    response_class=Response,
)
async def get_job_output(job_id: OwnJobId, gateway: GatewayDep) -> Response:
    """The output's exact bytes, as its digest in the certificate covers them."""
    view = (await gateway.store.read(job_id)).view
    if view.output is None:
        raise NotFound(
            f"the output of job {job_id!r} is no longer kept: it was erased"
            if view.status == "succeeded"
            else f"job {job_id!r} has no output: it is {view.status}"
            + ("" if view.status in FINISHED else "; ask again when it has ended")
        )
    return Response(view.output.content, media_type=view.output.media_type)


@router.get("/{job_id}/outputs", response_model=NoisyOutputs, response_model_exclude_none=True, responses=PROBLEMS)
async def get_noisy_outputs(job_id: OwnJobId, gateway: GatewayDep) -> NoisyOutputs:
    """All noisy samples of a job with output "samples": those of the selection, then those that certify."""
    await gateway.store.read(job_id)  # an unknown job is the clearer answer
    return NoisyOutputs(job=job_id, outputs=await gateway.store.noisy_outputs(job_id))


@router.get(
    "/{job_id}/samples", responses={200: {"content": {"image/png": _BYTES}}, **PROBLEMS}, response_class=Response
)
async def get_samples_sheet(job_id: OwnJobId, gateway: GatewayDep) -> Response:
    """A contact sheet of an image job's noisy selection samples. An illustration, no part of the certificate."""
    await gateway.store.read(job_id)  # an unknown job is the clearer answer
    return Response(await gateway.store.samples(job_id), media_type="image/png")
