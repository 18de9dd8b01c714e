"""The bound of one known other prompt: closed form, a slower independent method, validity, tightness."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import norm

from smoothgen import Certificate, Gaussian, certify
from smoothgen.certificates import Evidence, LookPlan, Provenance, Sampling
from smoothgen.certificates.bounds.theorems import total_variation
from smoothgen.certificates.covers import covers, mean_excess, prompt_bound
from smoothgen.mechanisms import GaussianPerStep
from smoothgen.noise import SCHEME, Seed, Stream
from tests.support.statistics.closed_form import GENERATORS, HEAVY_TAIL, LABELS, RARE_STEP, TANH, Array, ClosedForm
from tests.support.statistics.validity import most_false_claims

ALPHA = 0.05
RADII = (0.25, 1.0, 2.0)
LOOKS = (32, 63, 125, 250, 500)
ADVERSARIAL = GENERATORS | {"label, rarely lost": LABELS["label, rarely lost"]}

Bound = Callable[..., float]


def weighted_shift(generator: ClosedForm, r: float) -> float:
    """E[R·|ρ − 1|] exactly: between two borders the ratio is on one side of 1 and R has one law."""
    borders = np.sort(np.concatenate(([-np.inf], generator.edges, [r / 2, np.inf])))
    left, right = borders[:-1], borders[1:]
    moved = np.abs((ndtr(right - r) - ndtr(left - r)) - (ndtr(right) - ndtr(left)))
    middles = np.clip((np.maximum(left, -50) + np.minimum(right, 50)) / 2, -50, 50)
    cells = np.searchsorted(generator.edges, middles, side="right")
    return float(moved @ (generator.kernel @ generator.distances)[cells])


def drawn(generator: ClosedForm, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """n samples: u, and the distance of an output drawn in u's cell."""
    u = rng.normal(size=n)
    cumulative = np.cumsum(generator.kernel, axis=1)[np.searchsorted(generator.edges, u, side="right")]
    which = (rng.random((n, 1)) * cumulative[:, -1:] > cumulative).sum(axis=1)
    return u, generator.distances[which]


def evidence_of(generator: ClosedForm, distances: Array) -> Evidence:
    return Evidence.from_measurements(distances, bound=generator.bound, diameter=1.0)


def false_bounds(
    generator: ClosedForm, r: float, *, sizes: Sequence[int], repeats: int, seed: int, bound: Bound = prompt_bound
) -> int:
    """In how many repeats the least bound over all looks lies below the mean it bounds."""
    rng, truth, false = np.random.default_rng(seed), weighted_shift(generator, r), 0
    for _ in range(repeats):
        u, distances = drawn(generator, rng, sizes[-1])
        false += any(
            bound(evidence_of(generator, distances[:n]), u[:n], r, alpha=ALPHA, sizes=sizes) < truth * (1 - 1e-12)
            for n in sizes
        )
    return false


# Closed form


@pytest.mark.parametrize("r", [1e-6, 0.1, 0.7, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("kappa", [0.0, 1e-7, 0.05, 0.9, 1.0, 3.0, 40.0])
def test_the_mean_excess_is_the_integral(r: float, kappa: float) -> None:
    lower = math.log1p(-kappa) / r + r / 2 if kappa < 1 else -math.inf
    upper = math.log1p(kappa) / r + r / 2

    def excess(u: float) -> float:
        return (abs(math.expm1(r * u - r * r / 2)) - kappa) * math.exp(-u * u / 2) / math.sqrt(2 * math.pi)

    cut = 12 + r
    exact = sum(
        quad(excess, a, b, limit=500, epsabs=1e-14, epsrel=1e-11)[0]
        for a, b in ((-cut, min(lower, cut)), (max(upper, -cut), cut))
        if a < b
    )
    assert mean_excess(kappa, r) == pytest.approx(exact, rel=1e-8, abs=1e-11)


@pytest.mark.parametrize("generator", [TANH, RARE_STEP, HEAVY_TAIL])
@pytest.mark.parametrize("r", RADII)
def test_the_mean_that_is_bounded_bounds_w1(generator: ClosedForm, r: float) -> None:
    assert generator.w1(r) <= weighted_shift(generator, r) <= 2 * total_variation(r) * generator.bound


@pytest.mark.parametrize("r", RADII)
def test_distances_that_are_all_equal_cost_what_they_are(r: float) -> None:
    u = np.random.default_rng(3).normal(size=20_000)
    evidence = Evidence.from_measurements(np.full(20_000, 0.25), bound=1.0, diameter=1.0)
    exact = 0.25 * 2 * total_variation(r)
    assert exact <= prompt_bound(evidence, u, r, alpha=0.001, sizes=(20_000,)) <= 1.2 * exact


# A slower independent method: one sample after the other, as a gambler would.


def gambled(evidence: Evidence, u: Array, r: float, *, alpha: float, sizes: Sequence[int]) -> float:
    """The same bound from its definition."""
    worst, weight = evidence.bound, 2 * total_variation(r)

    def kappa_for(p: float) -> float:
        def exceeded(kappa: float) -> float:
            lower = ndtr(math.log1p(-kappa) / r + r / 2) if kappa < 1 else 0.0
            return float(ndtr(-math.log1p(kappa) / r - r / 2) + lower) - p

        return float(brentq(exceeded, 0.0, 1e9, xtol=1e-15, maxiter=1000))

    def fortune(mean: float) -> float:
        total = 0.0
        tuned = sorted(sizes)[::-2]
        for size in tuned:
            kappa = kappa_for(min(0.5, 3 * math.log(1 / alpha) / size))
            capital, seen, rests, squares = 1.0, 0.0, 0.0, 0.0
            for i, (x, distance) in enumerate(zip(u, evidence.distances.tolist(), strict=True), start=1):
                m = seen / i
                w = abs(math.exp(r * x - r * r / 2) - 1)
                g = m + (worst - m) * max(0.0, 1 - kappa / w)
                known = m * weight + (worst - m) * mean_excess(kappa, r)
                stake = min(
                    math.sqrt(2 * math.log(1 / alpha) / (size * ((worst * kappa / 4) ** 2 + squares) / i)),
                    0.9 / ((worst - m) * kappa + known),
                )
                rest = (min(distance, worst) - g) * w
                capital *= 1 + stake * (mean - known - rest)
                squares += (rest - rests / i) ** 2
                seen, rests = seen + min(distance, worst), rests + rest
            total += capital / len(tuned)
        return total

    if fortune(worst * weight) < 1 / alpha:
        return worst * weight
    return float(brentq(lambda mean: math.log(fortune(mean) * alpha), 0.0, worst * weight, xtol=1e-12))


@pytest.mark.parametrize("name", ["rare step", "tanh", "own randomness", "zigzag with ties"])
@pytest.mark.parametrize("r", RADII)
def test_the_bound_is_the_gamblers(name: str, r: float) -> None:
    generator = GENERATORS[name]
    u, distances = drawn(generator, np.random.default_rng(7), 63)
    evidence = evidence_of(generator, distances)
    for sizes in ((63,), (32, 63, 125)):
        slow = gambled(evidence, u, r, alpha=0.01, sizes=sizes)
        assert prompt_bound(evidence, u, r, alpha=0.01, sizes=sizes, worst=evidence.bound) == pytest.approx(
            min(1.0, slow), rel=1e-7
        )


# Validity


@pytest.mark.parametrize("r", RADII)
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_no_bound_is_too_low_too_often(name: str, r: float) -> None:
    repeats = 400
    false = false_bounds(ADVERSARIAL[name], r, sizes=(60,), repeats=repeats, seed=11)
    assert false <= most_false_claims(repeats, ALPHA)


@pytest.mark.parametrize("name", ["label, rarely lost", "own randomness"])
def test_thousands_of_bounds(name: str) -> None:
    repeats = 4000
    false = false_bounds(ADVERSARIAL[name], 1.0, sizes=(100,), repeats=repeats, seed=12)
    assert false <= most_false_claims(repeats, ALPHA)


@pytest.mark.parametrize("name", ["label, rarely lost", "own randomness"])
def test_whoever_stops_where_the_bound_is_least_is_held_to_the_same_alpha(name: str) -> None:
    repeats = 700
    false = false_bounds(ADVERSARIAL[name], 1.0, sizes=LOOKS, repeats=repeats, seed=13)
    assert false <= most_false_claims(repeats, ALPHA)


def on_prompt(mechanism: Gaussian, sampling: Sampling, distances: Array) -> Certificate:
    made = certify(
        distances,
        bound=1.0,
        diameter=1.0,
        mechanism=mechanism,
        alpha=ALPHA,
        tolerance=0.3,
        provenance=Provenance(sampling=sampling),
    )
    assert isinstance(made, Certificate)
    return made


def test_the_whole_path_from_a_seed_to_the_bound_of_a_prompt() -> None:
    """Noise in eight dimensions drawn again from the certificate's seed, two prompts, both bounds together."""
    repeats, n, mechanism = 500, 60, Gaussian(0.5)
    ridge = np.eye(8)[0]
    deltas = [0.5 * ridge, np.array([0.3, -0.6, 0.1, 0, 0, 0.2, 0, 0])]
    true = [TANH.w1(1.0), TANH.w1(0.6)]  # of the second, all but 0.3 lies across the ridge
    false = 0
    for repeat in range(repeats):
        seed = Seed(10**6 + repeat, "server")
        noise = mechanism.draw(seed, Stream.CERTIFICATION, range(n), (8,))
        distances = np.abs(0.5 * np.tanh(2 * (noise @ ridge) / 0.5))
        certificate = on_prompt(mechanism, Sampling(str(seed), "server", SCHEME, "none", 32), distances)
        answers = covers(certificate, deltas, alpha=ALPHA / 2)
        assert [a.samples for a in answers] == [n, n]
        # The grid generator differs from tanh by less than its cell width.
        false += any(w > (a.prompt_bound or 0.0) + 0.006 for w, a in zip(true, answers, strict=True))
    assert false <= most_false_claims(repeats, ALPHA)


# Tests that can fail: the same harness on bounds that are wrong.


def without_the_tail(evidence: Evidence, u: Array, r: float, *, alpha: float, sizes: Sequence[int]) -> float:
    """A bound on E[R·min(W, 1/4)] taken for one on E[R·W]."""
    capped = np.minimum(np.abs(np.expm1(r * u - r * r / 2)), 0.25) * np.minimum(evidence.distances, evidence.bound)
    return float(capped.mean() + 0.25 * evidence.bound * math.sqrt(math.log(1 / alpha) / (2 * len(u))))


def of_other_samples(evidence: Evidence, u: Array, r: float, *, alpha: float, sizes: Sequence[int]) -> float:
    """Every distance with the noise of another sample."""
    return prompt_bound(evidence, np.roll(u, 1), r, alpha=alpha, sizes=sizes)


@pytest.mark.parametrize("mutant", [without_the_tail, of_other_samples])
def test_the_harness_notices_a_bound_that_is_wrong(mutant: Bound) -> None:
    repeats = 100
    false = false_bounds(LABELS["label, rarely lost"], 2.0, sizes=(500,), repeats=repeats, seed=14, bound=mutant)
    assert false > most_false_claims(repeats, ALPHA)


DIRECTIONS, LOST_SHARE, LONG = 20, 0.0008, 4000


def test_a_prompt_chosen_by_the_distances_has_no_such_bound() -> None:
    """Why covers speaks of prompts chosen without looking at the samples, and not at the seed alone. Each of many
    directions rarely loses the output, and the distance of a lost one tells which: whoever asks for the direction seen
    least often has looked, though he never saw the noise."""
    rng, r, repeats = np.random.default_rng(19), 2.0, 500
    threshold = float(norm.isf(LOST_SHARE))
    others = 1 - (1 - LOST_SHARE) ** (DIRECTIONS - 1)  # lost by another direction, whatever this one does
    own = float(norm.sf(threshold - r)) - LOST_SHARE
    smallest = 1 - DIRECTIONS * 1e-6
    truth = (own * (1 - others) + others * 2 * total_variation(r)) * smallest
    fixed = searched = 0
    for _ in range(repeats):
        u = rng.normal(size=(LONG, DIRECTIONS))
        lost = u > threshold
        first = lost.argmax(axis=1)
        evidence = Evidence.from_measurements(
            np.where(lost.any(axis=1), 1 - first * 1e-6, 0.0), bound=1.0, diameter=1.0
        )
        seen = np.bincount(first[lost.any(axis=1)], minlength=DIRECTIONS)
        for direction, looked in ((0, False), (int(seen.argmin()), True)):
            false = prompt_bound(evidence, u[:, direction], r, alpha=ALPHA, sizes=(LONG,)) < truth
            fixed, searched = fixed + (false and not looked), searched + (false and looked)
    assert fixed <= most_false_claims(repeats, ALPHA)
    assert searched > most_false_claims(repeats, ALPHA)


# Tightness


@pytest.mark.parametrize(("r", "most"), [(0.25, 1.25), (1.0, 1.35), (2.0, 1.8)])
def test_with_many_samples_the_bound_is_near_the_mean_it_bounds(r: float, most: float) -> None:
    generator = GENERATORS["own randomness"]
    u, distances = drawn(generator, np.random.default_rng(15), 20_000)
    bound = prompt_bound(evidence_of(generator, distances), u, r, alpha=0.001, sizes=(20_000,))
    assert bound <= most * weighted_shift(generator, r)


@pytest.mark.parametrize("r", [0.1, 0.5, 1.0])
def test_it_beats_the_ball_where_the_distances_do_not_follow_the_shift(r: float) -> None:
    """500 samples, α = 0.001: most directions of a high-dimensional embedding look like this one."""
    rng = np.random.default_rng(16)
    u, distances = rng.normal(size=500), rng.beta(8, 24, size=500)
    certificate = certify(distances, bound=1.0, diameter=2.0, mechanism=Gaussian(1.0), alpha=0.001, tolerance=0.1)
    assert isinstance(certificate, Certificate)
    own = prompt_bound(certificate.evidence, u, r, alpha=0.001, sizes=(500,))
    assert own < 0.83 * certificate.spread_w1_bound(r)


def test_looks_cost_little() -> None:
    rng = np.random.default_rng(17)
    u = rng.normal(size=500)
    evidence = Evidence.from_measurements(rng.beta(8, 24, size=500), bound=1.0, diameter=2.0)
    single = prompt_bound(evidence, u, 0.5, alpha=0.001, sizes=(500,))
    planned = prompt_bound(evidence, u, 0.5, alpha=0.001, sizes=LookPlan.doubling(500, 0.001).sizes)
    assert single <= planned <= 1.05 * single


# The likelihood ratio


def log_density(noise: Array, sigma: float) -> Array:
    summed: Array = -0.5 * (noise**2).sum(axis=tuple(range(1, noise.ndim))) / sigma**2
    return summed


def test_the_ratio_is_that_of_the_densities() -> None:
    delta = np.random.default_rng(18).normal(size=(3, 5))
    seed = Seed(5, "server")
    noise = Gaussian(0.7).draw(seed, Stream.CERTIFICATION, range(20), (3, 5))
    u, r = Gaussian(0.7).project(noise, delta)
    assert r * u - r * r / 2 == pytest.approx(log_density(noise - delta, 0.7) - log_density(noise, 0.7), rel=1e-10)

    schedule = GaussianPerStep(0.7, 6)
    views = schedule.draw(seed, Stream.CERTIFICATION, range(20), (3, 5))
    u, r = schedule.project(views, delta)
    ratio = sum(
        log_density(views[:, t] - delta, sigma) - log_density(views[:, t], sigma)
        for t, sigma in enumerate(schedule.sigmas)
    )
    assert r * u - r * r / 2 == pytest.approx(ratio, rel=1e-10)
    assert r == pytest.approx(np.linalg.norm(delta) / schedule.effective_sigma, rel=1e-9)
