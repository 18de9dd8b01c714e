"""Decides at a look: enough is proven, what is asked will not be, or draw on. Pure functions of the distances.

With every look paid for (`LookPlan`), stopping may depend on anything, so no rule here can make a certificate false.
They can waste samples, or give up too soon: docs/theory, Statistics, says how often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from typing import Final

from smoothgen.certificates.abstention import Abstention, Reason
from smoothgen.certificates.bounds.bands import TWO_VALUED, band_by_name
from smoothgen.certificates.bounds.looks import LookPlan
from smoothgen.certificates.bounds.radius import LARGEST_RADIUS_IN_SIGMAS, BoundCurve
from smoothgen.certificates.bounds.shift_bounds import ShiftBounds
from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.certify import beyond_reach, certify_evidence
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.goals import Goal
from smoothgen.certificates.stopping.futility import Continuation, all_at_the_centre, favourable, repeated
from smoothgen.certificates.stopping.scores import hopeless_claim
from smoothgen.certificates.terms import Terms
from smoothgen.certificates.universal import certify_without_samples
from smoothgen.errors import InvalidTolerance

HARDLY: Final = 0.01
"""A radius that grows by less than this fraction is not worth the samples."""


class Stop(StrEnum):
    """Why a job stops drawing samples."""

    PROVEN = "proven"
    OUT_OF_REACH = "out_of_reach"
    SETTLED = "settled"
    SAMPLE_LIMIT = "sample_limit"


@dataclass(frozen=True)
class LookResult:
    """The result of a look. outcome: what can be said if sampling stops here. stop: why it should, None to go on."""

    outcome: Certificate | Abstention
    stop: Stop | None


def take_look(
    evidence: Evidence, terms: Terms, scored: Sequence[Evidence] = (), *, radius_tolerance: float | None = None
) -> LookResult:
    """Certifies what one look of the plan shows, and decides whether to draw on.

    PROVEN: all that is asked holds at the asked epsilon. OUT_OF_REACH: not even a favourable continuation to a later
    look would meet it. SETTLED, without an epsilon: no later look is expected to enlarge the radius by more than the
    fraction `radius_tolerance` a doubling. SAMPLE_LIMIT: the last look.

    evidence: of the certification samples with index < n, n one of the plan's sizes. scored: the series of each claim
    on a score, over the same samples. Where one claim is out of reach at the asked epsilon, all that is asked is.
    Raises what `certify` raises; InvalidTolerance unless radius_tolerance is positive; InvalidDistances without a plan.
    """
    if radius_tolerance is not None and not (math.isfinite(radius_tolerance) and radius_tolerance > 0):
        raise InvalidTolerance(
            f"radius_tolerance must be a positive fraction of the radius such as 0.05, got {radius_tolerance!r}",
            field="radius_tolerance",
        )
    plan, epsilon = terms.require_plan(), terms.epsilon
    outcome = certify_evidence(evidence, terms, scored)
    if epsilon is not None and isinstance(outcome, Certificate):
        return LookResult(outcome, Stop.PROVEN)
    if plan.next_size(evidence.samples) is None:
        return LookResult(outcome, Stop.SAMPLE_LIMIT)
    later = _LaterLooks(evidence, terms, plan)
    if epsilon is not None:
        hoped = later.best_hope(epsilon, favourable) if terms.asks_shift else None
        if hoped is not None:
            return LookResult(later.given_up(outcome, epsilon, hoped), Stop.OUT_OF_REACH)
        hopeless = hopeless_claim(terms, plan, scored, evidence.samples, epsilon, favourable)
        if hopeless is not None and isinstance(outcome, Abstention):
            detail = f"given up after {evidence.samples} of at most {plan.sizes[-1]} samples: {hopeless}"
            return LookResult(replace(outcome, detail=detail), Stop.OUT_OF_REACH)
    elif (
        radius_tolerance is not None
        and isinstance(outcome, Certificate)
        and later.adds_little(outcome.radius, radius_tolerance)
    ):
        return LookResult(outcome, Stop.SETTLED)
    return LookResult(outcome, None)


def futile_from_the_start(terms: Terms, *, bound: float, diameter: float) -> Abstention | None:
    """Returns the abstention where no certification sample need be drawn: not even distances that are all 0 would be
    enough. Returns None where samples may prove the bound, and where no bound is asked at an epsilon.

    bound: D_c, diameter: D, metric units. Raises what `certify` raises; InvalidDistances without a plan.
    """
    if terms.epsilon is None or not terms.asks_shift:
        return None
    plan, epsilon = terms.require_plan(), terms.epsilon
    Evidence.from_measurements([0.0], bound=bound, diameter=diameter)
    nothing_seen = replace(Evidence.none(diameter), bound=float(bound))
    terms.require_sound_request(nothing_seen.diameter)
    plan.require_within(terms.alpha_of_looks())
    later = _LaterLooks(nothing_seen, terms, plan)
    hoped = later.best_hope(epsilon, all_at_the_centre)
    if hoped is None:
        return None
    # What is proven without samples. It enters every bound, the one just computed too, so it abstains as well.
    universal = certify_without_samples(nothing_seen.diameter, terms)
    if epsilon > terms.reach:
        detail = f"no certification sample was drawn: {beyond_reach(epsilon, terms.reach)}"
        return Abstention(Reason.RADIUS_OUT_OF_REACH, detail, universal.curve, universal.radius)
    words = terms.goal.words
    unproven = universal.detail if isinstance(universal, Abstention) else ""
    return Abstention(
        Reason.RADIUS_OUT_OF_REACH,
        f"no certification sample was drawn, as the {words.quantity} would be {hoped!r} even if all {plan.sizes[-1]} "
        f"outputs were equal to the centre: {unproven}; {words.remedy}",
        universal.curve,
        universal.radius,
    )


def adds_nothing(evidence: Evidence, terms: Terms) -> bool:
    """Returns whether the samples to come can hardly prove more than what holds without any: not even a favourable
    continuation to a later look would enlarge the radius by more than the fraction HARDLY.

    evidence: of the certification samples with index < n, any n below the last look's. To fall back on
    `certify_without_samples` then costs no alpha (docs/theory/statistics.md, "Falling back"). Never of answers and of
    scores, of which samples alone can tell. Raises InvalidDistances without a plan.
    """
    plan = terms.require_plan()
    if terms.band == TWO_VALUED.name or terms.score_claims:
        return False
    universal = certify_without_samples(evidence.diameter, terms)
    later = _LaterLooks(evidence, terms, plan)
    further = (universal.radius or 0.0) * (1 + HARDLY)
    return later.best_hope(further, favourable) is not None


def at_deadline(outcome: Certificate | Abstention) -> Certificate | Abstention:
    """Returns what an unfinished job says when its deadline comes: its certificate if there is one, else how far it
    came."""
    if isinstance(outcome, Certificate) or outcome.reason is not Reason.RADIUS_OUT_OF_REACH:
        return outcome
    detail = f"the deadline came first: {outcome.detail}; a later deadline leaves time for more samples"
    return replace(outcome, reason=Reason.DEADLINE, detail=detail)


@dataclass(frozen=True)
class _LaterLooks:
    """The looks still to come after those samples, and what they could say."""

    evidence: Evidence
    terms: Terms
    plan: LookPlan

    @property
    def goal(self) -> Goal:
        """Returns the claim that sampling aims at."""
        return self.terms.goal

    @cached_property
    def bounds(self) -> ShiftBounds:
        """Returns how bounds follow from a band."""
        return self.terms.bounds(self.evidence.diameter)

    def best_hope(self, epsilon: float, continuation: Continuation) -> float | None:
        """Returns the best of what the later looks would prove at epsilon if the samples continued like this.

        None where one of them would meet the goal, that is, where there is hope.
        """
        hopes = []
        # The last look first: it has the most samples and the largest alpha, and nearly always decides.
        for look in reversed(range(len(self.plan.sizes))):
            if self.plan.sizes[look] <= self.evidence.samples:
                break
            hoped = self._proven(look, epsilon, continuation)
            if self.goal.met_by(hoped):
                return None
            hopes.append(hoped)
        return self.goal.best(hopes)

    def adds_little(self, radius: float, fraction: float) -> bool:
        """Returns whether no later look, if it saw the same law, would gain more than the fraction a doubling.

        All later looks, not only the next: while few samples are seen T1 alone gives the radius, and the first doubling
        or two gain nothing before the spread shows.
        """
        largest = self.bounds.mechanism.epsilon(LARGEST_RADIUS_IN_SIGMAS)
        now = self.plan.look_at(self.evidence.samples)
        for look in range(now + 1, len(self.plan.sizes)):
            further = radius * (1 + fraction) ** (look - now)
            if further <= largest and self.goal.met_by(self._proven(look, further, repeated)):
                return False
        return True

    def given_up(self, outcome: Certificate | Abstention, epsilon: float, hoped: float) -> Certificate | Abstention:
        """Returns the outcome with a detail that says at which look, on what grounds, and what to change."""
        if isinstance(outcome, Certificate) or outcome.reason is not Reason.RADIUS_OUT_OF_REACH:
            return outcome  # where every sample failed, that is the reason
        samples, sizes = self.evidence.samples, self.plan.sizes
        certain = self.best_hope(epsilon, all_at_the_centre)
        words = self.goal.words
        grounds = (
            f"the {words.short} would be {certain!r} even if all samples to come were equal to the centre"
            if certain is not None
            else f"a {words.short} of {hoped!r} is the best that can be hoped for"
        )
        return replace(
            outcome,
            detail=f"given up at look {self.plan.look_at(samples) + 1} of {len(sizes)}, after {samples} of at most "
            f"{sizes[-1]} samples: {outcome.detail}; with {sizes[-1]} samples {grounds}; {words.remedy}",
        )

    def _proven(self, look: int, epsilon: float, continuation: Continuation) -> float:
        worst = self.bounds.worst_distance(self.evidence)
        ordered = continuation(self.evidence.ordered(worst), self.plan.sizes[look])
        share = self.terms.share_of(self.plan.alphas[look])
        survival = self.bounds.survival(band_by_name(self.terms.band), ordered, worst, share)
        return self.goal.proven(BoundCurve(survival, self.bounds), epsilon)
