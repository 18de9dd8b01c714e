"""Whether the words of a document are known ones, and what follows from them: the checks of meaning, in order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from smoothgen.certificates.bands import NO_SAMPLES
from smoothgen.certificates.certificate import Certificate
from smoothgen.certificates.meaning.metrics import METRICS, require_metric
from smoothgen.certificates.meaning.proven import require_paid, require_plausible
from smoothgen.certificates.meaning.sections import (
    require_issue,
    require_model,
    require_output,
    require_plain_names,
    require_request,
    require_sampling,
)
from smoothgen.certificates.meaning.threats import attack_named, require_threat
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.shift_bounds import SPREAD_V1
from smoothgen.certificates.verification import Check, checked

_LEFT_TO_SIGNATURES: Final = "the words fix what the numbers are about; that the model named was so run is not checked"


def unknown_meaning(provenance: Provenance) -> str | None:
    """Returns why a document's words do not fix what its numbers mean, None where they do."""
    missing = [name for name, section in vars(provenance).items() if section is None]
    if len(missing) == len(vars(provenance)):
        return "the document names no model, no metric and no threat"
    if missing:
        return f"the document has no section {', '.join(missing)}"
    metric, threat = provenance.metric, provenance.threat
    of_plugins = [
        name
        for name, known in (
            ("metric", metric is not None and metric.name in METRICS),
            ("attack", threat is not None and attack_named(threat.attack_on) is not None),
        )
        if not known
    ]
    return f"{' and '.join(of_plugins)} defined by a plug-in" if of_plugins else None


def judged(stated: Certificate) -> Iterable[Check]:
    """Yields a check for every section the document has, and the last, `meaning`, which says whether all that it means
    was checked. Documents of spread/v1 were never held to this, and get the last only."""
    if stated.method == SPREAD_V1.name:
        yield Check("meaning", True, "not checked: certificate/v1 is checked as arithmetic")
        return
    provenance, band, evidence = stated.provenance, stated.band, stated.evidence
    request, model, metric, threat = provenance.request, provenance.model, provenance.metric, provenance.threat
    sampling, output = provenance.sampling, provenance.output
    issued = "an id and a time of issue" if stated.id is not None else "none stated: no server issued it"
    yield checked("identity", issued, lambda: require_issue(stated.id, stated.requested_at))
    if request is not None:
        yield checked("request", "digests and parameters as a server writes them", lambda: require_request(request))
    if model is not None:
        yield checked("model", "named, with a digest", lambda: require_model(model))
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
        yield checked("output", "of a kind the metric compares", lambda: require_output(output, metric, evidence.bound))
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
    unknown = unknown_meaning(provenance)
    yield Check("meaning", True, _LEFT_TO_SIGNATURES if unknown is None else f"not checked: {unknown}")
