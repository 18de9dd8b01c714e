"""The task kind "planted faults": faulty certificates of a real model, attacked as every other one is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from smoothgen.contracts import metric_with_defaults
from smoothgen.errors import InvalidInput, UnknownName
from smoothgen.noise import Seed
from smoothgen.studies.rows import AttackRow
from smoothgen.studies.store import Task
from workers.distances import Centre
from workers.evaluation.attacks.certified import parameters_of, seed_of_task
from workers.evaluation.attacks.directions import REGRESSED
from workers.evaluation.attacks.on_noise import attack_claims
from workers.evaluation.attacks.settings import AttackSettings
from workers.evaluation.attacks.target import Target, seed_for
from workers.evaluation.faults.other_weights import require_network, with_other_weights
from workers.evaluation.faults.planted import FAULTS, SIGMA, Fault, Scene
from workers.evaluation.outputs import noise_on_embedding
from workers.serving.loaded_model import LoadedModel

KIND: Final = "planted faults"
ALPHA: Final = 0.002
"""Of each lower bound."""


class FaultSettings(BaseModel):
    """Settings of one task.

    faults: names of FAULTS, which say themselves what is certified. prompts: certified in turn. certificates: of each
    fault, at most; None for as many as show it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    faults: tuple[str, ...] = tuple(FAULTS)
    prompts: tuple[str, ...] = Field(min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)
    certificates: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=64, ge=1)
    seed: int = 0


def run(task: Task, loaded: LoadedModel, *, say: Callable[[str], object] = lambda _: None) -> list[AttackRow]:
    """Returns the rows of every planted fault, whose method begins with "planted fault: ".

    `smoothgen.studies.falsified.caught` says which of them were seen. The fault "none" is the control. Raises
    InvalidInput for a task of another kind, UnknownName for a fault that is none.
    """
    if task.kind != KIND:
        raise InvalidInput(f"a task of kind {KIND!r} is needed, got {task.kind!r}", field="task")
    settings = FaultSettings.model_validate(task.settings)
    for name in settings.faults:
        if name not in FAULTS:
            raise UnknownName("planted fault", name, FAULTS, field="faults")
    require_network(loaded)
    return [row for name in settings.faults for row in _rows(name, task, loaded, settings, say)]


def _rows(
    name: str,
    task: Task,
    loaded: LoadedModel,
    settings: FaultSettings,
    say: Callable[[str], object],
) -> Iterator[AttackRow]:
    fault = FAULTS[name]
    count = fault.certificates if settings.certificates is None else min(settings.certificates, fault.certificates)
    asked = AttackSettings(
        attacks=(REGRESSED,),
        multiples=fault.multiples,
        fresh=fault.fresh,
        alpha=ALPHA,
        rewordings=0,
        batch_size=settings.batch_size,
    )
    for number in range(count):
        prompt = settings.prompts[number % len(settings.prompts)]
        seed = seed_for(seed_of_task(task, settings.seed), f"{name} {number}")
        scene = _scene(loaded, prompt, seed, settings, fault)
        claimed = fault.make(scene)
        say(f"{name}: certificate {number + 1} of {count}")
        yield from attack_claims(
            task.model_copy(update={"prompt": prompt}), scene.target, claimed, asked, lambda _: None
        )


def _scene(
    loaded: LoadedModel,
    prompt: str,
    seed: Seed,
    settings: FaultSettings,
    fault: Fault,
) -> Scene:
    metric = loaded.metric(metric_with_defaults("pixel-rmse"))
    target = Target(
        loaded=loaded,
        prompt=prompt,
        parameters=parameters_of(loaded, settings.parameters),
        smoothing=noise_on_embedding(SIGMA, seed),
        seed=seed,
        metric=metric,
        # Attacks are set against the centre that each faulty certificate names; the search for them needs none.
        centre=Centre(None, metric.diameter, {}),
        batch_size=settings.batch_size,
    )
    others = with_other_weights(loaded, target.x)
    return Scene(target, others, fault.samples, fault.alpha, fault.proven)
