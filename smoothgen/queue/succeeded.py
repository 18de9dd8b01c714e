"""What a client is told of a job that ended well."""

from __future__ import annotations

from collections.abc import Collection

from smoothgen.contracts import JobResult, JobSpec, JobView, Progress, Worth


def succeeded_view(spec: JobSpec, result: JobResult, windows: Collection[str] | None) -> JobView:
    """Returns the view of a job with this result. windows: in which the fleet counts it, None where that is not
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
