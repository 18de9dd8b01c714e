"""The ball and the ascent of attacks, on losses whose strongest attack is known."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothgen.errors import InvalidEpsilon
from workers.evaluation.attacks.ascent import Ascent, ascend, differenced, random_directions, scored, strongest
from workers.evaluation.attacks.ball import Array, displaced, onto, within

SHAPE = (2, 3)
SLOPE = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
EPSILON = 0.7


def exact_square(delta: Array) -> Fraction:
    return sum((Fraction(float(number)) ** 2 for number in delta.ravel()), Fraction(0))


@given(
    numbers=st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=40),
    epsilon=st.floats(1e-6, 1e6),
)
def test_no_displacement_leaves_the_ball_in_exact_arithmetic(numbers: list[float], epsilon: float) -> None:
    delta, limit = np.array(numbers), Fraction(epsilon) ** 2

    assert exact_square(within(delta, epsilon)) <= limit
    assert exact_square(onto(delta, epsilon)) <= limit
    x = np.linspace(-3, 5, len(delta)).astype(np.float32)
    moved = displaced(x, delta, epsilon)
    away = sum(((Fraction(float(a)) - Fraction(float(b))) ** 2 for a, b in zip(moved, x, strict=True)), Fraction(0))
    assert away <= limit


def test_what_is_inside_stays_as_it_is_and_what_is_outside_goes_to_the_edge() -> None:
    assert within(np.array([0.3, 0.4]), 0.6).tolist() == [0.3, 0.4]
    assert np.linalg.norm(within(np.array([3.0, 4.0]), 0.6)) == pytest.approx(0.6)
    assert onto(np.zeros(2), 1.0).tolist() == [0.0, 0.0]
    assert displaced(np.ones(2, dtype=np.float32), np.ones(2), 1e-18).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("epsilon", [-1.0, float("nan"), float("inf")])
def test_a_ball_has_a_radius(epsilon: float) -> None:
    with pytest.raises(InvalidEpsilon, match="epsilon must be"):
        within(np.ones(2), epsilon)
    with pytest.raises(InvalidEpsilon, match="not finite"):
        within(np.array([np.nan]), 1.0)


def values(deltas: Sequence[Array]) -> Array:
    return np.array([float((SLOPE * delta).sum()) for delta in deltas])


@pytest.mark.parametrize("kind", ["exact", "differenced", "normal", "signs"])
def test_the_ascent_on_a_linear_loss_ends_at_the_analytic_attack(kind: str) -> None:
    rng = np.random.default_rng(1)
    gradient = {
        "exact": lambda delta, step: SLOPE,
        "differenced": differenced(values, 0.1),
        "normal": scored(values, 0.1, pairs=16, rng=rng, law="normal"),
        "signs": scored(values, 0.1, pairs=16, rng=rng, law="signs"),
    }[kind]

    found = ascend(gradient, values, (), EPSILON, shape=SHAPE, ascent=Ascent(steps=30, restarts=2), rng=rng)

    best = EPSILON * float(np.linalg.norm(SLOPE))
    assert best * (0.97 if kind in ("normal", "signs") else 0.999) <= found.value <= best
    assert np.linalg.norm(found.delta) <= EPSILON


def test_the_ascent_never_ends_below_where_it_began() -> None:
    def downhill(delta: Array, step: int) -> Array:
        return -SLOPE

    start = onto(SLOPE, EPSILON)
    found = ascend(
        downhill, values, (start,), EPSILON, shape=SHAPE, ascent=Ascent(restarts=0), rng=np.random.default_rng(0)
    )

    assert found.value == pytest.approx(EPSILON * np.linalg.norm(SLOPE))


def test_a_gradient_that_overflows_does_not_end_the_ascent() -> None:
    def broken(delta: Array, step: int) -> Array:
        return np.full(SHAPE, np.nan) if step == 0 else SLOPE

    rng = np.random.default_rng(0)
    found = ascend(broken, values, (), EPSILON, shape=SHAPE, ascent=Ascent(steps=20), rng=rng)

    assert found.value > 0.9 * EPSILON * np.linalg.norm(SLOPE)


def test_random_directions_are_weaker_and_on_the_sphere() -> None:
    found = random_directions(values, EPSILON, shape=SHAPE, count=32, rng=np.random.default_rng(0))

    assert 0 < found.value < EPSILON * np.linalg.norm(SLOPE)
    assert np.linalg.norm(found.delta) == pytest.approx(EPSILON)


def test_a_value_that_is_no_number_is_never_the_strongest() -> None:
    assert strongest(lambda deltas: np.array([np.nan, 1.0]), [np.zeros(1), np.ones(1)]).value == 1.0
