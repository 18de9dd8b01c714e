"""What follows from the runs: the largest distance in the set, or a share of it with a confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from smoothgen.certificates.bounds.bands import clopper_pearson_upper
from smoothgen.certificates.bounds.rounding import RELATIVE_SLACK, round_down, round_up
from smoothgen.certificates.edits.evidence import EditsEvidence

MOST_NAMED: Final = 100
"""How many edits that break the claim a certificate names; it counts all of them."""
_NINE_DIGITS: Final = 10**9


@dataclass(frozen=True)
class BreakingEdit:
    """One edit that breaks the claim. index: its place in the set, counted from 0. distance: None where the run failed.

    Proof: docs/theory/edits.md, "A set that was run whole".
    """

    index: int
    distance: float | None


@dataclass(frozen=True)
class EditsClaims:
    """The numbers a certificate of edits states. All follow from its evidence; `verify` derives every one again.

    share: at least this share of the texts in the set keeps the output within the tolerance, rounded down; with
    probability 1 − alpha where the texts were sampled, else without doubt. kept, unchanged: how many RUNS stayed within
    the tolerance, and at distance 0. broken: how many TEXTS are known to break the claim. broken_by: the first
    MOST_NAMED of them, in the order of the set.

    Only where every text was run, else None and empty: w1_bound: no edit of the set, whoever chooses it, moves the law
    of the outputs by more than this in W₁, metric units, rounded up. curve: (edits at once, that bound). radius: the
    most edits at once for which the bound is within the tolerance, 0 where one edit can break it.

    Proof: docs/theory/edits.md, "A set that was run whole", and docs/theory/edits.md, "A set too large to run".
    """

    share: float
    kept: int
    unchanged: int
    broken: int
    broken_by: tuple[BreakingEdit, ...]
    w1_bound: float | None
    radius: int | None
    curve: tuple[tuple[int, float], ...]


def least_share(broken: int, draws: int, alpha: float) -> float:
    """Returns a lower bound on the share of texts that keep the claim, not yet printed.

    broken: how many of `draws` uniform independent draws, with replacement, do not keep it. P(the share is below the
    bound) ≤ alpha. Clopper & Pearson (1934). Proof: docs/theory/edits.md, "A set too large to run".
    """
    if broken == draws:
        return 0.0
    upper = float(clopper_pearson_upper(np.array([broken]), draws, np.array([alpha]))[0])
    return (1 - upper) * (1 - RELATIVE_SLACK)


def share_of_texts(kept: int, size: int) -> float:
    """Returns kept/size rounded down to nine decimals: from whole numbers, so that no division rounds up.

    Proof: docs/theory/edits.md, "A set that was run whole".
    """
    return (kept * _NINE_DIGITS // size) / _NINE_DIGITS


def derive_claims(evidence: EditsEvidence, tolerance: float, alpha: float) -> EditsClaims:
    """Returns all that follows from the evidence. tolerance: τ in (0, D). alpha: 0 where every text was run.

    Proof: docs/theory/edits.md, "A set that was run whole", and docs/theory/edits.md, "A set too large to run".
    """
    bounds = np.minimum(evidence.distances, evidence.diameter)
    # A number rounded up to nine digits is above the tolerance exactly if it was above the tolerance rounded down.
    breaks = bounds > round_down(tolerance)
    kept = evidence.runs - int(np.count_nonzero(breaks))
    # np.unique sorts, so the first place of each text comes in the order of the set.
    texts, places = np.unique(evidence.indices[breaks], return_index=True)
    distances = evidence.distances[breaks][places]
    named = zip(texts[:MOST_NAMED].tolist(), distances[:MOST_NAMED].tolist(), strict=True)
    if evidence.seed is None:
        curve = _curve(evidence)
        within = [edits for edits, bound in curve if bound <= tolerance]
        w1_bound, radius = curve[-1][1], max(within, default=0)
        share = share_of_texts(kept, evidence.size)
    else:
        curve, w1_bound, radius = (), None, None
        share = round_down(least_share(evidence.runs - kept, evidence.runs, alpha))
    return EditsClaims(
        share=share,
        kept=kept,
        unchanged=int(np.count_nonzero(bounds == 0)),
        broken=len(texts),
        broken_by=tuple(BreakingEdit(index, None if math.isinf(d) else d) for index, d in named),
        w1_bound=w1_bound,
        radius=radius,
        curve=curve,
    )


def _curve(evidence: EditsEvidence) -> tuple[tuple[int, float], ...]:
    """Returns the largest distance of the texts one edit away and, where there are others, of all, rounded up."""
    bounds = np.minimum(evidence.distances, evidence.diameter)
    ends = [evidence.singles] if evidence.singles == evidence.size else [evidence.singles, evidence.size]
    largest = [min(round_up(float(bounds[:end].max())), evidence.diameter) for end in ends]
    return tuple(enumerate(largest, start=1))
