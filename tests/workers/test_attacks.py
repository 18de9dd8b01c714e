"""Attacks on certificates of noise, where the truth is known: on generators in closed form."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from smoothgen.contracts import TextParameters, metric_with_defaults
from smoothgen.errors import InvalidInput, UnknownName
from smoothgen.noise import Seed
from smoothgen.studies.falsified import UNPROTECTED, falsification, reached
from smoothgen.studies.rows import AttackRow
from smoothgen.studies.store import Task
from tests.support.workers.settings import CPU
from workers.distances import Centre
from workers.evaluation.attacks.ascent import Ascent
from workers.evaluation.attacks.claims import Claimed
from workers.evaluation.attacks.compared import compared
from workers.evaluation.attacks.directions import NES, RANDOM, REGRESSED, SHIFT, SPSA, Attacker, Search
from workers.evaluation.attacks.settings import KIND
from workers.evaluation.attacks.target import Target, seed_for
from workers.evaluation.attacks.task import run
from workers.evaluation.outputs import noise_on_embedding
from workers.generators import load_generator
from workers.generators.closed_form import true_w1
from workers.serving.loaded_model import Encoders, LoadedModel

SIGMA = 0.5


@functools.cache
def closed(name: str = "closed-form-tanh") -> LoadedModel:
    return LoadedModel(load_generator(name, CPU), Encoders(CPU), CPU)


def task(prompt: str = "0.25", model: str = "closed-form-tanh", **settings: Any) -> Task:
    asked = {"robustness": {"sigma": SIGMA, "samples": 400}, "fresh": 400, "steps": 4, **settings}
    return Task(kind=KIND, study="attacks", model=model, setting="noise", prompt=prompt, settings=asked)


@functools.cache
def rows() -> list[AttackRow]:
    return run(task(), closed())


def target(seed: int = 1, name: str = "closed-form-tanh", search: int = 64) -> Target:
    own = Seed(seed, "client")
    return Target(
        loaded=closed(name),
        prompt="0.25",
        parameters=TextParameters(),
        smoothing=noise_on_embedding(SIGMA, own),
        seed=own,
        metric=closed(name).metric(metric_with_defaults("absolute")),
        centre=Centre(0.7, 0.7, {"kind": "median", "value": 0.7}),
        search=search,
    )


@pytest.mark.parametrize("name", [REGRESSED, SHIFT, NES, SPSA, RANDOM])
def test_every_attack_finds_the_analytic_one(name: str) -> None:
    """With one number the strongest attack of norm ε is −ε here: the law is steeper there."""
    epsilon = 0.3
    found = Attacker(target(), Search(ascent=Ascent(steps=6)), np.random.default_rng(0)).run(name, epsilon)

    assert found.delta.tolist() == pytest.approx([-epsilon])
    assert found.value == pytest.approx(true_w1("closed-form-tanh", 0.25, SIGMA, -epsilon), abs=0.04)


def test_an_attack_that_is_none_is_refused() -> None:
    with pytest.raises(UnknownName, match="attack on this target"):
        Attacker(target(), Search(), np.random.default_rng(0)).run("magic", 0.1)


def test_a_sound_certificate_is_not_crossed_and_every_attack_at_its_radius_is_reported() -> None:
    found = falsification(rows())

    assert found.sound
    assert found.crossings == ()
    at_radius = {row.attack for row in rows() if row.multiple == 1.0 and row.method == "SmoothGen"}
    assert at_radius >= {REGRESSED, SHIFT, NES, SPSA, RANDOM}


def test_the_tolerance_is_really_exceeded_further_out_and_without_protection() -> None:
    [smooth] = [each for each in reached(rows()) if each.method == "SmoothGen"]

    assert smooth.multiple is not None
    assert smooth.multiple > 1
    assert any(row.method == UNPROTECTED and row.lower > row.tolerance for row in rows())


def test_rows_come_again_with_the_same_task() -> None:
    small = task(fresh=40, attacks=[REGRESSED, NES], multiples=[1.0])

    assert run(small, closed()) == run(small, closed())


def test_tasks_of_one_seed_and_other_prompts_rest_on_other_noise() -> None:
    assert seed_for(Seed(1, "client"), "fresh") != seed_for(Seed(2, "client"), "fresh")
    assert seed_for(Seed(1, "client"), "fresh") != seed_for(Seed(1, "client"), "search")


def test_lower_bounds_are_rarely_above_the_truth() -> None:
    """At alpha a tenth, in 150 repeats: 15 would be expected at the worst; a bound that ignored alpha gives half."""
    epsilon, alpha, repeats = 0.3, 0.1, 150
    truth = true_w1("closed-form-tanh", 0.25, SIGMA, -epsilon)
    claimed = Claimed("c", "SmoothGen", epsilon, 0.1, 1.0, alpha, lambda e: 1.0, lambda e, t: 1.0, target().centre)
    above = 0
    for seed in range(repeats):
        one = target(seed)
        honest, attacked = one.fresh(60), one.fresh(60, np.array([-epsilon]))
        [shift, _] = compared(one, claimed, honest, attacked, epsilon, alpha)
        above += shift.lower > truth

    assert above <= alpha * repeats + 3 * (alpha * (1 - alpha) * repeats) ** 0.5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"robustness": {"synonyms": True}}, "synonyms"),
        ({"robustness": {"mechanism": "tokens"}}, "mechanism"),
        ({"robustness": {"budget": 0.1}}, "budget"),
        ({"unheard": 1}, "unheard"),
    ],
)
def test_what_attacks_cannot_follow_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):  # of pydantic, or an InvalidInput
        run(task(**settings), closed())


def test_another_kind_of_task_is_refused() -> None:
    with pytest.raises(InvalidInput, match="kind"):
        run(task().model_copy(update={"kind": "certificates"}), closed())
