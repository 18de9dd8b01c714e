"""The prompts near a prompt: what the runs behind an exhaustive certificate read and said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.http.dependencies import Gateway
from app.unit_runs import unit_runs_view
from smoothgen.certificates import EditsCertificate, ExhaustiveCertificate, UnitsCertificate, read_certificate
from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.contracts import Neighbour, NeighboursView, RunWords
from smoothgen.errors import Conflict


async def neighbours_of(gateway: Gateway, certificate_id: str, *, changed: bool, limit: int) -> NeighboursView:
    """Returns the runs behind a certificate, the nearest first, `limit` at most. changed: only those that changed the
    answer.

    Raises NotFound, Conflict for a certificate of noise, Overloaded, QueueUnavailable.
    """
    document = await gateway.store.certificate(certificate_id)
    words = await gateway.store.run_words(certificate_id)
    view = await gateway.threads.run(_view, certificate_id, document, words, changed, limit)
    pictured = await gateway.store.pictured_runs(certificate_id)
    # Only runs of mechanism tokens have pictures, and there run k is of the neighbour of rank k + 1.
    ranks = [each.rank for each in view.neighbours if each.rank - 1 in pictured]
    return view.model_copy(update={"pictures": ranks or None})


def _view(
    certificate_id: str, document: dict[str, Any], words: Sequence[RunWords], changed: bool, limit: int
) -> NeighboursView:
    certificate = read_certificate(document)
    if isinstance(certificate, EditsCertificate):
        return _edits_view(certificate_id, certificate, words, changed, limit)
    if isinstance(certificate, UnitsCertificate):
        return unit_runs_view(certificate_id, certificate, words, changed, limit)
    if not isinstance(certificate, ExhaustiveCertificate):
        raise Conflict(
            f"certificate {certificate_id!r:.80} is of method {certificate.method!r}, and only certificates of "
            "mechanism 'tokens', 'edits', 'passages' or 'words' have neighbours: the model was not run on other "
            "prompts for it. POST /certificates/{certificate_id}/covers compares prompts of your own with it"
        )
    evidence = certificate.evidence
    # As the claim is broken: a distance that rounds up to above the tolerance. A failed run is at +inf.
    moved = evidence.distances > round_down(certificate.tolerance)
    ranks = np.flatnonzero(moved) if changed else np.arange(1, evidence.runs)
    return NeighboursView(
        certificate=certificate_id,
        tolerance=certificate.tolerance,
        radius=None if math.isinf(certificate.radius) else certificate.radius,
        next_cost=evidence.next_cost,
        runs=evidence.runs - 1,
        changed=int(np.count_nonzero(moved)),
        words_kept=bool(words),
        neighbours=[
            Neighbour.of(
                rank,
                float(evidence.costs[rank]),
                float(evidence.distances[rank]),
                changed=bool(moved[rank]),
                words=words[rank - 1] if rank <= len(words) else None,
            )
            for rank in ranks[:limit].tolist()
        ],
    )


def _edits_view(
    certificate_id: str, certificate: EditsCertificate, words: Sequence[RunWords], changed: bool, limit: int
) -> NeighboursView:
    """Returns the texts of the set that were run, in its order. A text that was drawn twice was run once, and the words
    are in the order of the runs, which is that of the first draws."""
    evidence = certificate.evidence
    texts, first = np.unique(evidence.indices, return_index=True)
    distances = evidence.distances[first]
    run_of = np.argsort(np.argsort(first))
    moved = distances > round_down(certificate.tolerance)
    singles = texts < evidence.singles

    def neighbour(place: int) -> Neighbour:
        run = int(run_of[place])
        return Neighbour.of(
            int(texts[place]) + 1,
            1.0 if singles[place] else 2.0,
            float(distances[place]),
            changed=bool(moved[place]),
            words=words[run] if run < len(words) else None,
        )

    left_out = 1.0 if np.count_nonzero(singles) < evidence.singles else 2.0
    listed = np.flatnonzero(moved) if changed else np.arange(len(texts))
    return NeighboursView(
        certificate=certificate_id,
        mechanism="edits",
        tolerance=certificate.tolerance,
        radius=None if certificate.radius is None else float(certificate.radius),
        next_cost=None if len(texts) == evidence.size else left_out,
        runs=len(texts),
        changed=int(np.count_nonzero(moved)),
        words_kept=bool(words),
        neighbours=[neighbour(place) for place in listed[:limit].tolist()],
    )
