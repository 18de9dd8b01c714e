"""The runs behind a certificate of mechanism passages or words: which units each read, and what the model made of it.

An engineer finds a harmful passage here: the runs that changed the answer have it in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from smoothgen.certificates import UnitsCertificate
from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.contracts import WORDS, Neighbour, NeighboursView, RunWords
from smoothgen.units import planned_runs


def unit_runs_view(
    certificate_id: str, certificate: UnitsCertificate, words: Sequence[RunWords], changed: bool, limit: int
) -> NeighboursView:
    """Returns the different subsets that were run, in the order of the runs: a subset that was drawn twice was run
    once. words: of the runs, in that order."""
    evidence, kind = certificate.evidence, certificate.threat
    draws = evidence.samples if certificate.sampled else None
    planned = planned_runs(certificate.choice, certificate.seed, draws)
    distances = evidence.distances
    if planned.of_draws is not None:
        _, first = np.unique(planned.of_draws, return_index=True)
        distances = distances[first]
    runs = len(distances)  # the last subsets may not have been run
    left_out = certificate.choice.units - planned.kept[:runs].sum(axis=1)
    tolerance = certificate.tolerance or 0.0  # without one, runs that give another answer are what changes it
    moved = distances > round_down(tolerance)
    mechanism: Literal["passages", "words"] = "words" if kind is not None and kind.kind == WORDS else "passages"

    def run(place: int) -> Neighbour:
        one = Neighbour.of(
            place + 1,
            float(left_out[place]),
            float(distances[place]),
            changed=bool(moved[place]),
            words=words[place] if place < len(words) else None,
        )
        numbers = (np.flatnonzero(planned.kept[place]) + 1).tolist()
        return one.model_copy(update={"text": ", ".join(map(str, numbers)), "writable": None})

    listed = np.flatnonzero(moved) if changed else np.arange(runs)
    return NeighboursView(
        certificate=certificate_id,
        mechanism=mechanism,
        tolerance=tolerance,
        radius=float(certificate.radius),
        next_cost=None,
        runs=runs,
        changed=int(np.count_nonzero(moved)),
        words_kept=bool(words),
        neighbours=[run(place) for place in listed[:limit].tolist()],
    )
