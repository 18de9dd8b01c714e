"""Attacks on a certificate of noise: every direction is searched, and only fresh outputs are reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from smoothgen.certificates import Certificate
from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.noise import Stream
from smoothgen.studies.rows import AttackRow
from smoothgen.studies.store import Task
from workers.evaluation.attacks.ball import Array, onto
from workers.evaluation.attacks.certified import Certified
from workers.evaluation.attacks.claims import Claimed, centre_of, claimed_of
from workers.evaluation.attacks.compared import Attack, compared, most_frequent, moved, row_of, unprotected
from workers.evaluation.attacks.directions import Attacker
from workers.evaluation.attacks.rewordings import rewordings, strongest_of_each_kind
from workers.evaluation.attacks.settings import AttackSettings
from workers.evaluation.attacks.target import Target
from workers.evaluation.outputs import Output
from workers.generators import Draw, Smoothing
from workers.serving.loaded_model import LoadedModel

Say = Callable[[str], object]


@dataclass(frozen=True, eq=False)
class _Direction:
    """An attack's displacement at one norm, how strong it looked, and the multiple of the radius it was found at."""

    attack: str
    delta: Array
    value: float


def attack_noise(
    task: Task,
    loaded: LoadedModel,
    settings: AttackSettings,
    made: Certified,
    certificate: Certificate,
    say: Say,
) -> Iterator[AttackRow]:
    """Yields the rows of every attack on one certificate of noise, and of the strongest on the model without noise."""
    target = target_of(loaded, made, certificate, settings)
    claimed = claimed_of(
        certificate,
        target.metric,
        name=f"{task.study}: {task.model}, {task.setting}, {task.prompt!r}",
        scores=loaded.scores(made.spec),
    )
    yield from attack_claims(task, target, claimed, settings, say)
    if settings.unprotected:
        bare = target.unprotected()
        yield from attack_claims(task, bare, unprotected(claimed), settings, say, base=_base(target, claimed))


def target_of(loaded: LoadedModel, made: Certified, certificate: Certificate, settings: AttackSettings) -> Target:
    """Returns the prompt of a job as attacks see it."""
    spec = made.spec
    robustness = spec.request.robustness
    metric = loaded.metric(spec.metric)
    return Target(
        loaded=loaded,
        prompt=spec.request.prompt,
        parameters=spec.parameters,
        smoothing=Smoothing(
            spec.mechanism,
            spec.sigma,
            Draw(made.seed, Stream.GENERATOR_COMMON, 0),
            snapped=robustness.snap is True,
        ),
        seed=made.seed,
        metric=metric,
        centre=centre_of(certificate, metric),
        randomness=robustness.randomness,
        search=settings.search,
        batch_size=settings.batch_size,
    )


def attack_claims(
    task: Task, target: Target, claimed: Claimed, settings: AttackSettings, say: Say, *, base: float | None = None
) -> Iterator[AttackRow]:
    """Yields rows of every attack on a claim: all of them at its radius, the strongest at the other multiples of it.

    base: the norm that multiples count, by default the claim's radius, or σ where there is none.
    """
    unit = _base(target, claimed) if base is None else base
    counted = base is not None or claimed.radius is not None
    attacker = Attacker(target, settings.how_hard, np.random.default_rng(target.search_seed.value))
    names = [name for name in attacker.names if settings.attacks is None or name in settings.attacks]
    found: list[_Direction] = []
    for name in names:
        say(f"{claimed.method}: {name}")
        starts = [direction.delta for direction in sorted(found, key=lambda d: -d.value)[:1]]
        best = attacker.run(name, unit, starts)
        found.append(_Direction(name, best.delta, best.value))
    say(f"{claimed.method}: fresh outputs")
    honest = target.fresh(settings.fresh)
    for multiple in sorted(set(settings.multiples)):
        epsilon = round_up(unit * multiple)
        for direction in _measured_at(found, multiple, epsilon, settings.strongest, target):
            attack = Attack(direction.attack, epsilon, multiple if counted else None)
            yield from _fresh_rows(task, target, claimed, honest, direction.delta, attack, settings)
    for reworded in strongest_of_each_kind(target, rewordings(target, settings.others, settings.rewordings)):
        times = reworded.norm / unit if counted else None
        attack = Attack(reworded.kind, round_up(reworded.norm), times, reworded.text)
        yield from _fresh_rows(task, target, claimed, honest, reworded.delta, attack, settings)


def _measured_at(
    found: Sequence[_Direction], multiple: float, epsilon: float, strongest: int, target: Target
) -> list[_Direction]:
    """Returns the directions that are measured at a multiple, scaled onto its norm: all at 1, else the strongest."""
    scaled = [_Direction(d.attack, _scaled(target, d.delta, epsilon), d.value) for d in found]
    if multiple == 1.0 or len(scaled) <= strongest:
        return scaled
    values = target.values([d.delta for d in scaled])
    return [scaled[place] for place in np.argsort(-values, kind="stable")[:strongest]]


def _scaled(target: Target, delta: Array, epsilon: float) -> Array:
    """Returns the displacement whose norm, in the units of the certificate, is epsilon or a little less."""
    if epsilon == 0 or not delta.any():
        return np.zeros_like(delta)
    at_norm = onto(delta, epsilon)
    stretch = epsilon / target.norm(at_norm)
    return at_norm * stretch * (1 - 1e-9)


def _fresh_rows(
    task: Task,
    target: Target,
    claimed: Claimed,
    honest: Sequence[Output],
    delta: Array,
    attack: Attack,
    settings: AttackSettings,
) -> Iterator[AttackRow]:
    attacked = target.fresh(settings.fresh, delta) if delta.any() else honest
    said = most_frequent(target, attacked)
    told = Attack(attack.name, attack.epsilon, attack.multiple, attack.found or said)
    if len(honest) == 1:  # no noise and one ω: nothing is random
        yield row_of(task, claimed, told, moved(target, claimed, honest, attacked), 0.0)
        return
    for lower in compared(target, claimed, honest, attacked, attack.epsilon, settings.alpha):
        yield row_of(task, claimed, told, lower, settings.alpha)


def _base(target: Target, claimed: Claimed) -> float:
    """Returns the certified radius, or σ where there is none, in the units of the certificate's norm."""
    if claimed.radius is not None:
        return claimed.radius
    return float(target.condition.mechanism.epsilon(1.0))
