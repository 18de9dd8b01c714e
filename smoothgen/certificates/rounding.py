"""Outward rounding: certified radii go down, certified bounds go up, and so does every printed decimal."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Final

SIGNIFICANT_DIGITS: Final = 9
"""Digits of every certified number. Fewer than a double holds, so that recomputing a certificate on another
machine, whose erf may differ in the last bits, gives the same digits."""

_UP: Final = Context(prec=SIGNIFICANT_DIGITS, rounding=ROUND_CEILING)
_DOWN: Final = Context(prec=SIGNIFICANT_DIGITS, rounding=ROUND_FLOOR)
RELATIVE_SLACK: Final = 1e-13
"""Relative error granted to a chain of double operations before its result is rounded outward."""


def round_up(value: float) -> float:
    """The smallest 9-digit decimal ≥ value. For bounds and distances, all of them ≥ 0."""
    return float(_UP.create_decimal(Decimal(value)))


def round_down(value: float) -> float:
    """The largest 9-digit decimal ≤ value. For radii and probabilities of staying, all of them ≥ 0."""
    return float(_DOWN.create_decimal(Decimal(value)))


def complement(probability: float) -> float:
    """1 − probability in decimal, so that 0.999 gives 0.001 and not the double just above it."""
    return float(Decimal(1) - Decimal(repr(probability)))
