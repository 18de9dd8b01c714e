"""Attacks on an exhaustive certificate: displaced embeddings, each read as the token sequence that it falls to."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from smoothgen.certificates import ExhaustiveCertificate
from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.contracts import TextOutput
from smoothgen.errors import InvalidInput
from smoothgen.studies.rows import AttackRow
from smoothgen.studies.store import Task
from workers.evaluation.attacks.ascent import Ascent
from workers.evaluation.attacks.ball import Array, onto
from workers.evaluation.attacks.certified import Certified
from workers.evaluation.attacks.compared import W1, Attack, Lower
from workers.evaluation.attacks.settings import AttackSettings
from workers.evaluation.attacks.target import Target
from workers.evaluation.attacks.token_neighbours import AIMED, ALONG, RANDOM, Read, Snapped
from workers.generators import Differentiable
from workers.serving.loaded_model import LoadedModel

Say = Callable[[str], object]
_FURTHER = 64
"""Sequences that are aimed at beyond those that the certificate ran."""
_ROUNDING = 1e-6
"""Of a distance: what is left to an encoder that sees the outputs in another batch than the certificate did."""


def attack_tokens(
    task: Task,
    loaded: LoadedModel,
    settings: AttackSettings,
    made: Certified,
    certificate: ExhaustiveCertificate,
    say: Say,
) -> Iterator[AttackRow]:
    """Yields a row for every attack at every multiple of the radius: the furthest output that it reached.

    Nothing is random, so lower bounds are distances that were reached, with alpha 0. Raises InvalidInput for a model
    that reads no embeddings in its prompt's place.
    """
    output = made.result.output
    if not isinstance(output, TextOutput):
        raise InvalidInput("attacks on tokens are made on texts, and this model makes none", field="model")
    listed = made.spec.request.robustness.samples + _FURTHER
    snapped = Snapped(loaded, made.spec, certificate, output.text, listed=listed)
    radius = certificate.radius if np.isfinite(certificate.radius) else float(snapped.costs[-1])
    rng = np.random.default_rng(made.seed.value)
    for multiple in sorted(settings.multiples):
        norm = round_up(radius * multiple)
        say(f"tokens at {multiple:g} times the radius")
        for attack, found in _reads(snapped, loaded, made, settings, norm, rng).items():
            furthest = max(found, key=lambda read: read.distance)
            reached = Lower(
                W1,
                furthest.distance,
                furthest.distance * (1 - _ROUNDING),
                certificate.w1_bound(norm),
                certificate.tolerance,
            )
            told = Attack(attack, norm, multiple, furthest.words)
            yield _row(task, certificate, told, reached)


def _reads(
    snapped: Snapped,
    loaded: LoadedModel,
    made: Certified,
    settings: AttackSettings,
    norm: float,
    rng: np.random.Generator,
) -> dict[str, list[Read]]:
    """Returns what the model reads of every attack at a norm, by attack."""
    along: list[Array] = []
    slope: Array | None = None
    if isinstance(loaded.generator, Differentiable):
        end, slope = snapped.climbing(
            _bare(loaded, made, settings, snapped), norm, Ascent(settings.steps, restarts=settings.restarts), rng
        )
        along = [end]
    tries = {
        AIMED: [*snapped.aimed(norm, settings.runs, slope)],
        ALONG: along,
        RANDOM: [onto(rng.normal(size=snapped.own.shape), norm) for _ in range(settings.directions)],
    }
    return {
        attack: [snapped.attacked(attack, delta, norm) for delta in deltas]
        for attack, deltas in tries.items()
        if deltas
    }


def _bare(loaded: LoadedModel, made: Certified, settings: AttackSettings, snapped: Snapped) -> Target:
    """Returns the prompt without noise and without the snap, through which gradients are taken."""
    return Target(
        loaded=loaded,
        prompt=made.spec.request.prompt,
        parameters=made.spec.parameters,
        smoothing=None,
        seed=made.seed,
        metric=loaded.metric(made.spec.metric),
        centre=snapped.centre,
        batch_size=settings.batch_size,
    )


def _row(task: Task, certificate: ExhaustiveCertificate, attack: Attack, reached: Lower) -> AttackRow:
    return AttackRow(
        study=task.study,
        model=task.model,
        setting=task.setting,
        prompt=task.prompt or "",
        attack=attack.name,
        method="SmoothGen, tokens",
        claim=reached.claim,
        epsilon=attack.epsilon,
        multiple=attack.multiple,
        estimate=reached.estimate,
        lower=reached.lower,
        certified=reached.certified,
        alpha=0.0,
        certificate=f"{task.study}: {task.model}, {task.setting}, {task.prompt!r}",
        certificate_alpha=certificate.alpha,
        tolerance=reached.tolerance,
        found=attack.found,
    )
