"""How many units a run may keep so that what is asked could still be proven: known before the first run."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.special import gammaln

from smoothgen.certificates.bounds.bands import require_alpha
from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.units.choice import MOST_ENUMERATED, MOST_UNITS, UnitChoice, require_altered
from smoothgen.certificates.units.claims import UnitBounds, share_of
from smoothgen.errors import InvalidParameters

_LEAST_PROBABILITY: Final = 1e-9


def largest_size(
    units: int,
    altered: int,
    *,
    samples: int,
    alpha: float,
    tolerance: float | None = None,
    keep: float | None = None,
    diameter: float = 1.0,
) -> int:
    """Returns the largest s at which the claim for `altered` units could be proven if no run were bad.

    units: K. samples: the most runs; all subsets are run where there are no more of them. alpha: that the look which is
    to prove it may spend. tolerance: of the law's shift in W₁, metric units, for a metric of this diameter whose centre
    lies up to D from outputs. keep: of the answer's share. Exactly one of the two.

    Raises InvalidParameters, with the remedy, where even a run of one unit is too many, and for values out of range.
    """
    require_altered(altered)
    _require_one_claim(tolerance, keep)
    require_alpha(alpha)
    good = _no_bad_run(samples, diameter)
    most = 1 - keep if keep is not None else (tolerance or 0.0) / diameter
    for size in _sizes(min(units, MOST_UNITS), altered, most):
        if _possible(good, UnitChoice(units, size=size), alpha, altered, tolerance, keep):
            return size
    raise _out_of_reach(f"{altered} of {units} units", "size 1", samples, tolerance, keep)


def largest_probability(
    altered: int,
    *,
    samples: int,
    alpha: float,
    tolerance: float | None = None,
    keep: float | None = None,
    diameter: float = 1.0,
) -> float:
    """Returns the largest κ, rounded down to three digits, at which the claim could be proven if no run were bad.

    As `largest_size`, for units that are kept independently, however many there are. Raises InvalidParameters where
    there is none.
    """
    require_altered(altered)
    _require_one_claim(tolerance, keep)
    require_alpha(alpha)
    good = _no_bad_run(samples, diameter)

    def possible(probability: float) -> bool:
        choice = UnitChoice(MOST_UNITS, probability=probability)
        return _possible(good, choice, alpha, altered, tolerance, keep)

    low, high = _LEAST_PROBABILITY, 1 - 1e-9
    if not possible(low):
        raise _out_of_reach(f"{altered} units", f"probability {low:g}", samples, tolerance, keep)
    while high - low > 1e-4 * low:
        middle = (low + high) / 2
        low, high = (middle, high) if possible(middle) else (low, middle)
    return round_down(low, digits=3)


def most_altered(
    choice: UnitChoice,
    *,
    samples: int,
    alpha: float,
    tolerance: float | None = None,
    keep: float | None = None,
    diameter: float = 1.0,
) -> int:
    """Returns the largest number of altered units for which the claim could be proven if no run were bad, 0 if none.

    As `largest_size`, for a choice that is fixed.
    """
    _require_one_claim(tolerance, keep)
    require_alpha(alpha)
    good, altered = _no_bad_run(samples, diameter), 0
    while altered < choice.units and _possible(good, choice, alpha, altered + 1, tolerance, keep):
        altered += 1
    return altered


def _sizes(units: int, altered: int, most_touched: float) -> list[int]:
    """Returns the sizes, the largest first, at which not many more than this share of the subsets is touched: exact
    counts of the others would take long."""
    sizes = np.arange(units - altered, 0, -1)
    untouched = gammaln(units - altered + 1) - gammaln(units - altered - sizes + 1)
    subsets = gammaln(units + 1) - gammaln(units - sizes + 1)
    found: list[int] = sizes[-np.expm1(untouched - subsets) <= most_touched + 1e-6].tolist()
    return found


def _no_bad_run(samples: int, diameter: float) -> Evidence:
    if isinstance(samples, bool) or not isinstance(samples, int) or samples < 1:
        raise InvalidParameters(f"samples must be a whole number of at least 1, got {samples!r}", field="samples")
    return Evidence.from_measurements(np.zeros(samples), bound=diameter, diameter=diameter)


def _possible(
    good: Evidence, choice: UnitChoice, alpha: float, altered: int, tolerance: float | None, keep: float | None
) -> bool:
    units, size = choice.units, choice.size
    if keep is not None and size is not None and math.comb(units, size) <= min(good.samples, MOST_ENUMERATED):
        return share_of(math.comb(units - altered, size), math.comb(units, size)) >= keep
    bounds = UnitBounds(good, choice, alpha, two_valued=True)
    if keep is not None:
        return bounds.share(altered) >= keep
    return bounds.w1(altered) <= (tolerance or 0.0)


def _require_one_claim(tolerance: float | None, keep: float | None) -> None:
    if (tolerance is None) == (keep is None):
        raise InvalidParameters(
            f"give exactly one claim, got tolerance={tolerance!r} and keep={keep!r}", field="robustness.keep"
        )


def _in_words(keep: float) -> str:
    """Returns a share in words: a majority is asked for as the least number above one half."""
    return "more than one half" if keep == math.nextafter(0.5, 1.0) else repr(keep)


def _out_of_reach(
    altered: str, least: str, samples: int, tolerance: float | None, keep: float | None
) -> InvalidParameters:
    asked = f"that the answer keeps {_in_words(keep)}" if keep is not None else f"a shift of at most {tolerance!r}"
    remedy = "a smaller share to keep" if keep is not None else "a larger tolerance"
    return InvalidParameters(
        f"with {altered} altered, {asked} cannot be proven with {samples} runs, even at {least} and if no run is bad; "
        f"ask for fewer altered units or {remedy}, or allow more runs",
        field="units.altered",
    )
