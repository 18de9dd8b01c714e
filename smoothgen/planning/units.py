"""How runs of mechanisms passages and words choose among the units of a request, and what such a request may say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from smoothgen.certificates.meaning.sections import LEAST_MAJORITY
from smoothgen.certificates.score_claims import AskedClaim, claim_share
from smoothgen.certificates.units import UnitChoice, largest_probability, largest_size
from smoothgen.contracts import (
    OF_UNITS,
    PASSAGES,
    WORDS,
    GenerateRequest,
    JobSpec,
    Label,
    Metric,
    PlannedUnits,
    Robustness,
    Units,
    Verdict,
    unit_texts,
    units_look_plan,
)
from smoothgen.errors import InvalidInput, InvalidParameters
from smoothgen.planning.claims import claims_without_model

_EXACT_IN_JSON: Final = 2**53


def require_units_fit(request: GenerateRequest, mechanism: str) -> None:
    """Raises InvalidInput for a context or units that the mechanism would ignore, and for passages without any."""
    if mechanism not in OF_UNITS:
        for name, given in (("context", request.context), ("robustness.units", request.robustness.units)):
            if given is not None:
                raise InvalidInput(
                    f"{name} is given, and mechanism {mechanism!r} reads the prompt alone; use mechanism "
                    f"{PASSAGES!r} or {WORDS!r}, or leave {name} out",
                    field=name,
                )
        return
    if mechanism == PASSAGES and request.context is None:
        raise InvalidInput(
            f"mechanism {PASSAGES!r} chooses among the passages of the context, and the request has none; send "
            f"context, or use mechanism {WORDS!r}, which chooses among the words of the prompt",
            field="context",
        )
    if request.output != "representative":
        raise InvalidInput(
            f"output={request.output!r}: mechanism {mechanism!r} serves the answer that most selection runs give, or "
            "the one nearest to their centre; leave output out",
            field="output",
        )


def plan_units(
    request: GenerateRequest,
    mechanism: str,
    metric: Metric,
    tolerance: float,
    diameter: float,
    claims: Sequence[AskedClaim] = (),
) -> tuple[GenerateRequest, PlannedUnits | None]:
    """Returns the request with the claim it makes, and what is decided of its units; None for other mechanisms.

    tolerance, diameter: of the metric, its units. claims: those on scores that are known without a model. Raises
    InvalidInput naming the field for a choice under which nothing could be proven.
    """
    if mechanism not in OF_UNITS:
        return request, None
    two_valued, robustness = isinstance(metric, Label | Verdict), request.robustness
    if robustness.keep is None and robustness.tolerance is None and two_valued:
        robustness = robustness.model_copy(update={"keep": LEAST_MAJORITY})
        request = request.model_copy(update={"robustness": robustness})
    goal = units_goal(robustness, tolerance, diameter, claims)
    count, asked = len(unit_texts(request, mechanism).units), robustness.units or Units()
    _require_provable(count, asked)
    size, probability = asked.size, asked.probability
    chosen: Literal["request", "server"] = "request"
    if size is None and probability is None:
        chosen = "server"
        size, probability = _default(count, asked.altered or 1, mechanism, goal)
    subsets = UnitChoice(count, size=size, probability=probability).subsets
    few = subsets is not None and subsets <= robustness.samples
    return request, PlannedUnits(
        units=count,
        size=size,
        probability=probability,
        altered=asked.altered,
        subsets=subsets if subsets is not None and subsets < _EXACT_IN_JSON else None,
        draws=None if few else robustness.samples,
        chosen=chosen,
    )


def _require_provable(count: int, asked: Units) -> None:
    """Raises InvalidInput where every run keeps an altered unit, so that nothing can be proven whatever is run."""
    if asked.size is not None and asked.size >= count:
        raise InvalidParameters(
            f"size={asked.size} of {count} units leaves none out, so one altered unit reaches every run; "
            + (f"ask for a size of at most {count - 1}" if count > 1 else "send more units, or give a probability"),
            field="robustness.units.size",
        )
    altered = asked.altered
    if altered is None:
        return
    if altered > count:
        raise InvalidParameters(
            f"altered={altered}, and the request has {count} units; ask for at most {count}",
            field="robustness.units.altered",
        )
    if asked.size is not None and altered > count - asked.size:
        raise InvalidParameters(
            f"altered={altered} of {count} units reach every run that keeps {asked.size} of them, so nothing can be "
            f"proven; ask for at most {count - asked.size}, or for a smaller size",
            field="robustness.units.altered",
        )


def units_goal(
    robustness: Robustness, tolerance: float, diameter: float, claims: Sequence[AskedClaim]
) -> dict[str, Any]:
    """Returns what the runs are to prove, and what they may spend on it, as `largest_size` takes it.

    robustness: as it is planned. claims: those on scores that are known without a model; the others have their shares
    of the failure probability, and are taken to hold.
    """
    plan, keep = units_look_plan(robustness), robustness.keep
    known = {
        "samples": plan.sizes[-1],
        "alpha": claim_share(plan.alphas[-1], len(robustness.claims or ())),
        "diameter": diameter,
        **({"tolerance": tolerance} if keep is None else {"keep": keep}),
    }
    # A goal of claims on scores alone has one at least.
    return {**known, "score_claims": claims, "asks_shift": robustness.asks_shift} if claims else known


def _default(count: int, altered: int, mechanism: str, goal: Mapping[str, Any]) -> tuple[int | None, float | None]:
    """Returns size and probability, one of them None: the most that a run may keep so that `altered` units could be
    proven if every run kept the answer, more than half of them where half are asked for, since a half is no majority.
    Words are kept by probability, which their number does not change."""
    if goal.get("keep") == LEAST_MAJORITY:
        goal = {**goal, "keep": math.nextafter(LEAST_MAJORITY, 1.0)}
    try:
        if mechanism == WORDS:
            return None, largest_probability(altered, **goal)
        return largest_size(count, altered, **goal), None
    except InvalidParameters as error:
        field = f"robustness.{error.field}" if error.field == "units.altered" else error.field
        raise InvalidParameters(str(error), field=field) from error


def served_otherwise(job: JobSpec, count: int, diameter: float) -> str | None:
    """Returns why a request that is the job's but for the number of its units would be served by another law than the
    certificate speaks of; None where it would not. diameter: of the metric.

    A size that the server chose may depend on how many units there are, and the bound for units that are put in or
    left out needs one size for both.
    """
    units, robustness = job.units, job.request.robustness
    if units is None or units.size is None or count == units.units:
        return None
    if count <= units.size:
        return f"it has {count} units, and every run keeps {units.size}: such a request is refused"
    if units.chosen == "request":
        return None
    goal = units_goal(robustness, job.tolerance, diameter, claims_without_model(robustness.claims or ()))
    size, _ = _default(count, units.altered or 1, job.mechanism, goal)
    if size == units.size:
        return None
    return (
        f"the server chose {units.size} of {units.units} units a run, and of {count} it would choose {size}; name "
        "units.size where units may be put in or left out"
    )
