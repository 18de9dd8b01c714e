"""Outward rounding to nine digits, exact in decimal."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothgen.certificates.bounds.rounding import complement, round_down, round_up

numbers = st.floats(0, 1e30, allow_subnormal=False)


@given(numbers)
def test_up_is_not_below_and_down_is_not_above(value):
    assert round_down(value) <= value <= round_up(value)


@given(numbers.filter(bool))
def test_they_are_at_most_one_unit_of_the_ninth_digit_away(value):
    unit = Decimal(10) ** (Decimal(value).adjusted() - 8)
    assert Decimal(value) - Decimal(repr(round_down(value))) <= unit
    assert Decimal(repr(round_up(value))) - Decimal(value) <= unit


@given(numbers)
def test_the_printed_decimal_has_nine_digits(value):
    for printed in (repr(round_up(value)), repr(round_down(value))):
        assert len(Decimal(printed).normalize().as_tuple().digits) <= 9


@given(numbers, numbers)
def test_they_are_monotone(a, b):
    a, b = min(a, b), max(a, b)
    assert round_up(a) <= round_up(b)
    assert round_down(a) <= round_down(b)


def test_exact_values():
    assert round_up(0.25) == round_down(0.25) == 0.25
    assert round_up(0) == round_down(0) == 0.0
    assert round_up(1 / 3) == 0.333333334
    assert round_down(2 / 3) == 0.666666666


@given(numbers)
def test_a_rounded_number_stays_as_it_is(value):
    for rounded in (round_up(value), round_down(value)):
        assert round_up(rounded) == round_down(rounded) == rounded


@pytest.mark.parametrize(
    ("probability", "expected"), [(0.001, 0.999), (0.05, 0.95), (1e-12, 0.999999999999), (0.1, 0.9), (0.3, 0.7)]
)
def test_the_complement_is_taken_in_decimal(probability, expected):
    assert complement(probability) == expected
    assert complement(expected) == probability
