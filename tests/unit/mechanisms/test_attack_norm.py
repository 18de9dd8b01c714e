"""The norm attacks are measured in: l2 over all axes for round noise, never below the exact value."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from smoothgen.errors import InvalidEpsilon
from smoothgen.mechanisms import ForwardDiffusion, Gaussian, GaussianPerStep, LatentSchedule, Mechanism

ROUND = [Gaussian(0.7), GaussianPerStep(0.7, 5), LatentSchedule(0.7, 5), ForwardDiffusion(0.6, 0.8)]
every = pytest.mark.parametrize("mechanism", ROUND, ids=lambda m: m.name)


@every
def test_it_is_the_l2_norm_over_all_axes(mechanism: Mechanism) -> None:
    assert mechanism.norm == "l2"
    assert mechanism.attack_norm(np.array([[3.0, 0.0], [0.0, -4.0]])) == pytest.approx(5.0, rel=1e-12)
    assert mechanism.attack_norm(np.zeros((2, 3))) == 0


@every
@given(delta=arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e100, 1e100, allow_subnormal=False)))
def test_it_is_never_below_the_exact_norm(mechanism: Mechanism, delta: np.ndarray) -> None:
    exact = sum(Fraction(x) ** 2 for x in delta.tolist())
    norm = Fraction(mechanism.attack_norm(delta))
    assert norm**2 >= exact
    assert norm**2 <= exact * Fraction(1 + 1e-12)


@every
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_no_square_overflows_or_vanishes(mechanism: Mechanism, scale: float) -> None:
    assert mechanism.attack_norm(np.full(4, scale)) == pytest.approx(2 * scale, rel=1e-12)


@every
@pytest.mark.parametrize("component", [math.nan, math.inf, 1.7e308])
def test_an_attack_without_a_finite_norm_is_refused(mechanism: Mechanism, component: float) -> None:
    with pytest.raises(InvalidEpsilon, match="finite"):
        mechanism.attack_norm(np.array([component, component]))
