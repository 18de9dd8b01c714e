"""How a report prints numbers: three significant digits, a radius rounded down and a bound rounded up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from smoothgen.certificates.bounds.rounding import round_down, round_up

DIGITS: Final = 3
UNLIMITED: Final = 1e300
"""From here on a number stands for infinity: rows are JSON, which has none."""
NONE: Final = "–"
"""Stands where there is no number."""


def plain(value: float | None) -> str:
    """Returns a measured number, rounded to the nearest; "–" for None."""
    if value is None:
        return NONE
    return _spelled(float(f"{value:.{DIGITS}g}"))


def at_least(value: float | None) -> str:
    """Returns a radius or another lower bound ≥ 0, rounded down; "–" for None."""
    return NONE if value is None else _spelled(round_down(value, DIGITS) if abs(value) < UNLIMITED else value)


def at_most(value: float | None) -> str:
    """Returns an upper bound ≥ 0, rounded up; "–" for None."""
    return NONE if value is None else _spelled(round_up(value, DIGITS) if abs(value) < UNLIMITED else value)


def headline(claim: str) -> str:
    """Returns the first part of a claim; what follows a semicolon says when it holds."""
    return claim.partition(";")[0]


def share(part: int, whole: int) -> str:
    """Returns a share as "3 of 8"."""
    return f"{part} of {whole}"


def median(values: Sequence[float]) -> float | None:
    """Returns the lower median, None of nothing: a value that is there, and never above the middle of two."""
    return sorted(values)[(len(values) - 1) // 2] if values else None


def numbers(found: Sequence[int]) -> str:
    """Returns whole numbers as "0–3, 7", at most six parts of them."""
    ordered = sorted(set(found))
    runs: list[list[int]] = []
    for number in ordered:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]
    shown = ", ".join(parts[:6])
    return shown if len(parts) <= 6 else f"{shown} and {len(ordered) - sum(map(len, runs[:6]))} more"


def _spelled(value: float) -> str:
    if abs(value) >= UNLIMITED:
        return "∞" if value > 0 else "−∞"
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.{DIGITS - 1}e}"
    return f"{value:.10f}".rstrip("0").rstrip(".")
