"""Whether the words of a document on units are known ones, and the checks that hold its sections to them."""

from __future__ import annotations

from collections.abc import Iterable

from smoothgen.certificates.bounds.bands import ORDER_STATISTICS, TWO_VALUED
from smoothgen.certificates.meaning.common import judged_origin, left_open, meaning_check, require_seed_origin
from smoothgen.certificates.meaning.metrics import METRICS, require_metric
from smoothgen.certificates.meaning.sections import require_output
from smoothgen.certificates.units.certificate import UnitsCertificate
from smoothgen.certificates.units.threat import require_units_threat
from smoothgen.certificates.verification import Check, checked


def unknown_meaning(certificate: UnitsCertificate) -> str | None:
    """Returns why a document's words do not fix what its numbers mean, None where they do."""
    provenance, threat = certificate.provenance, certificate.threat
    metric = provenance.metric
    sections = {
        "request": provenance.request,
        "model": provenance.model,
        "metric": metric,
        "output": provenance.output,
        "threat": threat,
    }
    return left_open(
        sections,
        {
            "metric": metric is not None and metric.name in METRICS,
            "attack": threat is not None and threat.is_known,
        },
    )


def judged(stated: UnitsCertificate) -> Iterable[Check]:
    """Yields a check for every section the document has, and the last, `meaning`, which says whether all that it means
    was checked."""
    provenance, threat, evidence, seed = stated.provenance, stated.threat, stated.evidence, stated.seed
    metric, output = provenance.metric, provenance.output
    band = TWO_VALUED.name if stated.two_valued else ORDER_STATISTICS.name
    yield from judged_origin(stated.id, stated.requested_at, provenance.request, provenance.model)
    if metric is not None:
        detail = f"{metric.name!r:.80} {'fixes' if metric.name in METRICS else 'is a plug-in and fixes no'} D and D_c"
        yield checked("metric", detail, lambda: require_metric(metric, evidence, band))
    if output is not None:
        yield checked("output", "of a kind the metric compares", lambda: require_output(output, metric, evidence.bound))
    if threat is not None:
        yield checked("threat", f"{threat.kind:.80}", lambda: require_units_threat(threat, provenance.request))
    if seed is not None:
        yield checked("seed", f"the {seed.origin}'s", lambda: require_seed_origin(seed))
    yield meaning_check(unknown_meaning(stated))
