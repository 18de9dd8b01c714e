"""The decisions of a job at its looks, for tests that name the terms one by one."""

from typing import Any

from numpy.typing import ArrayLike

from smoothgen.certificates import (
    Abstention,
    Evidence,
    LookResult,
    Terms,
    futile_from_the_start,
    take_look,
)


def look_at(
    distances: ArrayLike, *, bound: float, diameter: float, radius_tolerance: float | None = None, **terms: Any
) -> LookResult:
    """Returns what `take_look` decides from these distances under terms of these fields."""
    evidence = Evidence.from_measurements(distances, bound=bound, diameter=diameter)
    return take_look(evidence, Terms(**terms), radius_tolerance=radius_tolerance)


def futile(*, bound: float, diameter: float, **terms: Any) -> Abstention | None:
    """Returns what `futile_from_the_start` decides under terms of these fields."""
    return futile_from_the_start(Terms(**terms), bound=bound, diameter=diameter)
