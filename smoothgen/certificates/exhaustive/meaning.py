"""Whether the words of an exhaustive document are known ones, and the checks that hold its sections to them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bounds.bands import TWO_VALUED
from smoothgen.certificates.exhaustive.certificate import ExhaustiveCertificate
from smoothgen.certificates.exhaustive.threat import MODALITIES, require_snap_threat
from smoothgen.certificates.meaning.common import judged_origin, left_open, meaning_check, require_seed_origin
from smoothgen.certificates.meaning.metrics import METRICS, metric_named, require_as_named
from smoothgen.certificates.meaning.sections import require_output
from smoothgen.certificates.provenance import MetricIdentity, RequestIdentity
from smoothgen.certificates.verification import Check, checked
from smoothgen.errors import InvalidCertificate
from smoothgen.noise import Seed


def unknown_meaning(certificate: ExhaustiveCertificate) -> str | None:
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
            "attack": threat is not None and threat.attack_on in MODALITIES,
        },
    )


def judged(stated: ExhaustiveCertificate) -> Iterable[Check]:
    """Yields a check for every section the document has, and the last, `meaning`, which says whether all that it means
    was checked."""
    provenance, threat, diameter = stated.provenance, stated.threat, stated.evidence.diameter
    request, model, metric, output = provenance.request, provenance.model, provenance.metric, provenance.output
    yield from judged_origin(stated.id, stated.requested_at, request, model)
    if metric is not None:
        detail = f"{metric.name!r:.80} {'fixes' if metric.name in METRICS else 'is a plug-in and fixes no'} D"
        yield checked(
            "metric", detail, lambda: require_metric_to_own_output(metric, diameter, stated.evidence.distances)
        )
    if output is not None:
        yield checked("output", "of a kind the metric compares", lambda: require_output(output, metric, diameter))
    if threat is not None:
        yield checked("threat", f"the {threat.attack_on:.80}", lambda: require_snap_threat(threat, request, metric))
    seed = stated.randomness
    if seed is not None:
        yield checked("randomness", f"the {seed.origin}'s seed", lambda: _require_randomness(seed, request))
    yield meaning_check(unknown_meaning(stated))


def _require_randomness(seed: Seed, request: RequestIdentity | None) -> None:
    """Raises InvalidCertificate for a seed that its origin does not draw, and for one of a greedy text, which is drawn
    by none."""
    if request is not None and request.parameters.get("temperature") == 0:
        raise InvalidCertificate("randomness is stated of a greedy text, which draws nothing", field="randomness")
    require_seed_origin(seed, "randomness")


def require_metric_to_own_output(stated: MetricIdentity, diameter: float, distances: NDArray[np.float64]) -> None:
    """Raises InvalidCertificate where description, diameter or options are not those of the metric's name, and for
    distances that a two-valued metric does not have.

    Distances are to the prompt's own output, so the centre is empty, or the answer of that output where the metric
    compares answers. That the output gives this answer is not checked: the document has its digest only.

    distances: of the runs, metric units, +inf where one failed.
    """
    metric = metric_named(stated.name, stated.cap)
    two_valued = metric is not None and metric.band == TWO_VALUED.name
    if stated.centre and not two_valued:
        raise InvalidCertificate(
            "metric.centre must be empty: distances are to the prompt's own output", field="metric.centre"
        )
    if metric is None:
        return
    least = metric.diameter if stated.cap is None else min(metric.diameter, stated.cap)
    if stated.centre:
        metric.bound(stated.centre)
    require_as_named(
        stated,
        ("metric.description", stated.description == metric.described(stated.cap), metric.described(stated.cap)),
        ("diameter", diameter == least, repr(least)),
        ("metric.options", set(stated.options) == metric.options, sorted(metric.options)),
    )
    between = distances[(distances > 0) & (distances < least)] if two_valued else distances[:0]
    if between.size:
        raise InvalidCertificate(
            f"metric {stated.name!r} has no distance between 0 and {least!r}, and the evidence has {between[0]!r}",
            field="evidence.distances",
        )
