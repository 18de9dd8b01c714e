"""What the commands print of an answer's worth: the decision, the agreement and the gain, three digits of each."""

from __future__ import annotations

from smoothgen.certificates.bounds.rounding import round_down, round_up
from smoothgen.contracts import JobView

DIGITS = 3
"""Digits of radii and bounds for people. The document has the exact ones."""


def down(value: float) -> str:
    """Returns a radius or another lower bound in three digits, rounded down."""
    return repr(round_down(value, DIGITS))


def up(value: float) -> str:
    """Returns an upper bound in three digits, rounded up."""
    return repr(round_up(value, DIGITS))


def worth_lines(view: JobView) -> list[str]:
    """Returns sentences on what the answer is worth, for those of the fields that the server sent."""
    lines = []
    if view.decision is not None:
        decision = view.decision
        verdict = "holds" if decision.holds else "is not proven"
        wanted = "" if decision.wanted is None else f", asked for {decision.wanted:g}"
        reached = "" if decision.radius is None else f" (proven up to {down(decision.radius)}{wanted})"
        lines.append(f"decision: {decision.claim}: {verdict}{reached}")
    if view.agreement is not None:
        agreed = view.agreement
        said = "give no answer" if agreed.answer is None else f"answer {agreed.answer!r}"
        lines.append(f"agreement: {agreed.of} of {agreed.runs} noisy runs {said}")
    if view.gain_over_universal is not None:
        times = f"{view.gain_over_universal:.3g} times the radius that holds for any generator under this noise"
        lines.append(f"gain: {times}")
    return lines
