"""The prompts near a prompt: what the runs behind an exhaustive certificate read and said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from app.http.dependencies import Gateway
from smoothgen.certificates import ExhaustiveCertificate, read_certificate
from smoothgen.certificates.bounds.rounding import round_down
from smoothgen.contracts import Neighbour, NeighboursView, RunWords
from smoothgen.errors import Conflict


async def neighbours_of(gateway: Gateway, certificate_id: str, *, changed: bool, limit: int) -> NeighboursView:
    """Returns the runs behind a certificate, the nearest first, `limit` at most. changed: only those that changed the
    answer.

    Raises NotFound, Conflict for a certificate of another mechanism than tokens, Overloaded, QueueUnavailable.
    """
    document = await gateway.store.certificate(certificate_id)
    words = await gateway.store.run_words(certificate_id)
    return await gateway.threads.run(_view, certificate_id, document, words, changed, limit)


def _view(
    certificate_id: str, document: dict[str, Any], words: Sequence[RunWords], changed: bool, limit: int
) -> NeighboursView:
    certificate = read_certificate(document)
    if not isinstance(certificate, ExhaustiveCertificate):
        raise Conflict(
            f"certificate {certificate_id!r:.80} is of method {certificate.method!r}, and only certificates of "
            "mechanism 'tokens' have neighbours: the model was not run on other prompts for it. POST "
            "/certificates/{certificate_id}/covers compares prompts of your own with it"
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
            _neighbour(certificate, rank, bool(moved[rank]), words[rank - 1] if rank <= len(words) else None)
            for rank in ranks[:limit].tolist()
        ],
    )


def _neighbour(certificate: ExhaustiveCertificate, rank: int, changed: bool, words: RunWords | None) -> Neighbour:
    distance = float(certificate.evidence.distances[rank])
    return Neighbour(
        rank=rank,
        cost=float(certificate.evidence.costs[rank]),
        distance=None if math.isinf(distance) else distance,
        changed=changed,
        **({} if words is None else words.model_dump()),
    )
