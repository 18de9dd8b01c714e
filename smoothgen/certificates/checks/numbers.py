"""How far a stated number may lie from the one derived here: machines differ in the last bits of special functions."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from smoothgen.certificates.bounds.rounding import SIGNIFICANT_DIGITS

MACHINE: Final = 1e-12
"""Relative difference granted to another machine's special functions; bounds carry 10⁻¹³ of slack for one machine's."""


def one_unit_apart(stated: float, derived: float) -> bool:
    """Returns whether two numbers differ by at most one unit in the last certified digit."""
    if derived == 0:
        return False
    unit = Decimal(1).scaleb(Decimal(repr(derived)).adjusted() + 1 - SIGNIFICANT_DIGITS)
    return abs(Decimal(repr(stated)) - Decimal(repr(derived))) <= unit
