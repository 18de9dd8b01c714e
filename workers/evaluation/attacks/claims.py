"""What a certificate of noise says, as attacks are set against it: bounds as functions of the attack's norm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.certificates import Certificate
from smoothgen.certificates.score_claims import AskedClaim
from smoothgen.certificates.score_claims.bounds import claim_curve
from smoothgen.errors import InvalidCertificate
from smoothgen.scores import Score
from workers.distances import Centre, OutputMetric


@dataclass(frozen=True, eq=False)
class ScoreBound:
    """A claim on a score. mean_badness: from an attack's norm to the most that the mean of the claim's series can be
    (`AskedClaim.series`). limit: the same as it was asked. measure: the score."""

    asked: AskedClaim
    measure: Score
    mean_badness: Callable[[float], float]
    limit: float


@dataclass(frozen=True, eq=False)
class Claimed:
    """A certificate as far as attacks are concerned, or a faulty one.

    name: of the certificate, in rows. method: as rows state it. radius: None where nothing is claimed. tolerance,
    diameter: metric units. alpha: what may fail. w1_bound: from a norm to the certified W₁. exceedance: from a norm and
    a distance t to the certified P(distance to the centre > t).
    """

    name: str
    method: str
    radius: float | None
    tolerance: float
    diameter: float
    alpha: float
    w1_bound: Callable[[float], float]
    exceedance: Callable[[float, float], float]
    centre: Centre
    keep: float | None = None
    scores: Sequence[ScoreBound] = field(default_factory=tuple)

    def shift_bound(self, epsilon: float) -> float:
        """Returns the least of what is claimed of W₁ at a norm: the curve's bound, and the tolerance in the radius."""
        bound = self.w1_bound(epsilon)
        if self.keep is None and self.radius is not None and epsilon <= self.radius:
            return min(bound, self.tolerance)
        return bound


def claimed_of(
    certificate: Certificate,
    metric: OutputMetric,
    *,
    name: str,
    scores: Sequence[Score] = (),
    method: str = "SmoothGen",
) -> Claimed:
    """Returns what a certificate claims. Raises InvalidCertificate as `centre_of`."""
    return Claimed(
        name=name,
        method=method,
        radius=certificate.radius if certificate.radius > 0 else None,
        tolerance=certificate.tolerance,
        diameter=certificate.evidence.diameter,
        alpha=certificate.alpha,
        w1_bound=certificate.w1_bound,
        exceedance=certificate.exceedance,
        centre=centre_of(certificate, metric),
        keep=certificate.keep,
        scores=tuple(
            _score_bound(certificate, place, score)
            for place, score in enumerate(scores[: len(certificate.score_claims)])
        ),
    )


def centre_of(certificate: Certificate, metric: OutputMetric) -> Centre:
    """Returns the centre that a certificate was made around. Raises InvalidCertificate for one that names none."""
    identity = certificate.provenance.metric
    if identity is None:
        raise InvalidCertificate("an attack needs the centre that a certificate was made around, and it names none")
    return metric.read_centre(identity.centre, certificate.evidence.bound)


def _score_bound(certificate: Certificate, place: int, score: Score) -> ScoreBound:
    claim = certificate.score_claims[place]
    curve = claim_curve(claim.asked, claim.evidence, certificate.bounds, alpha=certificate.look_alpha)
    return ScoreBound(
        claim.asked,
        score,
        lambda epsilon: badness(claim.asked, curve.full(epsilon)),
        badness(claim.asked, claim.asked.limit),
    )


def badness(asked: AskedClaim, stated: float) -> float:
    """Returns a claim's own number as the mean of its series: 0 is the best, `asked.width` the worst."""
    if not asked.of_mean:
        return stated if asked.is_upper else 1 - stated
    return stated - asked.score.least if asked.at_least is None else asked.score.most - stated


def series_of(asked: AskedClaim, values: ArrayLike) -> NDArray[np.float64]:
    """Returns how bad every output is, shape (n,), in [0, width]; an output without a score is the worst."""
    found = asked.series(np.asarray(values, dtype=np.float64))
    return np.clip(np.nan_to_num(found, nan=asked.width), 0.0, asked.width)
