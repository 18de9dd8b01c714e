"""Claims on scores against the attack norm, a panel each: what is proven, and the limit that was asked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.certificates.score_claims import ScoreClaim
from smoothgen.certificates.score_claims.exact import ExactClaim

HEIGHT: Final = 2.4
"""Inches of a panel."""
_BLUE, _RED, _GREEN = "#1f5fa8", "#c44e52", "#55a868"
_DIGITS: Final = 4
_LONGEST: Final = 30
"""Characters of a score's options that a title shows."""


def panels(figure: Any, claims: Sequence[ScoreClaim | ExactClaim], *, height: float) -> tuple[Any, list[Any]]:
    """Returns the axes of a figure's main panel, `height` inches of it, and below it axes for each claim."""
    if not claims:
        return figure.subplots(), []
    figure.set_figheight(height + HEIGHT * len(claims))
    main, *below = figure.subplots(1 + len(claims), height_ratios=[height, *[HEIGHT] * len(claims)])
    return main, below


def draw_claim(axes: Any, claim: ScoreClaim | ExactClaim, place: int) -> None:
    """Draws a claim's proven bound against the attack norm, with the limit that was asked and the radius.

    place: of the claim in the request, from 1.
    """
    exact, asked = isinstance(claim, ExactClaim), claim.asked
    epsilons, bounds = map(list, zip(*claim.curve, strict=True))
    end = _end(claim, epsilons)
    if exact:  # each bound holds from its norm on, up to the next
        epsilons, bounds = [*epsilons, end], [*bounds, bounds[-1]]
    marker, drawstyle = "o" if len(epsilons) == 1 else "", "steps-post" if exact else "default"
    axes.plot(epsilons, bounds, color=_BLUE, lw=2.2, marker=marker, drawstyle=drawstyle, label="proven")
    side = "at most" if asked.is_upper else "at least"
    axes.axhline(asked.limit, color=_RED, lw=1, label=f"asked: {side} {asked.limit:g}")
    if claim.radius is not None and not math.isinf(claim.radius):
        axes.axvline(claim.radius, color=_GREEN, lw=1, label=f"radius {round_down(claim.radius, _DIGITS)!r}")
    axes.set(xlabel="attack norm ε (l2)", ylabel=_measured(claim), xlim=(0, end))
    axes.set_title(_title(claim, place), fontsize="medium", parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="best", fontsize="small")


def _end(claim: ScoreClaim | ExactClaim, epsilons: Sequence[float]) -> float:
    """Returns where the picture ends: a little beyond the last point of the curve, and beyond the last run."""
    last = float(claim.runs.costs[-1]) if isinstance(claim, ExactClaim) else 0.0
    return 1.02 * max(*epsilons, last) or 1.0


def _measured(claim: ScoreClaim | ExactClaim) -> str:
    asked = claim.asked
    if asked.of_mean:
        return "mean score"
    if asked.quantile is None:
        return "share of outputs"
    return f"share {'above' if asked.at_least is None else 'below'} {asked.asked:g}"


def _title(claim: ScoreClaim | ExactClaim, place: int) -> str:
    asked = claim.asked
    options = ", ".join(str(value) for value in asked.score.options.values())
    options = options if len(options) <= _LONGEST else options[: _LONGEST - 1] + "…"
    above = "" if asked.above is None else f" above {asked.above:g}"
    side, limit = ("at most", asked.at_most) if asked.at_least is None else ("at least", asked.at_least)
    said = f"claim {place}: {asked.of} of {asked.score.name} ({options}){above} {side} {limit:g}"
    return "".join(letter if letter.isprintable() else "·" for letter in said)
