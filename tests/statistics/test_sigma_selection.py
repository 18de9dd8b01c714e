"""The certified selection of σ: closed form, an independent method, how often it is false at α = 0.05, tightness."""

import math

import numpy as np
import pytest
from scipy.special import ndtri
from scipy.stats import beta, binom

from smoothgen import Certificate, Gaussian, SigmaSelection, certify, select_sigma
from smoothgen.certificates import remaining_alpha, selection_alpha
from tests.support.statistics.sensitive import BUDGET, GENERATORS, GRID, RISING, Sensitive, of_steps
from tests.support.statistics.validity import most_false_claims

ALPHA = 0.05
REPEATS = 2000


def select(drawn, alpha=ALPHA):
    outcome = select_sigma(drawn, budget=BUDGET, grid=GRID, selection_sigma=1.0, alpha=alpha)
    return outcome if isinstance(outcome, SigmaSelection) else None


def honest(drawn):
    """(cell, radius), or None where it abstains."""
    made = select(drawn)
    return None if made is None else (made.cell, made.radius)


def false_selections(generator: Sensitive, method, *, m: int, repeats: int, seed: int) -> int:
    """How often the true median leaves the cell within the stated radius."""
    rng = np.random.default_rng(seed)
    false = 0
    for drawn in generator.sample_sensitivities(rng, (repeats, m)):
        made = method(drawn)
        false += made is not None and made[1] >= generator.true_radii[made[0]]
    return false


@pytest.mark.parametrize("m", [20, 100, 400])
@pytest.mark.parametrize("name", GENERATORS)
def test_the_median_stays_in_the_cell_within_the_radius(name, m):
    false = false_selections(GENERATORS[name], honest, m=m, repeats=REPEATS, seed=m)
    assert false <= most_false_claims(REPEATS, ALPHA)


def test_closed_form_radius():
    """A tail of mass Φ(−1.2) on one side: as the draws grow the radius comes to 1.2, which is the truth."""
    assert GENERATORS["heavier above"].true_radii[0] == pytest.approx(1.2, abs=1e-3)
    for count, m in ((12, 100), (115, 1000), (1151, 10_000)):
        made = select(np.array([0.9] * (m - count) + [3.0] * count))
        assert made.radius == pytest.approx(-ndtri(beta.isf(ALPHA / 3, count + 1, m - count)), rel=1e-7)
    assert 1.15 < made.radius < 1.2


@pytest.mark.parametrize("m", [20, 101, 400])
def test_it_agrees_with_testing_every_shift_by_an_exact_binomial_test(m):
    """Slower and independent: ε is proven where P(Binomial(m, Φ(−ε)) ≤ count) ≤ α/3 for both tails, by bisection."""
    rng = np.random.default_rng(m)
    draws = RISING.sample_sensitivities(rng, (20, m))
    slow, made = [by_binomial_tests(drawn) for drawn in draws], [honest(drawn) for drawn in draws]
    assert [found and found[0] for found in made] == [found and found[0] for found in slow]
    radii = [[found[1] for found in of if found is not None] for of in (made, slow)]
    assert radii[0] == pytest.approx(radii[1], rel=1e-6, abs=1e-8)


def by_binomial_tests(drawn):
    """Every cell in turn, every tail on its own."""
    m = len(drawn)

    def largest(count: int) -> float:
        """The largest ε whose hypothesis, a tail heavier than Φ(−ε), is refused at α/3; 0 where not even ε = 0 is."""
        low, high = 0.0, 10.0
        if binom.cdf(count, m, 0.5) > ALPHA / 3:
            return 0.0
        for _ in range(60):
            middle = (low + high) / 2
            refused = binom.cdf(count, m, 0.5 * math.erfc(middle / math.sqrt(2))) <= ALPHA / 3
            low, high = (middle, high) if refused else (low, middle)
        return low

    for k in range(-4, 5):
        above = sum(s > BUDGET / 2 ** (k / 2) for s in drawn)
        below = sum(s <= BUDGET / 2 ** ((k + 1) / 2) for s in drawn) if k < 4 else None
        epsilon = min(largest(above), math.inf if below is None else largest(below))
        if epsilon > 0:
            return k, epsilon
    return None


@pytest.mark.parametrize("m", [100, 400])
def test_an_attacked_request_is_served_at_the_same_level_or_abstains(m):
    """At the worst shift within the true radius, over ITS OWN draws, another level is served with probability ≤ α."""
    for name, generator in GENERATORS.items():
        cells = [k for k, radius in generator.true_radii.items() if radius > 0]
        if not cells:
            continue
        [cell], rng = cells, np.random.default_rng(m)
        for sign in (-1, 1):
            shift = sign * 0.999 * generator.true_radii[cell]
            served = [honest(drawn) for drawn in generator.sample_sensitivities(rng, (500, m), shift)]
            elsewhere = sum(made is not None and made[0] != cell for made in served)
            assert elsewhere <= most_false_claims(500, ALPHA), name


def truths(generator: Sensitive, shifts) -> dict[float, np.ndarray]:
    """Exact worst W₁ at every level of the grid, under shifts in units of the prompt."""
    return {
        sigma: np.array([generator.served_at(sigma).worst_w1(shift / sigma) for shift in shifts])
        for sigma in GRID.levels
    }


def false_certificates(generator: Sensitive, method, *, repeats: int, seed: int) -> tuple[int, int]:
    """(false ones, certificates): the median leaves its cell, or the outputs, at the level selected, move further than
    the bound, at any shift within the radius."""
    m, n, shifts = 100, 60, np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0])
    rng, true = np.random.default_rng(seed), truths(generator, shifts)
    false = made = 0
    for drawn in generator.sample_sensitivities(rng, (repeats, m)):
        chosen = method(drawn)
        if chosen is None:
            continue
        served = generator.served_at(chosen.sigma)
        certificate = certify(
            served.sample_distances(rng, (n,)),
            bound=0.5,
            diameter=1.0,
            mechanism=Gaussian(chosen.sigma),
            alpha=ALPHA,
            tolerance=0.2,
            sigma_selection=chosen,
        )
        assert isinstance(certificate, Certificate)
        made += 1
        within = shifts[shifts <= certificate.reach]
        stated = np.array([certificate.w1_bound(shift) for shift in within])
        false += (
            certificate.reach >= generator.true_radii[chosen.cell]
            or bool((true[chosen.sigma][: len(within)] > stated + 1e-12).any())
            or served.worst_w1(certificate.radius / chosen.sigma) > certificate.tolerance + 1e-12
        )
    return false, made


@pytest.mark.parametrize("name", ["rising", "heavy on both sides"])
def test_no_claim_of_the_whole_certificate_is_false_too_often(name):
    repeats = 1000
    false, made = false_certificates(
        GENERATORS[name], lambda drawn: select(drawn, selection_alpha(ALPHA)), repeats=repeats, seed=7
    )
    assert made > repeats / 2
    assert false <= most_false_claims(repeats, ALPHA)


def test_tightness():
    """The radius against the true one, on average over prompts that are placed."""
    for m, at_least in ((100, 0.4), (1000, 0.8)):
        for name in ("heavier above", "heavy on both sides", "rising"):
            generator, rng = GENERATORS[name], np.random.default_rng(m)
            made = [select(drawn) for drawn in generator.sample_sensitivities(rng, (50, m))]
            ratio = np.mean([0 if s is None else s.radius / generator.true_radii[s.cell] for s in made])
            assert at_least < ratio < 1, (name, m, ratio)


def test_the_shares_of_alpha_are_spent_once():
    assert math.fsum((selection_alpha(ALPHA), remaining_alpha(ALPHA, selection_alpha(ALPHA)))) <= ALPHA


# Tests that can fail: the same harness on selections that are wrong.


def counted(drawn):
    """The cell of the sample's median and the shares seen in its tails, with `bound` their upper bound."""
    k = max((k for k in range(-4, 5) if np.median(drawn) <= BUDGET / GRID.level(k)), default=-4)
    above = np.count_nonzero(drawn > BUDGET / GRID.level(k))
    below = np.count_nonzero(drawn <= BUDGET / GRID.level(k + 1)) if k < 4 else 0
    return k, max(above, below)


def without_confidence_bounds(drawn):
    """The shares seen, taken for the probabilities."""
    k, count = counted(drawn)
    return k, float(-ndtri(min(0.5, max(count, 0.5) / len(drawn))))


def all_of_alpha_for_every_event(drawn):
    """Three events at α each instead of together."""
    made = select(drawn, 3 * ALPHA)
    return None if made is None else (made.cell, made.radius)


def one_sided(drawn):
    """Only the upper edge of the cell."""
    made = select(drawn)
    if made is None:
        return None
    above = np.count_nonzero(drawn > BUDGET / made.sigma)
    return made.cell, float(-ndtri(beta.isf(ALPHA / 3, above + 1, len(drawn) - above)))


MUTANTS = {
    without_confidence_bounds: "heavier above",
    one_sided: "heavier below",
}


@pytest.mark.parametrize("broken", MUTANTS, ids=lambda method: method.__name__)
def test_a_broken_selection_is_caught(broken):
    false = false_selections(GENERATORS[MUTANTS[broken]], broken, m=100, repeats=500, seed=5)
    assert false > most_false_claims(500, ALPHA)


def test_spending_alpha_three_times_is_caught():
    """With the median on an edge, the wrong cell is proven as easily as the right one."""
    on_an_edge = of_steps([1e-6], [0.9, 3.0])
    false = false_selections(on_an_edge, all_of_alpha_for_every_event, m=18, repeats=4000, seed=6)
    assert false > most_false_claims(4000, ALPHA)
    assert false_selections(on_an_edge, honest, m=18, repeats=4000, seed=6) <= most_false_claims(4000, ALPHA)


def test_a_certificate_without_confidence_bounds_is_caught():
    def plugged(drawn):
        """The honest dataclass, made to believe in a hundred times as many draws of the same law."""
        return select(np.repeat(drawn, 100), selection_alpha(ALPHA))

    false, _ = false_certificates(GENERATORS["heavier above"], plugged, repeats=300, seed=8)
    assert false > most_false_claims(300, ALPHA)
