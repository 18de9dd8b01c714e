"""Spans of the work items that a worker holds: how long each waited, was held and was computed, and its looks.

Each hangs below the span of the request that submitted the job, whichever worker opens it. A work item whose request is
not traced opens none.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from opentelemetry.trace import Span

from smoothgen.queue import Claim, CompleteLook
from smoothgen.tracing import Attribute, named, span_under, traceparent_of
from workers.serving.run_state import RunState


@contextmanager
def held(claims: Sequence[Claim], worker_id: str, taken_s: float) -> Iterator[list[Claim]]:
    """Opens a span "claim" for each work item for as long as the block runs, below which its other spans hang, and
    writes one of how long it waited. Yields the claims with it.

    taken_s: when they were taken, in Unix seconds by Redis's clock, as `posted_ms` is. A wait is as long as that clock
    says, and ends now by this machine's clock, which all spans of this worker are told by.
    """
    for claim in claims:
        if claim.spec.traceparent is not None:
            since_ms = claim.spec.submitted_ms if claim.is_selection else claim.posted_ms
            waited_ns = max(0, round(1e9 * taken_s) - 1_000_000 * since_ms)
            start_ns = time.time_ns() - waited_ns
            span_under(claim.spec.traceparent, "queue wait", _about(claim), start_ns=start_ns).end()
    begun = {
        place: span_under(
            claim.spec.traceparent,
            "claim",
            _about(claim)
            | {
                "model": claim.model,
                "worker": worker_id,
                "deliveries": claim.deliveries,
                "attempt": claim.attempt,
            },
        )
        for place, claim in enumerate(claims)
        if claim.spec.traceparent is not None
    }
    try:
        yield [
            replace(claim, traceparent=traceparent_of(begun[place])) if place in begun else claim
            for place, claim in enumerate(claims)
        ]
    finally:
        for span in begun.values():
            span.end()


@contextmanager
def computed(claims: Sequence[Claim], state: RunState) -> Iterator[None]:
    """Opens a span "selection" or "chunk" for each work item for as long as the block runs: their samples are drawn in
    the same batches, so they begin and end together. `together`: how many do."""
    begun: dict[int, Span] = {
        place: span_under(
            claim.traceparent,
            "selection" if claim.is_selection else "chunk",
            _about(claim) | {"together": len(claims)},
        )
        for place, claim in enumerate(claims)
        if claim.traceparent is not None
    }
    try:
        yield
    finally:
        for place, span in begun.items():
            span.set_attributes(named(drawn=state.drawn[place]))
            span.end()


@contextmanager
def looked_at(complete: Sequence[tuple[Claim, CompleteLook]]) -> Iterator[list[tuple[Claim, CompleteLook]]]:
    """Opens a span "look" for each complete look for as long as the block runs: waiting for the computing thread, and
    the certification below it. Yields the looks with it."""
    begun = {
        place: span_under(claim.traceparent, "look", {"job": claim.spec.id, "samples": len(look.distances)})
        for place, (claim, look) in enumerate(complete)
        if claim.traceparent is not None
    }
    try:
        yield [
            (replace(claim, traceparent=traceparent_of(begun[place])), look) if place in begun else (claim, look)
            for place, (claim, look) in enumerate(complete)
        ]
    finally:
        for span in begun.values():
            span.end()


def _about(claim: Claim) -> dict[str, Attribute]:
    """Returns which work item it is. A chunk is told by `first` and `samples`, a selection has no `first`."""
    if claim.is_selection:
        return {"job": claim.spec.id, "samples": claim.spec.samples_to_draw}
    return {"job": claim.spec.id, "first": claim.first, "samples": claim.count}
