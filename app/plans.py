"""What a planned job would take and could prove: the answer of POST /plans. Nothing is queued and no model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from app.http.dependencies import Gateway
from smoothgen.certificates import Abstention, Evidence, Reason, Terms, futile_from_the_start
from smoothgen.certificates.bounds.bands import TWO_VALUED
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.planning import BAD_SHARES, expected, least_samples, radius_without_samples
from smoothgen.certificates.stopping.futility import all_at_the_centre
from smoothgen.certificates.stopping.scores import hopeless_claim
from smoothgen.certificates.units import most_altered
from smoothgen.certificates.universal import certify_without_samples
from smoothgen.contracts import (
    EDITS,
    TOKENS,
    EditsPlan,
    Expected,
    JobSpec,
    ModelCard,
    ModelRef,
    NoisePlan,
    Note,
    PlanView,
    UnitsPlan,
    Unreachable,
    look_plan,
    looks_at_runs,
    name_on_card,
    units_look_plan,
)
from smoothgen.edits import EditSet
from smoothgen.planning.claims import known_claims
from smoothgen.planning.noise import distance_looks, planned_terms
from smoothgen.planning.plan import diameter_of
from smoothgen.planning.units import units_goal
from smoothgen.queue.presence import Live

_NOBODY: Final = Note(code="no_live_worker", detail="no worker serves the model now; a job would wait until one does")
_LONGEST_LISTED: Final = 1_000
_MOST_LISTED: Final = 10_000_000
"""Characters of a prompt whose edits the gateway lists, and of all texts of a set: a tenth of a second. Larger sets are
left to a worker."""


async def plan_view(gateway: Gateway, spec: JobSpec, card: ModelCard) -> PlanView:
    """Returns what the job would take and could prove, at the speed of the workers that live now.

    Raises InvalidParameters for a set of edits that is empty, Overloaded, QueueUnavailable.
    """
    live = (await gateway.store.presence.live([card.id]))[card.id]
    return await gateway.threads.run(_view, spec, card, live, gateway.settings.max_samples)


def _view(spec: JobSpec, card: ModelCard, live: Sequence[Live], most_samples: int) -> PlanView:
    robustness, rate = spec.request.robustness, sum(worker.rate for worker in live)
    edits = _edits(spec) if spec.mechanism == EDITS else None
    samples = spec.certification_samples
    if edits is not None and edits.size is not None:
        samples = min(samples, edits.size)
    noise, cannot = _noise(spec, card, rate, most_samples) if spec.noised else (None, [])
    units = _units(spec, card)
    if units is not None:
        cannot = _too_many_altered(spec, units)
    return PlanView(
        model=ModelRef.of(card),
        mechanism=spec.mechanism,
        sigma=spec.sigma,
        metric=spec.metric.model_dump(mode="json", exclude_none=True),
        tolerance=spec.tolerance,
        epsilon=robustness.epsilon,
        keep=robustness.keep,
        confidence=robustness.confidence,
        samples=samples,
        looks=_looks(spec, samples),
        generations=spec.samples_to_draw + samples,
        workers=len(live),
        samples_a_second=rate or None,
        seconds=_seconds(spec, samples, rate),
        noise=noise,
        edits=edits,
        units=units,
        cannot=cannot,
        statement=_statement(spec, samples, edits),
        notes=None if live else [_NOBODY],
    )


def _looks(spec: JobSpec, samples: int) -> list[int]:
    if spec.mechanism == TOKENS:
        return list(looks_at_runs(samples))
    if spec.units is not None:
        if not spec.units.enumerated:
            return list(units_look_plan(spec.request.robustness).sizes)
        return list(looks_at_runs(samples)) if spec.units.altered is not None else [samples]
    if spec.mechanism == EDITS or not samples:
        return [samples] if samples else []
    return sorted({*look_plan(spec.request.robustness).sizes, *([] if spec.peek is None else [spec.peek])})


def _seconds(spec: JobSpec, samples: int, rate: float) -> float | None:
    """Returns the time that the workers need for what comes before certification and so many samples or runs."""
    return round((spec.samples_to_draw + samples) / rate, 3) if rate > 0 else None


def _noise(spec: JobSpec, card: ModelCard, rate: float, most_samples: int) -> tuple[NoisePlan, list[Unreachable]]:
    """Returns what the samples of a job of noise could prove, and what they cannot."""
    diameter = _diameter(spec, card)
    terms, robustness = planned_terms(spec, card), spec.request.robustness
    bad = _bad(spec, diameter)
    if terms is None:
        own = "the noise is the pipeline's own, and a worker reads its level from the schedule of the seed image"
        return NoisePlan(radius_without_samples=None, least_samples=None, expected=[], bad=bad, assumes=own), []
    sampled = robustness.tier == "request"
    # One number at least is noised, and rounded: what not even that leaves possible, no job of the request proves.
    rounded = replace(terms, rounding_slack=terms.mechanism.rounding_slack(1))
    view = NoisePlan(
        radius_without_samples=radius_without_samples(terms, diameter=diameter),
        least_samples=least_samples(
            rounded,
            lambda samples: distance_looks(robustness.model_copy(update={"samples": samples})),
            diameter=diameter,
            most=most_samples,
        )
        if sampled and terms.epsilon is not None
        else None,
        expected=[_expected(spec, share, terms, diameter, rate) for share in (BAD_SHARES if sampled else ())],
        bad=bad,
        assumes=_assumed(spec),
    )
    if robustness.adapt == "prompt":
        return view, []
    return view, [*_unreachable(rounded, diameter, sampled=sampled), *_hopeless_claims(spec, card, rounded)]


def _expected(spec: JobSpec, share: float, terms: Terms, diameter: float, rate: float) -> Expected:
    tolerance = spec.request.robustness.radius_tolerance
    told = expected(share, terms, diameter=diameter, radius_tolerance=tolerance, peek=spec.peek)
    return Expected(
        bad_share=share,
        bad=told.bad,
        samples=told.samples,
        radius=told.radius,
        stop=told.stop,
        seconds=_seconds(spec, told.samples, rate),
    )


def _unreachable(terms: Terms, diameter: float, *, sampled: bool) -> list[Unreachable]:
    """Returns the asked epsilon where the job would abstain from the start."""
    if terms.epsilon is None:
        return []
    outcome = (
        futile_from_the_start(terms, bound=diameter, diameter=diameter)
        if sampled
        else certify_without_samples(diameter, terms)
    )
    if not isinstance(outcome, Abstention):
        return []
    return [Unreachable(claim="epsilon", reason=outcome.reason, detail=outcome.detail)]


def _hopeless_claims(spec: JobSpec, card: ModelCard, terms: Terms) -> list[Unreachable]:
    """Returns the claims on scores where samples that are all at their best could not prove one; the first of them is
    named."""
    robustness = spec.request.robustness
    claims = tuple(known_claims(robustness, card))
    if not claims:
        return []
    looks = look_plan(robustness)
    nothing = [Evidence(np.empty(0, dtype=np.float32), claim.width, claim.width) for claim in claims]
    asked = replace(terms, score_claims=claims)
    hopeless = hopeless_claim(asked, looks, nothing, 0, robustness.epsilon or 0.0, all_at_the_centre)
    if hopeless is None:
        return []
    return [Unreachable(claim="claims", reason=Reason.RADIUS_OUT_OF_REACH, detail=hopeless)]


def _bad(spec: JobSpec, diameter: float) -> str:
    known = METRICS.get(spec.metric.name)
    if known is not None and known.band == TWO_VALUED.name:
        return "a bad sample has another answer than the centre, and all others have its answer"
    return (
        f"a bad sample lies at the diameter, {diameter!r}, from the centre, and all others at the centre itself; real "
        "ones lie between, so this is how much room there is and no forecast"
    )


def _assumed(spec: JobSpec) -> str:
    ideal = "the noise is taken to be ideal: its rounding, known once the prompt is embedded, costs a little more"
    if spec.scored:
        ideal += "; claims on scores take their shares of alpha, and are taken to hold"
    if spec.request.robustness.epsilon is not None and not spec.request.robustness.asks_shift:
        ideal += "; epsilon asks for them alone, so the job may stop as soon as they are proven"
    if spec.request.robustness.adapt == "prompt":
        return (
            f"sigma={spec.sigma!r} is the model's own for this budget; the job selects one for the prompt, which may "
            f"be another, or abstains; {ideal}"
        )
    return ideal


def _units(spec: JobSpec, card: ModelCard) -> UnitsPlan | None:
    """Returns how the units are chosen, and for how many altered ones runs that are all good could prove the claim."""
    units, robustness = spec.units, spec.request.robustness
    if units is None:
        return None
    goal = units_goal(robustness, spec.tolerance, _diameter(spec, card), known_claims(robustness, card))
    most = most_altered(units.choice, **goal)
    return UnitsPlan(
        units=units.units,
        size=units.size,
        probability=units.probability,
        chosen=units.chosen,
        enumerated=units.enumerated,
        most_altered=most,
    )


def _too_many_altered(spec: JobSpec, units: UnitsPlan) -> list[Unreachable]:
    """Returns the asked number of altered units where not even runs that are all good would prove it."""
    asked = None if spec.units is None else spec.units.altered
    if asked is None or asked <= units.most_altered:
        return []
    scored = spec.scored > 0
    best, claim = (", of the best scores", "what is asked") if scored else ("", "the claim")
    detail = (
        f"even if every run gave one answer{best}, {claim} would be proven for {units.most_altered} altered units, and "
        f"{asked} are asked for; ask for fewer, or for a smaller units.size or units.probability"
    )
    return [Unreachable(claim="units.altered", reason=Reason.RADIUS_OUT_OF_REACH, detail=detail)]


def _diameter(spec: JobSpec, card: ModelCard) -> float:
    metric = card.metric(name_on_card(spec.metric))
    return 1.0 if metric is None else diameter_of(spec.metric, metric)


def _edits(spec: JobSpec) -> EditsPlan:
    """Returns the size of the set of edits where it is small. Raises InvalidParameters for an empty set."""
    asked, prompt = spec.request.robustness.edits, spec.request.prompt
    if asked is None or len(prompt) > _LONGEST_LISTED:
        return EditsPlan(size=None, whole=None)
    size = len(EditSet(prompt, tuple(asked.kinds), 1, tuple(asked.variants)).texts)
    if asked.at_once == 2:
        if size**2 * len(prompt) > _MOST_LISTED:
            return EditsPlan(size=None, whole=None)
        size = len(EditSet(prompt, tuple(asked.kinds), 2, tuple(asked.variants)).texts)
    return EditsPlan(size=size, whole=size <= spec.certification_samples)


def _statement(spec: JobSpec, samples: int, edits: EditsPlan | None) -> str:
    """Returns when the radius is known, in a sentence."""
    scored = spec.scored > 0
    if spec.mechanism == TOKENS:
        known = (
            f"The radius is known after the runs, {samples} at most beside the prompt's own: it ends at the nearest "
            "prompt that changes the answer, or where the runs end. "
        )
        if not spec.request.robustness.claims:
            return f"{known}They stop at the first look at which one changes it"
        known += "Each claim on a score has a radius of its own. "
        if spec.request.robustness.epsilon is not None:
            return (
                f"{known}They stop at the first look at which epsilon is proven, or a claim that it asks for is broken"
            )
        return (
            f"{known}They stop at the first look at which every claim is broken, the one on the answer with them; a "
            "claim that nothing breaks takes all runs"
        )
    if spec.units is not None:
        return (
            f"The radius, a number of altered units, is known after the runs, {samples} at most: it falls with every "
            f"run that does not give the answer that is served{'; each claim on a score has its own' if scored else ''}"
        )
    if edits is None:
        if spec.request.robustness.tier != "request":
            return "The radius follows from the noise alone, and no sample enlarges it"
        return (
            f"The radius is known after the samples, {samples} at most. It is at least the one without samples, and "
            "the fewer are bad, the larger it is"
        )
    if edits.size is None:
        return (
            "A worker lists the set of edits. If it has more texts than `samples`, so many are drawn from it, and what "
            "is certified is a share of the set"
        )
    if edits.whole:
        each = ", and so the claim on each score" if scored else ""
        return f"All {edits.size} texts of the set are run, so the claim is exact{each}; it is known after the runs"
    return (
        f"The set has {edits.size} texts, of which {samples} are drawn; what is certified is the share of the set that "
        f"keeps the answer{', and of each score the share that is as asked' if scored else ''}, which is no claim "
        "against who chooses the edit"
    )
