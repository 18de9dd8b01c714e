"""What a request of mechanism passages or words comes to: the texts of its runs, and when it looks at them."""

from __future__ import annotations

from smoothgen.certificates import LookPlan
from smoothgen.certificates.bounds.rounding import complement
from smoothgen.contracts.mechanism_names import PASSAGES
from smoothgen.contracts.request import GenerateRequest, Robustness
from smoothgen.units import UnitTexts


def unit_texts(request: GenerateRequest, mechanism: str) -> UnitTexts:
    """Returns the units of a request of this mechanism and the fixed part around them. Raises InvalidInput."""
    if mechanism == PASSAGES:
        return UnitTexts.of_passages(request.prompt, request.context or [])
    return UnitTexts.of_words(request.prompt, request.context)


def units_look_plan(robustness: Robustness) -> LookPlan:
    """Returns the looks of a job whose subsets are drawn: doubling where a claim is asked for or a deadline may end it
    early, else one at the end. The request alone fixes it, before any draw."""
    alpha = complement(robustness.confidence)
    altered = None if robustness.units is None else robustness.units.altered
    if altered is None and robustness.deadline_s is None:
        return LookPlan.single(robustness.samples, alpha)
    return LookPlan.doubling(robustness.samples, alpha)
