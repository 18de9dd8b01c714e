"""Views of jobs that a worker ended: what clients are shown of a result, and of a problem."""

from __future__ import annotations

from collections.abc import Sequence

from smoothgen.contracts import JobResult, JobSpec, JobView, ModelRef, Problem, Progress, Worth


def view_of_result(spec: JobSpec, result: JobResult, windows: Sequence[str] | None) -> JobView:
    """Returns the view of a job that succeeded. windows: those of the fleet that count the job, None where that is not
    known."""
    drawn, fleet = result.usage.overhead, result.fleet
    if fleet is not None and spec.pool is not None and windows is not None:
        counted = [window for window in fleet.windows if window in windows]
        uncounted = [window for window in fleet.windows if window not in windows]
        fleet = fleet.model_copy(update={"windows": counted, "uncounted": uncounted or None})
    return JobView(
        id=spec.id,
        status="succeeded",
        model=result.model,
        progress=Progress(done=drawn, total=drawn),
        output=result.output,
        notes=result.notes,
        abstention=result.abstention,
        fleet=fleet,
        lipschitz_estimate=result.lipschitz_estimate,
        broken_by=result.broken_by,
        units=result.units,
        usage=result.usage,
        **{name: getattr(result, name) for name in Worth.model_fields},
    )


def view_of_problem(job_id: str, model: ModelRef, problem: Problem) -> JobView:
    """Returns the view of a job that failed."""
    return JobView(id=job_id, status="failed", model=model, progress=Progress(done=0, total=0), error=problem)
