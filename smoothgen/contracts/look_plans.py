"""When a job looks at what it has. The request fixes it, before any sample is drawn or run made: the worker that runs
the job and the gateway that plans it read it here."""

from __future__ import annotations

from typing import Final

from smoothgen.certificates import LookPlan, remaining_alpha, selection_alpha
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.contracts.request import Robustness

FIRST_LOOK_AT_RUNS: Final = 8
"""Runs of the first look, which later looks double: most prompts meet a neighbour that changes the answer early on."""


def look_plan(robustness: Robustness) -> LookPlan:
    """Returns when a job of noise looks at its samples, and what each look spends: doubling where something may stop it
    early, else once at the end.

    A selection of σ spends its share of alpha before. Raises InvalidAlpha where it leaves nothing.
    """
    alpha = complement(robustness.confidence)
    if robustness.adapt == "prompt":
        alpha = remaining_alpha(alpha, selection_alpha(alpha))
    may_stop = (robustness.epsilon, robustness.radius_tolerance, robustness.deadline_s)
    if any(reason is not None for reason in may_stop):
        return LookPlan.doubling(robustness.samples, alpha)
    return LookPlan.single(robustness.samples, alpha)


def looks_at_runs(last: int) -> tuple[int, ...]:
    """Returns how many runs each look of mechanism tokens has: doubling, up to `last`, the last run that can change
    what is claimed."""
    sizes, size = [], FIRST_LOOK_AT_RUNS
    while size < last:
        sizes.append(size)
        size *= 2
    return (*sizes, last)
