"""Whether the words of a document are known ones, and what follows from them: the checks of meaning, in order."""

from __future__ import annotations

from collections.abc import Iterable

from smoothgen.certificates.bounds.bands import NO_SAMPLES
from smoothgen.certificates.bounds.shift_bounds import SPREAD_V1
from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.meaning.common import judged_origin, left_open, meaning_check
from smoothgen.certificates.meaning.metrics import METRICS, require_metric
from smoothgen.certificates.meaning.proven import require_paid, require_plausible
from smoothgen.certificates.meaning.sections import (
    require_output,
    require_plain_names,
    require_sampling,
)
from smoothgen.certificates.meaning.threats import attack_named, require_threat
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.verification import Check, checked


def unknown_meaning(provenance: Provenance) -> str | None:
    """Returns why a document's words do not fix what its numbers mean, None where they do."""
    metric, threat = provenance.metric, provenance.threat
    return left_open(
        vars(provenance),
        {
            "metric": metric is not None and metric.name in METRICS,
            "attack": threat is not None and attack_named(threat.attack_on) is not None,
        },
    )


def judged(stated: Certificate) -> Iterable[Check]:
    """Yields a check for every section the document has, and the last, `meaning`, which says whether all that it means
    was checked. Documents of spread/v1 were never held to this, and get the last only."""
    if stated.method == SPREAD_V1.name:
        yield Check("meaning", True, "not checked: certificate/v1 is checked as arithmetic")
        return
    provenance, band, evidence = stated.provenance, stated.band, stated.evidence
    request, model, metric, threat = provenance.request, provenance.model, provenance.metric, provenance.threat
    sampling, output = provenance.sampling, provenance.output
    yield from judged_origin(stated.id, stated.requested_at, request, model)
    if metric is not None:
        detail = (
            f"{metric.name!r:.80} {'fixes' if metric.name in METRICS else 'is a plug-in and fixes no'} D, D_c, band"
        )
        yield checked("metric", detail, lambda: require_metric(metric, evidence, band))
    if sampling is not None:
        sampled = band != NO_SAMPLES.name
        yield checked(
            "sampling",
            "seed, scheme and randomness of a server",
            lambda: require_sampling(sampling, provenance, sampled),
        )
    if output is not None:
        detail, keep = "of a kind the metric compares", stated.keep
        yield checked("output", detail, lambda: require_output(output, metric, evidence.bound, keep))
    if threat is not None:
        detail = f"the {threat.attack_on:.80}, with this mechanism and these parameters"
        slack, mechanism = stated.rounding_slack, stated.mechanism
        yield checked("threat", detail, lambda: require_threat(threat, mechanism, slack, request, metric))
    yield checked("names", "none can be mistaken for a claim", lambda: require_plain_names(stated.mechanism))
    selection = stated.sigma_selection
    if selection is not None and threat is not None:
        yield checked("selection", "pays for the rounding of its own noise", lambda: require_paid(selection, stated))
    lipschitz = stated.lipschitz
    if lipschitz is not None and provenance != Provenance():
        yield checked("constant", "could be of such a model", lambda: require_plausible(lipschitz, stated))
    yield meaning_check(unknown_meaning(provenance))
