"""Why a job has no answer, as a problem."""

from __future__ import annotations

from smoothgen.contracts import JobView, Problem


def unanswered(view: JobView) -> Problem | None:
    """Returns why there is no answer: the job failed, was cancelled, or its output was erased before its request was
    repeated. None for a job that has an output, and for one that has not ended."""
    if view.error is not None:
        return view.error
    if view.status == "cancelled":
        return Problem.of("cancelled", "Cancelled", 409, f"job {view.id} was cancelled")
    if view.status == "succeeded" and view.output is None:
        return Problem.of(
            "erased",
            "No longer kept",
            410,
            f"the output of job {view.id} was erased; send the request under another key",
        )
    return None
