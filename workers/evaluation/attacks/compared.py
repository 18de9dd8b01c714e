"""What one attack is proven to have done, set against every claim of the certificate: from fresh outputs to rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from smoothgen.certificates.bounds.bands import TWO_VALUED
from smoothgen.evaluation.falsification import (
    deviation_exceeded,
    event_lower_bound,
    label_shift_lower_bound,
    paired_gap_lower_bound,
    shift_lower_bound,
)
from smoothgen.studies import AttackRow
from smoothgen.studies.store import Task
from workers.distances.label import LabelMetric, Verdict
from workers.evaluation.attacks.ball import Array
from workers.evaluation.attacks.claims import Claimed, ScoreBound, series_of
from workers.evaluation.attacks.target import Target
from workers.evaluation.outputs import Output, labels
from workers.jobs.measurement import measure
from workers.scores import scores_of

W1, ANSWER, DEVIATION = "W1", "the answer", "deviation"
UNPROTECTED = "no protection"
_DIRECTIONS = 32
_ROUNDING = 1e-9
"""Pays for a basis that is orthonormal up to rounding."""
_NOTHING = 1.0
"""The tolerance of a probability for which none was asked."""


@dataclass(frozen=True)
class Lower:
    """What is proven of one claim. certified: what no attack of this norm can exceed."""

    claim: str
    estimate: float
    lower: float
    certified: float
    tolerance: float


@dataclass(frozen=True)
class Attack:
    """An attack as rows name it. found: what it came to, in words. unit: of epsilon."""

    name: str
    epsilon: float
    multiple: float | None
    found: str | None = None
    unit: str = "embedding norm"


def row_of(task: Task, claimed: Claimed, attack: Attack, lower: Lower, alpha: float) -> AttackRow:
    """Returns the row of one attack on one claim. alpha: that of the lower bound."""
    protected = claimed.method != UNPROTECTED
    return AttackRow(
        study=task.study,
        model=task.model,
        setting=task.setting,
        prompt=task.prompt or "",
        attack=attack.name,
        method=claimed.method,
        claim=lower.claim,
        unit=attack.unit,
        epsilon=attack.epsilon,
        multiple=attack.multiple,
        estimate=lower.estimate,
        lower=lower.lower,
        certified=lower.certified,
        alpha=alpha,
        certificate=claimed.name,
        certificate_alpha=claimed.alpha if protected else 0.0,
        tolerance=lower.tolerance,
        found=attack.found,
    )


def compared(
    target: Target, claimed: Claimed, honest: Sequence[Output], attacked: Sequence[Output], epsilon: float, alpha: float
) -> list[Lower]:
    """Returns what an attack of norm epsilon is proven to have done, one for each claim.

    honest, attacked: fresh outputs, sample by sample under the same noise. alpha: what EACH lower bound may spend.
    """
    found = [_shift(target, claimed, honest, attacked, epsilon, alpha)]
    if _labelled(target):
        found.append(_answer(target, claimed, attacked, epsilon, alpha))
    else:
        found.append(_deviation(target, claimed, attacked, epsilon, alpha))
    found += [_score(bound, attacked, epsilon, alpha) for bound in claimed.scores]
    return found


def moved(target: Target, claimed: Claimed, honest: Sequence[Output], attacked: Sequence[Output]) -> Lower:
    """Returns what an attack did to the model without noise, where nothing is random: the distance of the outputs."""
    distance = min(target.strength(honest, attacked), claimed.diameter)
    return Lower(W1, distance, distance, claimed.diameter, claimed.tolerance)


def unprotected(claimed: Claimed) -> Claimed:
    """Returns the claims of the model without noise: none, so that the diameter bounds every shift."""
    return replace(
        claimed,
        name=f"no protection: {claimed.name}",
        method=UNPROTECTED,
        alpha=0.0,
        w1_bound=lambda epsilon: claimed.diameter if epsilon > 0 else 0.0,
        exceedance=lambda *_: 1.0,
        radius=None,
        scores=(),
    )


def _shift(
    target: Target,
    claimed: Claimed,
    honest: Sequence[Output],
    attacked: Sequence[Output],
    epsilon: float,
    alpha: float,
) -> Lower:
    estimate = min(target.strength(honest, attacked), claimed.diameter)
    if _labelled(target):
        p, q = labels(target.metric, honest), labels(target.metric, attacked)
        lower, _ = label_shift_lower_bound(p, q, alpha=alpha)
    else:
        before, after = target.features(honest), target.features(attacked)
        before, after = _projected(before, after)
        lower = shift_lower_bound(before, after, diameter=claimed.diameter, alpha=alpha, paired=True).value
    return Lower(W1, estimate, lower, claimed.shift_bound(epsilon), claimed.tolerance)


def _projected(before: Array, after: Array) -> tuple[Array, Array]:
    """Returns features of many numbers projected on a few directions that the training halves span: the shift of their
    mean, and some outputs.

    A projection moves no two points apart, so that a lower bound on W₁ of the projected outputs bounds that of the
    outputs; the halves are those that `shift_lower_bound` makes.
    """
    if before.shape[1] <= _DIRECTIONS:
        return before, after
    p, q = (rows[: len(rows) // 2] for rows in (before, after))
    p, q = p[np.isfinite(p).all(axis=1)], q[np.isfinite(q).all(axis=1)]
    if not (len(p) and len(q)):
        return before, after
    middle = p.mean(axis=0)
    spanning = np.stack(
        [q.mean(axis=0) - middle, *(p[: _DIRECTIONS // 2] - middle), *(q[: _DIRECTIONS // 2 - 1] - middle)]
    )
    basis = np.linalg.qr(spanning.T)[0] * (1 - _ROUNDING)
    with np.errstate(invalid="ignore"):
        return (before - middle) @ basis, (after - middle) @ basis


def _answer(target: Target, claimed: Claimed, attacked: Sequence[Output], epsilon: float, alpha: float) -> Lower:
    """Of labels: how probable any other answer than the centre's became."""
    away = _away(target, claimed, attacked)
    lost = int((away > 0).sum())
    keep = 0.5 if claimed.keep is None else claimed.keep
    certified = claimed.exceedance(epsilon, 0.0)
    return Lower(ANSWER, lost / len(away), event_lower_bound(lost, len(away), alpha), certified, 1 - keep)


def _deviation(target: Target, claimed: Claimed, attacked: Sequence[Output], epsilon: float, alpha: float) -> Lower:
    away = _away(target, claimed, attacked)
    exceeded = deviation_exceeded(away, lambda t: claimed.exceedance(epsilon, t), alpha=alpha)
    share = float((away > exceeded.distance).mean())
    return Lower(DEVIATION, share, exceeded.lower, exceeded.certified, _NOTHING)


def _score(bound: ScoreBound, attacked: Sequence[Output], epsilon: float, alpha: float) -> Lower:
    """Of a score: how bad its mean became, or how probable the bad event."""
    table: Any = scores_of(attacked, [bound.measure])
    bad = series_of(bound.asked, table[:, 0])
    width = bound.asked.width
    if bound.asked.band is TWO_VALUED:
        lower = width * event_lower_bound(int((bad > 0).sum()), len(bad), alpha)
    else:
        lower = max(0.0, paired_gap_lower_bound(bad, width=width, alpha=alpha, inequality="bernstein"))
    named = f"score {bound.asked.score.name}"
    return Lower(named, float(bad.mean()), lower, bound.mean_badness(epsilon), bound.limit)


def _away(target: Target, claimed: Claimed, made: Sequence[Output]) -> Array:
    """Returns distances to the certificate's centre; a failed output lies beyond every distance."""
    return np.nan_to_num(measure(made, target.metric, claimed.centre), nan=np.inf)


def _labelled(target: Target) -> bool:
    return isinstance(target.metric, LabelMetric | Verdict)


def most_frequent(target: Target, made: Sequence[Output]) -> str | None:
    """Returns the label that most outputs have, None for other metrics: what an attack came to, in words."""
    if not _labelled(target):
        return None
    [(label, count)] = Counter(labels(target.metric, made)).most_common(1)
    return f"{label!r} in {count} of {len(made)}"
