"""The rows of a study against a file of thresholds: one check for each setting a threshold speaks of."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

from pydantic import BaseModel, ConfigDict

from smoothgen.evaluation.falsification import Comparison
from smoothgen.studies.gate.thresholds import BoundedShare, CertifiedShare, FidelityLimit, Thresholds
from smoothgen.studies.grouped import Measured, Rows, groups
from smoothgen.studies.reports.attacked import verdict_of
from smoothgen.studies.reports.certified import setting_of
from smoothgen.studies.rows import CertificateRow, FidelityRow

NORM: Final = "embedding norm"
"""The unit of rows whose attacks may have any norm; all other units are counted whole."""


class Fallen(BaseModel):
    """A prompt that fell below a threshold, and how it did."""

    model_config = ConfigDict(frozen=True)

    prompt: str
    why: str


class Check(BaseModel):
    """One threshold on one setting. fell: the prompts below it, also where the check passed."""

    model_config = ConfigDict(frozen=True)

    model: str
    where: str
    required: str
    measured: str
    passed: bool
    fell: tuple[Fallen, ...] = ()


def check(rows: Rows, thresholds: Thresholds, *, unfinished: int = 0) -> list[Check]:
    """Returns every check. A threshold that no row fits is a failed check, never a skipped one.

    unfinished: tasks of the study's plan that have no rows yet. A study that lacks some passes no gate: what is missing
    may be what fell.
    """
    found: list[Check] = [] if unfinished == 0 else [_incomplete(unfinished)]
    for certified in thresholds.certified:
        found += _certificates(rows, certified, lambda row, c=certified: _short_of(row, c))  # type: ignore[misc]
    for bounded in thresholds.bounded:
        found += _certificates(rows, bounded, lambda row, b=bounded: _above(row, b))  # type: ignore[misc]
    for limit in thresholds.fidelity:
        found += _fidelity(rows, limit)
    return [*found, *_attacks(rows, thresholds)]


def _certificates(
    rows: Rows, asked: CertifiedShare | BoundedShare, why: Callable[[CertificateRow], str | None]
) -> list[Check]:
    at = (
        f"certified at radius {asked.radius:g}"
        if isinstance(asked, CertifiedShare)
        else f"bound at most {asked.at_most:g} at epsilon {asked.epsilon:g}"
    )
    required = f"{at}: at least {asked.least_share:.1%} of the prompts"
    of_model = [o for o in rows.certificates if o.row.model == asked.model and o.row.ours and not o.row.estimated]
    meant = [one for one in of_model if one.row.study == asked.study and _fits(one.row, asked)]
    if not meant:
        there = {f"{o.row.study}: {o.row.setting}, {o.row.method}, {o.row.metric}" for o in of_model}
        return [_no_row(asked.model, _spelled(asked), required, there or {f"model {m}" for m in rows.models})]
    return [_share(found, asked, required, why) for found in groups(meant, setting_of).values()]


def _share(
    found: Sequence[Measured[CertificateRow]],
    asked: CertifiedShare | BoundedShare,
    required: str,
    why: Callable[[CertificateRow], str | None],
) -> Check:
    told = [(one.row.prompt, why(one.row)) for one in found]
    fell = tuple(Fallen(prompt=prompt, why=reason) for prompt, reason in told if reason is not None)
    reached, row = len(found) - len(fell), found[0].row
    return Check(
        model=asked.model,
        where=f"{row.study}: {row.setting}, {row.method}, {row.metric}",
        required=required,
        measured=f"{reached} of {len(found)} prompts ({reached / len(found):.1%})",
        passed=reached >= _least(asked.least_share, len(found)),
        fell=fell,
    )


def _least(share: float, prompts: int) -> int:
    """Returns how many prompts a share of them asks for: at least one, and nine of ten for 0.9, whatever 0.9 is in
    binary."""
    return max(1, math.ceil(share * prompts - 1e-9))


def _fits(row: CertificateRow, asked: CertifiedShare | BoundedShare) -> bool:
    pairs = ((asked.setting, row.setting), (asked.method, row.method), (asked.metric, row.metric))
    return all(wanted is None or wanted == there for wanted, there in pairs)


def _spelled(asked: CertifiedShare | BoundedShare) -> str:
    return f"{asked.study}: " + ", ".join(part or "any" for part in (asked.setting, asked.method, asked.metric))


def _short_of(row: CertificateRow, asked: CertifiedShare) -> str | None:
    if row.abstained is not None or row.radius is None:
        return f"no radius ({row.abstained or 'none stated'})"
    return None if row.radius >= asked.radius else f"radius {row.radius:g}"


def _above(row: CertificateRow, asked: BoundedShare) -> str | None:
    bound = _bound_at(row, asked.epsilon)
    if bound is None:
        end = row.curve[-1][0] if row.curve else 0
        return f"no bound at epsilon {asked.epsilon:g} (its curve ends at {end:g})"
    return None if bound <= asked.at_most else f"bound {bound:g}"


def _bound_at(row: CertificateRow, epsilon: float) -> float | None:
    """Returns the certified bound for attacks of norm `epsilon`, that norm included; None where the row claims none.

    Of steps it is the last one at or below epsilon, as `ExhaustiveCertificate.w1_bound` has it. Of other curves it is
    the next point's, since the bound increases; where attacks alter whole units, no fraction of one counts.
    """
    if row.steps:
        return next((bound for start, bound in reversed(row.curve) if start <= epsilon), None)
    norm = epsilon if row.unit == NORM else math.floor(epsilon)
    return next((bound for point, bound in row.curve if point >= norm), None)


def _fidelity(rows: Rows, asked: FidelityLimit) -> list[Check]:
    limits = [
        *([f"at most {asked.at_most:g}"] if asked.at_most is not None else []),
        *([f"at least {asked.at_least:g}"] if asked.at_least is not None else []),
    ]
    required = f"{asked.measure}: {' and '.join(limits)}"
    of_model = [one.row for one in rows.fidelity if one.row.model == asked.model and one.row.prompt is None]
    meant = [r for r in of_model if r.measure == asked.measure and asked.setting in (None, r.setting)]
    if not meant:
        there = {f"{row.measure} in {row.setting}" for row in of_model} or {f"model {model}" for model in rows.models}
        return [_no_row(asked.model, asked.setting or "any setting", required, there)]
    return [_limit(row, asked, required) for row in meant]


def _limit(row: FidelityRow, asked: FidelityLimit, required: str) -> Check:
    above = asked.at_most is not None and row.value > asked.at_most
    below = asked.at_least is not None and row.value < asked.at_least
    measured = f"{row.value:g} {row.unit}"
    return Check(model=row.model, where=row.setting, required=required, measured=measured, passed=not (above or below))


def _attacks(rows: Rows, thresholds: Thresholds) -> list[Check]:
    most, found = thresholds.falsification.most_crossings, []
    for model, of_model in groups(rows.attacks, lambda row: row.model).items():
        verdict = verdict_of(of_model)
        if verdict is None:
            continue
        crossings = verdict.crossings
        limit = "" if most is None else f", and at most {most} crossings"
        found.append(
            Check(
                model=model,
                where="attacks",
                required=f"no more crossings than chance allows{limit}",
                measured=f"{len(crossings)} crossings in {verdict.attacks} comparisons",
                passed=verdict.sound and (most is None or len(crossings) <= most),
                fell=tuple(_crossed(one) for one in crossings),
            )
        )
    return found


def _crossed(one: Comparison) -> Fallen:
    return Fallen(prompt=one.prompt, why=f"{one.attack}: {one.lower:g} above {one.certified:g}")


def _incomplete(unfinished: int) -> Check:
    return Check(
        model="every model",
        where="the plan",
        required="every task is finished",
        measured=f"{unfinished} of its tasks are not; run them, or judge by a plan without them",
        passed=False,
    )


def _no_row(model: str, where: str, required: str, there: set[str]) -> Check:
    known = "; ".join(sorted(there)) or "nothing"
    return Check(model=model, where=where, required=required, measured=f"no row; the study has {known}", passed=False)
