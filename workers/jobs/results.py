"""What the results of all methods have in common: when the request came, what it cost, and why nothing was proven."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from smoothgen.certificates import Abstention, EditsCertificate, ExhaustiveCertificate, UnitsCertificate
from smoothgen.contracts import AbstentionView, JobResult, JobSpec, ModelRef, Neighbour, Selection, Usage
from workers.jobs.worth import worth_of_runs


def requested_at(spec: JobSpec) -> str:
    """Returns the time of the request, ISO 8601. It stands in the certificate, and not the time of this run: a job run
    twice must give one certificate."""
    return datetime.fromtimestamp(spec.submitted_ms / 1000, UTC).isoformat(timespec="milliseconds")


def abstention_view(outcome: object) -> AbstentionView | None:
    """Returns an abstention as it is stored, None for a certificate."""
    if not isinstance(outcome, Abstention):
        return None
    return AbstentionView(reason=outcome.reason, detail=outcome.detail, curve=list(outcome.curve))


def result_of_runs(
    spec: JobSpec,
    selection: Selection,
    outcome: ExhaustiveCertificate | EditsCertificate | UnitsCertificate | Abstention,
    *,
    document: dict[str, Any] | None,
    broken_by: Neighbour | None,
    runs: int,
    device_s: float,
) -> JobResult:
    """Returns the result of a job that draws no noise.

    outcome: an abstention, or the certificate that `document` states. broken_by: the run that ends the claim. runs: how
    many were made beside the prompt's own. device_s: seconds of compute.
    """
    return JobResult(
        model=ModelRef(**selection.provenance["model"]),
        output=selection.output.model_copy(update={"certified": document is not None}),
        notes=selection.notes or None,
        certificate=document,
        abstention=abstention_view(outcome),
        broken_by=broken_by,
        **dict(worth_of_runs(spec, selection, outcome)),
        usage=Usage(
            samples=runs,
            device_s=round(device_s, 3),
            queued_s=selection.queued_s,
            overhead=selection.generations + runs,
            tokens=selection.tokens,
        ),
    )
