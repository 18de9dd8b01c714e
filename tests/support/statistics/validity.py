"""How often is anything a certificate says false? Counted over fresh samples of generators known exactly."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from smoothgen import Certificate, Gaussian, certify
from smoothgen.certificates import Evidence
from smoothgen.certificates.bounds.bands import SurvivalBand
from tests.support.statistics.closed_form import ClosedForm

ONCE_IN = 1e-6
Build = Callable[[NDArray[np.float64], float, float], SurvivalBand]


def most_false_claims(repeats: int, alpha: float) -> int:
    """A bound that is false with probability ≤ alpha exceeds this count once in a million runs."""
    return int(binom.isf(ONCE_IN, repeats, alpha))


def false_bands(generator: ClosedForm, build: Build, *, n: int, alpha: float, repeats: int, seed: int) -> int:
    """In how many of the repeats the band lies below the exact survival function anywhere."""
    rng = np.random.default_rng(seed)
    return sum(
        not covers(generator, _band(generator, build, drawn, alpha))
        for drawn in generator.sample_distances(rng, (repeats, n))
    )


def false_certificates(
    generator: ClosedForm, *, band: str, n: int, alpha: float, repeats: int, seed: int, diameter: float = 1.0
) -> int:
    """In how many of the repeats any claim of the whole certificate is false."""
    rng = np.random.default_rng(seed)
    truth = _Truth(generator)
    false = 0
    for drawn in generator.sample_distances(rng, (repeats, n)):
        certificate = certify(
            drawn,
            bound=generator.bound,
            diameter=diameter,
            mechanism=Gaussian(0.5),
            alpha=alpha,
            tolerance=0.15,
            band=band,
        )
        assert isinstance(certificate, Certificate)
        false += not truth.agrees(certificate)
    return false


def _band(generator: ClosedForm, build: Build, drawn: NDArray[np.float64], alpha: float) -> SurvivalBand:
    evidence = Evidence.from_measurements(drawn, bound=generator.bound, diameter=1.0)
    return build(evidence.ordered(generator.bound), generator.bound, alpha)


def covers(generator: ClosedForm, band: SurvivalBand) -> bool:
    """Both functions are right-continuous steps: compare wherever either of them steps."""
    steps = np.concatenate((band.edges[:-1], generator.distances))
    steps = steps[steps < band.edges[-1]]
    stated = band.levels[np.searchsorted(band.edges, steps, side="right") - 1]
    return bool((generator.survival(steps) <= stated + 1e-12).all())


class _Truth:
    """The exact side, computed once per generator on a grid of attacks and not once per repeat."""

    def __init__(self, generator: ClosedForm) -> None:
        self.generator = generator
        self.norms = np.concatenate(([0.01, 0.03], np.linspace(0.1, 4.0, 40)))
        self.worst = np.array([generator.worst_w1(r) for r in self.norms])

    def agrees(self, certificate: Certificate) -> bool:
        return (
            covers(self.generator, certificate.survival)
            and self._bounds_hold(certificate)
            and self._radius_holds(certificate)
            and all(self._deviation_holds(certificate, claim) for claim in certificate.claims.deviation)
            and self._stays_holds(certificate)
            and self._keeps_holds(certificate)
        )

    def _bounds_hold(self, certificate: Certificate) -> bool:
        stated = certificate.bounds.spread(certificate.survival, self.norms)
        printed = np.array([certificate.w1_bound(0.5 * r) for r in self.norms[::8]])
        return bool((self.worst <= stated + 1e-12).all() and (self.worst[::8] <= printed + 1e-12).all())

    def _radius_holds(self, certificate: Certificate) -> bool:
        r = certificate.radius / 0.5
        return r > 6 or self.generator.worst_w1(r) <= certificate.tolerance + 1e-12

    def _deviation_holds(self, certificate: Certificate, claim) -> bool:
        r, t = claim.epsilon / 0.5, np.array([claim.to_centre])
        return all(self.generator.survival(t, shift)[0] <= claim.gamma + 1e-12 for shift in (-r, -r / 2, r / 2, r))

    def _stays_holds(self, certificate: Certificate) -> bool:
        for epsilon, probability in (certificate.claims.stays or ())[::4]:
            r = epsilon / 0.5
            lost = max(self.generator.survival(np.zeros(1), shift)[0] for shift in (-r, r))
            if 1 - lost < probability - 1e-12:
                return False
        return True

    def _keeps_holds(self, certificate: Certificate) -> bool:
        for kept in certificate.claims.keeps or ():
            r = kept.radius / 0.5
            lost = max(self.generator.survival(np.zeros(1), shift)[0] for shift in (-r, r))
            if kept.radius > 0 and 1 - lost < kept.share - 1e-12:
                return False
        return True
