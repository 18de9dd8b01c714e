"""Does the noise protect as its mechanism says? Likelihood ratios of drawn noise, and certificates counted against it.

A sound mechanism fails a comparison about once in a million runs; seeds are fixed. The levels of the noise are worked
out here again: nothing is read from a mechanism but its noise, its r and its epsilon.
"""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import binom, chi2, norm

from smoothgen import Certificate, ForwardDiffusion, Gaussian, GaussianPerStep, LatentSchedule, certify
from smoothgen.noise import Seed, Stream, normals
from tests.support.statistics.closed_form import LABELS
from tests.support.statistics.validity import ONCE_IN, most_false_claims

ALPHA = 0.05
SEED = Seed(20_260_101, "server")
TWO_SIDED = float(norm.isf(ONCE_IN / 2))
BETA, SIGNAL, NOISE = 0.8, 0.6, 0.9


@dataclass(frozen=True)
class BetaOfAllSteps(GaussianPerStep):
    """Wrong: as if the network saw one view of level β."""

    @property
    def effective_sigma(self) -> float:
        return self.beta


@dataclass(frozen=True)
class NoisiestStepForgotten(GaussianPerStep):
    """Wrong by a fifth at T = 2: H_T without its last term."""

    @property
    def effective_sigma(self) -> float:
        return self.beta / math.sqrt(self.steps * sum(1 / t for t in range(1, self.steps)))


@dataclass(frozen=True)
class OneDrawForAllSteps(GaussianPerStep):
    """Wrong: the same normals at every step, from which x can be solved."""

    def draw(self, seed, stream, indices, shape):
        rows = [normals(seed, stream, i, math.prod(shape)).reshape(shape) for i in indices]
        levels = self.sigmas.reshape(-1, *[1] * len(shape))
        return np.stack([levels * row for row in rows])


@dataclass(frozen=True)
class SummedLatent(LatentSchedule):
    """Wrong: the variances of all steps added, as if none of them passed through the network."""

    @property
    def effective_sigma(self) -> float:
        return self.beta * math.sqrt((self.steps + 1) / 2)


@dataclass(frozen=True)
class RootForgotten(ForwardDiffusion):
    """Wrong: b/a² where b/a belongs."""

    @property
    def effective_sigma(self) -> float:
        return self.noise / self.signal**2


SOUND = [
    Gaussian(BETA),
    GaussianPerStep(BETA, 1),
    GaussianPerStep(BETA, 5),
    GaussianPerStep(BETA, 20),
    LatentSchedule(BETA, 5),
    ForwardDiffusion(SIGNAL, NOISE),
    ForwardDiffusion(1.0, 14.6),
]
BROKEN = [
    BetaOfAllSteps(BETA, 5),
    NoisiestStepForgotten(BETA, 2),
    OneDrawForAllSteps(BETA, 5),
    SummedLatent(BETA, 5),
    RootForgotten(SIGNAL, NOISE),
]


def name_of(mechanism) -> str:
    return repr(mechanism)


def seen(mechanism, noise, shift):
    """What of x the network sees first-hand: views, shape (n, T, d), and per view the attack's factor and the level.

    `noise` as drawn, shape (n, T, d), or (n, d) where there are no steps; `shift` is the attack on x = 0.
    """
    if isinstance(mechanism, GaussianPerStep):
        steps = mechanism.steps
        return noise + shift, np.ones(steps), mechanism.beta * np.sqrt(np.arange(steps, 0, -1) / steps)
    if isinstance(mechanism, LatentSchedule):  # later steps add to what the network made of this one
        return noise[:, :1] + shift, np.ones(1), np.array([mechanism.beta])
    if isinstance(mechanism, ForwardDiffusion):
        views = mechanism.signal * (noise + shift)
        return views[:, None], np.array([mechanism.signal]), np.array([mechanism.noise])
    return (noise + shift)[:, None], np.ones(1), np.array([mechanism.sigma])


def log_likelihood_ratio(mechanism, shift, *, attacked, stream, n=40_000):
    """log of attacked over honest density at n draws of everything the network sees, shape (n,)."""
    rows, copies = 20, n // 20
    noise = mechanism.draw(SEED, stream, range(rows), (copies, len(shift)))
    steps = noise.shape[1:-2]
    # Every number of a draw is independent of every other, so one row holds many samples.
    noise = np.moveaxis(noise, -2, 1).reshape(rows * copies, *steps, len(shift))
    views, factors, levels = seen(mechanism, noise, shift if attacked else 0.0)
    moved = factors[:, None] * shift
    excess = (views**2 - (views - moved) ** 2) / (2 * levels[:, None] ** 2)
    return excess.sum(axis=(1, 2))


def disagreements(mechanism, r: float) -> list[str]:
    """Which moments of the simulated likelihood ratio do not fit N(∓r²/2, r²), for an attack said to be r sigmas."""
    direction = np.array([2.0, -1.0, 2.0]) / 3
    shift = mechanism.epsilon(r) * direction
    honest = log_likelihood_ratio(mechanism, shift, attacked=False, stream=Stream.CERTIFICATION)
    attacked = log_likelihood_ratio(mechanism, shift, attacked=True, stream=Stream.SELECTION)
    n, found = len(honest), []
    for law, drawn, mean in (("honest", honest, -r * r / 2), ("attacked", attacked, r * r / 2)):
        if abs(drawn.mean() - mean) > TWO_SIDED * r / math.sqrt(n):
            found.append(f"{law} mean")
        # The sum of squares about the mean is r²·χ² with n − 1 degrees of freedom: no approximation.
        low, high = chi2.ppf([ONCE_IN / 2, 1 - ONCE_IN / 2], n - 1) / (n - 1)
        if not low <= drawn.var(ddof=1) / r**2 <= high:
            found.append(f"{law} variance")
    # TV is what the attack adds to the event that the ratio exceeds 1.
    variation = (attacked > 0).mean() - (honest > 0).mean()
    error = TWO_SIDED * math.sqrt(2 * ndtr(r / 2) * ndtr(-r / 2) / n)
    if abs(variation - (2 * ndtr(r / 2) - 1)) > error:
        found.append("total variation")
    return found


@pytest.mark.parametrize("r", [0.25, 1.0, 2.5])
@pytest.mark.parametrize("mechanism", SOUND, ids=name_of)
def test_an_attack_of_r_sigmas_has_the_likelihood_ratio_of_r(mechanism, r):
    assert disagreements(mechanism, r) == []


@pytest.mark.parametrize("mechanism", BROKEN, ids=name_of)
def test_a_wrong_sigma_or_wrong_noise_is_caught_by_its_likelihood_ratio(mechanism):
    found = disagreements(mechanism, 1.0)
    assert {"honest variance", "attacked variance"} <= set(found)
    assert len(found) >= 3


# Certificates of a generator that makes the most of all it sees, and whose law is known.


def label_lost(mechanism, noise):
    """Whether a network built to find x loses its label, for noise of shape (n, T, …) or (n, …).

    The mean of the views, weighted by their precision, is all that they say of x. In sigmas it is standard normal, and
    the label is lost above 2. Under the latent schedule the network's first step decides, and sends the latent to
    ±10⁶, where no later noise changes anything.
    """
    views, factors, levels = seen(mechanism, noise, 0.0)
    weights = factors / levels**2
    u = np.moveaxis(views, 1, -1) @ weights * exact_sigma(mechanism)
    lost = u > 2.0
    if isinstance(mechanism, LatentSchedule):
        return np.where(lost, 1e6, -1e6) + noise[:, 1:].sum(axis=1) > 0
    return lost


def exact_sigma(mechanism) -> float:
    """The attack that moves this network's one normal by one: worked out from the views alone."""
    _, factors, levels = seen(mechanism, np.zeros((1, getattr(mechanism, "steps", 1), 1)), 0.0)
    return 1 / math.sqrt(((factors / levels) ** 2).sum())


LABEL = LABELS["label, rarely lost"]
SAMPLES = 132
"""The least n whose Clopper–Pearson level after no loss lies below this label's chance of loss: 4.8 % of certificates
are then false, just under alpha, and a bound any cheaper would be seen."""


@cache
def label_certificate(mechanism, lost: int) -> Certificate:
    """Two-valued distances in sorted order are their count, so equal counts share a certificate."""
    made = certify(
        np.repeat([0.0, 1.0], [SAMPLES - lost, lost]),
        bound=1.0,
        diameter=1.0,
        mechanism=mechanism,
        alpha=ALPHA,
        tolerance=0.15,
        band="two-valued/v1",
    )
    assert isinstance(made, Certificate)
    return made


@cache
def is_false(mechanism, lost: int) -> bool:
    """Whether the radius, a bound, a least probability to stay or the radius of a share is false of the label
    generator."""
    made, sigma = label_certificate(mechanism, lost), exact_sigma(mechanism)
    wrong = [LABEL.worst_w1(r) > made.w1_bound(r * sigma) + 1e-9 for r in (0.1, 0.25, 0.5, 1.0, 2.0)]
    wrong.append(LABEL.worst_w1(made.radius / sigma) > made.tolerance + 1e-9)
    for epsilon, stays in made.claims.stays:
        wrong.append(1 - LABEL.survival(np.zeros(1), epsilon / sigma)[0] < stays - 1e-9)
    for kept in made.claims.keeps:
        lost = LABEL.survival(np.zeros(1), kept.radius / sigma)[0]
        wrong.append(kept.radius > 0 and 1 - lost < kept.share - 1e-9)
    return any(wrong)


def false_labels(mechanism, repeats: int) -> int:
    """In how many repeats any claim is false, the noise drawn by the mechanism itself."""
    noise = mechanism.draw(SEED, Stream.CERTIFICATION, range(repeats), (SAMPLES,))
    return sum(is_false(mechanism, int(lost)) for lost in label_lost(mechanism, noise).sum(axis=1))


REPEATS = 4000
CHANCE = float(ndtr(2.0) ** SAMPLES)
"""No label lost: the one case in which the certificate is false."""


@pytest.mark.parametrize(
    "mechanism",
    [Gaussian(BETA), GaussianPerStep(BETA, 5), LatentSchedule(BETA, 5), ForwardDiffusion(SIGNAL, NOISE)],
    ids=name_of,
)
def test_certificates_are_false_as_often_as_alpha_allows_and_no_cheaper_bound_would_be(mechanism):
    assert ALPHA * 0.9 < CHANCE < ALPHA
    false = false_labels(mechanism, REPEATS)
    assert false <= most_false_claims(REPEATS, ALPHA)
    # Nor is it seldom false because it claims too little.
    assert false >= binom.ppf(ONCE_IN, REPEATS, CHANCE)


@pytest.mark.parametrize(
    "mechanism", [BetaOfAllSteps(BETA, 5), SummedLatent(BETA, 5), RootForgotten(SIGNAL, NOISE)], ids=name_of
)
def test_certificates_of_an_overstated_sigma_are_caught(mechanism):
    repeats = 500
    assert false_labels(mechanism, repeats) > most_false_claims(repeats, ALPHA)


# A chain that denoises: the latent schedule with noise entering between the steps of a nonlinear network.

CHAIN = LatentSchedule(0.8, 5)


def denoised(noise, x: float):
    """Outputs in [0, 1] from latents x + noise of shape (n, 5): at every step pulled to ±3, then the next noise."""
    z = x + noise[:, 0]
    for step in range(5):
        z = 3 * np.tanh(3 * z) - 0.2 * np.sin(4 * z)
        if step < 4:
            z = z + noise[:, step + 1]
    return ndtr(z)


SIMULATED = 500_000
# Dvoretzky–Kiefer–Wolfowitz, Massart's constant, for the two simulated laws of outputs in [0, 1].
SIMULATION_ERROR = 2 * math.sqrt(math.log(2 / (ONCE_IN / 2)) / (2 * SIMULATED))


@cache
def simulated(stream: Stream):
    """Noise of many samples, shape (SIMULATED, 5)."""
    drawn = CHAIN.draw(SEED, stream, range(50), (SIMULATED // 50,))
    return np.moveaxis(drawn, 1, 2).reshape(SIMULATED, 5)


@cache
def true_w1(x: float, shift: float) -> float:
    """W₁ of honest and attacked outputs, both simulated, each from its own noise. On the line: sorted, then paired."""
    honest = np.sort(denoised(simulated(Stream.GENERATOR), x))
    attacked = np.sort(denoised(simulated(Stream.SERVED), x + shift))
    return float(np.abs(honest - attacked).mean())


def false_chains(mechanism, *, x: float, r: tuple[float, ...], repeats: int, n: int) -> int:
    """In how many repeats a bound lies below the true W₁ of an attack of r·β, by more than the simulation's error."""
    least = np.array([max(true_w1(x, sign * s * CHAIN.beta) for sign in (-1, 1)) for s in r]) - SIMULATION_ERROR
    noise = np.moveaxis(mechanism.draw(SEED, Stream.CERTIFICATION, range(repeats), (n,)), 1, 2)
    false = 0
    for drawn in noise:
        distances = np.abs(denoised(drawn, x) - 0.98)
        made = certify(distances, bound=0.98, diameter=1.0, mechanism=mechanism, alpha=ALPHA, tolerance=0.15)
        assert isinstance(made, Certificate)
        false += bool((least > [made.w1_bound(s * CHAIN.beta) for s in r]).any())
    return false


@pytest.mark.parametrize("x", [0.0, 1.0, 1.8])
def test_later_noise_is_post_processing_of_the_first(x):
    repeats = 100
    false = false_chains(CHAIN, x=x, r=(0.25, 0.5, 1.0, 2.0), repeats=repeats, n=300)
    assert false <= most_false_claims(repeats, ALPHA)


def test_the_later_noise_does_not_protect():
    repeats = 100
    summed = SummedLatent(CHAIN.beta, CHAIN.steps)
    assert false_chains(summed, x=0.0, r=(0.5, 1.0), repeats=repeats, n=300) > most_false_claims(repeats, ALPHA)
    # The chain leaves little of the bound unused, so there is nothing for later noise to have earned.
    assert true_w1(-0.2, 0.4) > 0.8 * (2 * ndtr(0.25) - 1)
