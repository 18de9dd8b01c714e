"""Outward rounding: certified radii go down, certified bounds go up, and so does every printed decimal."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from functools import lru_cache
from typing import Final

SIGNIFICANT_DIGITS: Final = 9
"""Digits of every certified number. Fewer than a double holds, so that recomputing a certificate on another
machine, whose erf may differ in the last bits, gives the same digits."""

RELATIVE_SLACK: Final = 1e-13
"""Relative error granted to a chain of double operations before its result is rounded outward."""


# Both functions start from the shortest decimal that names the double, so that a rounded number stays as it is. Read
# back as a double, the result is never on the wrong side of the double it came from; read as an exact decimal it may be
# off by half an ulp, which RELATIVE_SLACK has paid for.


def round_up(value: float, digits: int = SIGNIFICANT_DIGITS) -> float:
    """Returns the smallest decimal ≥ value of so many significant digits. For bounds and distances, all of them ≥ 0.

    Proof: docs/theory/numerics.md, "What is printed".
    """
    return float(_context(digits, ROUND_CEILING).create_decimal(repr(value)))


def round_down(value: float, digits: int = SIGNIFICANT_DIGITS) -> float:
    """Returns the largest decimal ≤ value of so many significant digits. For radii and probabilities, all of them ≥ 0.

    Proof: docs/theory/numerics.md, "What is printed".
    """
    return float(_context(digits, ROUND_FLOOR).create_decimal(repr(value)))


@lru_cache(maxsize=64)
def _context(digits: int, rounding: str) -> Context:
    return Context(prec=digits, rounding=rounding)


@lru_cache(maxsize=1024)
def complement(probability: float) -> float:
    """Returns 1 − probability, computed in decimal: 0.999 gives 0.001 and not the double just above it.

    Proof: docs/theory/numerics.md, "What is printed".
    """
    return float(Decimal(1) - Decimal(repr(probability)))
