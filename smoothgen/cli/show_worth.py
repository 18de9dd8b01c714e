"""What the commands print of an answer's worth: the decision, the agreement and the gain, three digits of each."""

from __future__ import annotations

from smoothgen.certificates.bounds.rounding import round_down, round_up
from smoothgen.certificates.edits import EDITS_V1
from smoothgen.contracts import ClaimDecision, Decision, JobView

DIGITS = 3
"""Digits of radii and bounds for people. The document has the exact ones."""


def down(value: float) -> str:
    """Returns a radius or another lower bound in three digits, rounded down."""
    return repr(round_down(value, DIGITS))


def up(value: float) -> str:
    """Returns an upper bound in three digits, rounded up."""
    return repr(round_up(value, DIGITS))


def _verdict(decided: Decision | ClaimDecision, wanted: float | None, counted: str) -> str:
    """Returns whether it holds, and up to which radius, beside the wanted one. counted: what a radius that is a number
    of something counts, "" for an attack norm."""
    verdict = "holds" if decided.holds else "is not proven"
    asked = "" if wanted is None else f", asked for {wanted:g}"
    if decided.radius is None:
        return verdict
    if decided.radius == 0:
        limits = f"for any number of {counted}" if counted else "at any radius"
        return f"{verdict} {limits}{'' if wanted is None else f' (asked for {wanted:g})'}"
    reached = f"{decided.radius:g} {counted}" if counted else down(decided.radius)
    return f"{verdict} (proven up to {reached}{asked})"


def _counted(view: JobView) -> str:
    """Returns what the radius counts, "" where it is an attack norm."""
    if view.units is not None:
        return "altered units"
    return "edits" if view.certificate is not None and view.certificate.get("method") == EDITS_V1 else ""


def worth_lines(view: JobView) -> list[str]:
    """Returns sentences on what the answer is worth, for those of the fields that the server sent."""
    lines, counted = [], _counted(view)
    if view.decision is not None:
        decision = view.decision
        several = decision.claims if decision.claims is not None and len(decision.claims) > 1 else []
        asked = f"all of {len(several)} claims" if several else decision.claim
        lines.append(f"decision: {asked}: {_verdict(decision, decision.wanted, counted)}")
        lines += [f"claim: {each.claim}: {_verdict(each, None, counted)}" for each in several]
    if view.agreement is not None:
        agreed = view.agreement
        said = "give no answer" if agreed.answer is None else f"answer {agreed.answer!r}"
        runs = "noisy runs" if view.units is None else "runs"
        lines.append(f"agreement: {agreed.of} of {agreed.runs} {runs} {said}")
    if view.gain_over_universal is not None:
        times = f"{view.gain_over_universal:.3g} times the radius that holds for any generator under this noise"
        lines.append(f"gain: {times}")
    if view.scale is not None and view.scale.nearest_synonym is not None:
        lines.append(
            f"scale: the nearest text with one word for a synonym lies {down(view.scale.nearest_synonym)} away"
        )
    return lines
