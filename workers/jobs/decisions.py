"""What follows a complete look or a deadline: more samples, the result, or a problem. No model, no Redis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smoothgen.contracts import JobResult
from smoothgen.errors import GenerationFailed
from smoothgen.queue import Claim, CompleteLook, Overdue
from smoothgen.tracing import named, span, under
from workers.jobs.methods import method_of
from workers.jobs.outcomes import Refused, crashed, nothing_to_certify
from workers.progress import made_progress


@dataclass(frozen=True)
class DrawOn:
    """The job goes on to its next look.

    samples: those of the look just taken; following: those of the next. seconds_a_sample: compute so far by sample.
    batch_size: of every batch of the job, where it is fixed. radius, w1_bound: what is proven so far.
    """

    samples: int
    following: int
    seconds_a_sample: float
    batch_size: int | None
    radius: float
    w1_bound: float


Decision = DrawOn | JobResult | Refused


def decide_all(complete: Sequence[tuple[Claim, CompleteLook]]) -> list[Decision]:
    """Returns the decision at every complete look, in order. Counts each as a step of the computing thread."""
    decisions = []
    for claim, look in complete:
        decisions.append(decide(claim, look))
        made_progress()
    return decisions


def decide(claim: Claim, look: CompleteLook) -> Decision:
    """Returns what a complete look leads to. Raises nothing: an error fails the job, and the worker lives."""
    with under(claim.traceparent), span("certification", job=claim.spec.id, samples=len(look.distances)) as certifying:
        decision = _decided(claim, look)
        certifying.set_attributes(named(outcome=_outcome(decision)))
        return decision


def decide_at_deadline(overdue: Overdue) -> JobResult | Refused | None:
    """Returns the result with the samples there are, or None where there is no output yet. Raises nothing."""
    spec, selection, look = overdue.spec, overdue.selection, overdue.look
    if selection is None:
        return None
    with under(spec.traceparent), span("certification", job=spec.id, at_deadline=True) as certifying:
        try:
            result: JobResult | Refused = method_of(spec).at_deadline(spec, selection, look)
        except Exception as error:
            result = crashed(spec, error)
        certifying.set_attributes(named(outcome=_outcome(result)))
        return result


def _decided(claim: Claim, look: CompleteLook) -> Decision:
    spec, selection = claim.spec, claim.selection
    try:
        if selection is None:
            raise GenerationFailed(f"job {spec.id} has a look and no opening")
        method, samples = method_of(spec), len(look.distances)
        taken = method.take(spec, selection, look)
        if taken.result is not None:
            return taken.result
        following = next((size for size in method.looks(spec, selection) if size > samples), None)
        if following is None:
            raise GenerationFailed(f"job {spec.id} goes on after its last look")
        return DrawOn(samples, following, look.device_s / samples, selection.batch_size, taken.radius, taken.w1_bound)
    except GenerationFailed as error:
        return nothing_to_certify(error)
    except Exception as error:
        return crashed(spec, error)


def _outcome(decision: Decision) -> str:
    """Returns in a word what was decided: certificate, abstention, failed, or draw_on for no end yet."""
    if isinstance(decision, DrawOn):
        return "draw_on"
    return "failed" if isinstance(decision, Refused) else decision.ending
