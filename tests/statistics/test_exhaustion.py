"""Exhaustive certificates against a world that is known whole: no attack leaves what is certified, the bound is never
below the truth, it is the truth at the nearest row, and four mutants are caught by the same checks."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from smoothgen import ExhaustiveCertificate, certify_exhaustive
from tests.support.statistics.snapping import DIAMETER, TOLERANCE, World

SEEDS = range(8)
ATTACKS = 10_000
FAILING = 0.03
Bound = Callable[[float], float]


def left_by_attacks(world: World, bound: Bound, seed: int) -> int:
    """How many of 10,000 attacks lead to an output beyond the bound at their norm."""
    attacks = world.attacks(ATTACKS, seed)
    norms = np.sqrt(np.square(attacks).sum(axis=(1, 2)))
    moved = world.distances(world.snapped(attacks))
    return sum(d > bound(norm) for d, norm in zip(moved.tolist(), norms.tolist(), strict=True) if d > 0)


def below_the_truth(world: World, bound: Bound) -> int:
    """At how many norms of a grid, every cost among them, the bound is below what attacks can truly do."""
    grid = np.concatenate([np.linspace(0, 3, 61), world.true_costs * (1 + 1e-6)])
    truth = world.true_w1(grid)
    return sum(bound(epsilon) < true for epsilon, true in zip(grid.tolist(), truth.tolist(), strict=True))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("failures", [0.0, FAILING])
def test_no_attack_leaves_what_is_certified(seed, failures):
    world = World.random(seed, failures=failures)
    for runs in (1, 4, 40, None):
        made = world.certify(runs)
        assert left_by_attacks(world, made.w1_bound, seed) == 0
        attacks = world.attacks(ATTACKS, seed + 1)
        norms = np.sqrt(np.square(attacks).sum(axis=(1, 2)))
        moved = world.distances(world.snapped(attacks))
        assert (norms < made.radius).sum() > ATTACKS / 100
        assert moved[norms < made.radius].max(initial=0.0) <= made.claims.w1_bound <= TOLERANCE
        assert moved[norms < made.keeps[0].radius].max(initial=0.0) == 0


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("failures", [0.0, FAILING])
def test_the_bound_is_never_below_the_truth(seed, failures):
    world = World.random(seed, failures=failures)
    assert (world.costs <= world.true_costs * (1 + 1e-7)).all()
    for runs in (1, 4, 40, None):
        assert below_the_truth(world, world.certify(runs).w1_bound) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_at_the_nearest_row_it_is_the_truth(seed):
    """The midpoint to the nearest other row lies on the border of its cell, so nothing is given away."""
    world = World.random(seed)
    costs = world.costs
    assert costs[1] == pytest.approx(world.true_costs[1], rel=1e-7)
    assert costs[1] <= world.true_costs[1] * (1 + 1e-7)
    nearest = replace(world, model=np.ones_like(world.model))
    nearest.model[world.prompt] = 0.0
    made = nearest.certify()
    assert made.radius == pytest.approx(world.true_costs[1], rel=1e-7)
    attack = (world.table[list(world.sequences[1])] - world.own) / 2 * (1 + 1e-9)
    assert nearest.distances(nearest.snapped(attack[None]))[0] == 1.0
    assert np.linalg.norm(attack) <= made.radius * (1 + 1e-7)


def mutant(made: ExhaustiveCertificate, **changes) -> Bound:
    evidence = replace(made.evidence, **changes)
    again = certify_exhaustive(
        evidence.costs, evidence.distances, diameter=DIAMETER, tolerance=TOLERANCE, next_cost=evidence.next_cost
    )
    assert isinstance(again, ExhaustiveCertificate)
    return again.w1_bound


def without_the_half(made: ExhaustiveCertificate) -> Bound:
    end = made.evidence.next_cost
    return mutant(made, costs=made.evidence.costs * 2, next_cost=None if end is None else end * 2)


def failures_ignored(made: ExhaustiveCertificate) -> Bound:
    return mutant(made, distances=np.where(np.isinf(made.evidence.distances), 0.0, made.evidence.distances))


def end_ignored(made: ExhaustiveCertificate) -> Bound:
    return mutant(made, next_cost=None)


@pytest.mark.parametrize(("changed", "runs"), [(without_the_half, 40), (failures_ignored, 40), (end_ignored, 4)])
def test_a_mutant_is_caught_by_attacks_and_by_the_truth(changed, runs):
    left = below = 0
    for seed in SEEDS:
        world = World.random(seed, failures=FAILING)
        made = changed(world.certify(runs))
        left += left_by_attacks(world, made, seed)
        below += below_the_truth(world, made)
    assert left > 0
    assert below > 0


def test_an_attack_lands_at_equality():
    """Rows 0 and 1 of a line and an attack of 1/2: both are as near, and the snap takes the one it finds first.

    So the bound must count a sequence AT its cost (the mutant `<` is caught here), and the radius is no norm that the
    claim holds for: only those strictly below it.
    """
    table = np.array([1.0, 0.0])
    prompt, model = 1, {0: 1.0, 1: 0.0}

    def output(attack):
        return model[int(np.abs(table[prompt] + attack - table).argmin())]

    made = certify_exhaustive([0.0, 0.5], [0.0, 1.0], diameter=1.0, tolerance=0.1, next_cost=None)
    assert isinstance(made, ExhaustiveCertificate)

    def strictly(epsilon):
        return made.w1_bound(math.nextafter(epsilon, 0.0))

    assert output(made.radius) == 1.0
    assert output(made.radius) <= made.w1_bound(made.radius)
    assert output(made.radius) > strictly(made.radius)
    assert output(math.nextafter(made.radius, 0.0)) == 0.0 == made.claims.w1_bound
