"""Whether the words of a document on edits are known ones, and the checks that hold its sections to them."""

from __future__ import annotations

from collections.abc import Iterable

from smoothgen.certificates.edits.certificate import EditsCertificate
from smoothgen.certificates.edits.identity import EDITS_V1, require_edit_set
from smoothgen.certificates.exhaustive.meaning import require_metric_to_own_output
from smoothgen.certificates.meaning.common import judged_origin, left_open, meaning_check, require_seed_origin
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.certificates.meaning.sections import require_output
from smoothgen.certificates.meaning.turns import attacks_user_turns, require_last_turn
from smoothgen.certificates.verification import Check, checked


def unknown_meaning(certificate: EditsCertificate) -> str | None:
    """Returns why a document's words do not fix what its numbers mean, None where they do."""
    provenance, edit_set = certificate.provenance, certificate.edit_set
    metric = provenance.metric
    sections = {
        "request": provenance.request,
        "model": provenance.model,
        "metric": metric,
        "output": provenance.output,
        "edit_set": edit_set,
    }
    return left_open(
        sections,
        {
            "metric": metric is not None and metric.name in METRICS,
            "edit_set": edit_set is not None and edit_set.version == EDITS_V1,
        },
    )


def judged(stated: EditsCertificate) -> Iterable[Check]:
    """Yields a check for every section the document has, and the last, `meaning`, which says whether all that it means
    was checked."""
    provenance, edit_set, evidence = stated.provenance, stated.edit_set, stated.evidence
    metric, output, seed = provenance.metric, provenance.output, evidence.seed
    yield from judged_origin(stated.id, stated.requested_at, provenance.request, provenance.model)
    if attacks_user_turns(provenance.request):
        yield checked("turns", "the last turn alone", lambda: require_last_turn(provenance.request))
    if metric is not None:
        detail = f"{metric.name!r:.80} {'fixes' if metric.name in METRICS else 'is a plug-in and fixes no'} D"
        yield checked(
            "metric", detail, lambda: require_metric_to_own_output(metric, evidence.diameter, evidence.distances)
        )
    if output is not None:
        detail = "of a kind the metric compares"
        yield checked("output", detail, lambda: require_output(output, metric, evidence.diameter))
    if edit_set is not None:
        detail = f"of version {edit_set.version:.80}, with kinds and counts it can have"
        yield checked("edit_set", detail, lambda: require_edit_set(edit_set, evidence.size, evidence.singles))
    if seed is not None:
        yield checked("seed", f"the {seed.origin}'s", lambda: require_seed_origin(seed))
    yield meaning_check(unknown_meaning(stated))
