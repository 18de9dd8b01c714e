"""What a complete look leads to: more samples, the job's result, or a problem. No Redis and no model."""

from __future__ import annotations

from collections.abc import Sequence

from smoothgen.certificates.stopping.decide import LookResult
from smoothgen.contracts import JobResult, JobSpec, Problem
from smoothgen.errors import GenerationFailed
from smoothgen.queue import Claim, CompleteLook
from workers.jobs.certification import look_at, result_of
from workers.progress import made_progress
from workers.serving.results import Refused, crashed, nothing_to_certify

Decision = LookResult | JobResult | Refused
"""A LookResult goes on to the next look, a JobResult or a problem ends the job."""


def decide_all(complete: Sequence[tuple[Claim, CompleteLook]]) -> list[Decision]:
    """Returns the decision of every complete look, in order."""
    decisions = []
    for claim, look in complete:
        decisions.append(decide(claim, look))
        made_progress()
    return decisions


def decide(claim: Claim, look: CompleteLook) -> Decision:
    """Returns what the look decides. Whatever fails in it fails this job alone."""
    spec, selection = claim.spec, claim.opening
    try:
        if selection is None:
            raise GenerationFailed(f"job {spec.id} has a look and no opening")
        taken = look_at(spec, selection, look.distances, look.failure)
        if taken.stop is None:
            return taken
        return result_of(spec, selection, taken.outcome, look.distances, look.device_s)
    except GenerationFailed as error:
        return nothing_to_certify(error)
    except Exception as error:
        return crashed(spec, error)


def no_worker_survived(claim: Claim) -> Problem:
    """Returns the problem of a job whose work item several workers took and fell silent over."""
    return Problem.of(
        "job-abandoned",
        "No worker survived this job",
        500,
        f"{claim.deliveries - 1} workers took a piece of this job and fell silent; it was given up. The operator finds "
        f"it in the dead letters of model {claim.model!r}",
    )


def deadline_without_output(spec: JobSpec) -> Problem:
    """Returns the problem of a job whose deadline passed before it had an output."""
    return Problem.of(
        "deadline-passed",
        "The deadline passed before there was an output",
        504,
        f"deadline_s={spec.request.robustness.deadline_s!r} passed before the first sample was drawn; give more time, "
        "or send it again when the server is less busy",
    )
