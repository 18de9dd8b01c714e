"""Lower bounds on shifts: closed forms, slower methods, how often each is too high at alpha = 0.05, tightness and
mutants."""

import math

import numpy as np
import pytest
from scipy.optimize import brentq, linprog
from scipy.stats import binom

from smoothgen.evaluation.confidence import probability_at_least, probability_at_most
from smoothgen.evaluation.falsification import (
    Comparison,
    Critic,
    deviation_exceeded,
    event_lower_bound,
    gap_lower_bound,
    judge,
    label_shift_lower_bound,
    paired_gap_lower_bound,
    probability_shift_lower_bound,
    shift_lower_bound,
    train_critic,
)
from smoothgen.evaluation.falsification.means import INEQUALITIES
from tests.support.statistics.closed_form import TANH
from tests.support.statistics.validity import most_false_claims

ALPHA = 0.05

# Differences of means


@pytest.mark.parametrize("n", [2, 20, 1000])
def test_constant_values_have_the_bounds_of_the_closed_forms(n):
    """honest all 0, attacked all w: the difference is w, less Hoeffding's term; Chernoff's mean of ones is β^(1/n)."""
    zeros, ones, w = np.zeros(n), np.full(n, 3.0), 3.0
    closed = {
        "hoeffding": w * (1 - math.sqrt(math.log(1 / ALPHA) / n)),
        "chernoff": w * (2 * (ALPHA / 2) ** (1 / n) - 1),
        "bernstein": w * (1 - 14 * math.log(4 / ALPHA) / (3 * (n - 1))),
    }
    for name, value in closed.items():
        bound = gap_lower_bound(zeros, ones, width=w, alpha=ALPHA, inequality=name)
        assert bound == pytest.approx(max(-w, value), abs=1e-9)
        assert bound <= max(-w, value) + 1e-12
    assert paired_gap_lower_bound(ones, width=w, alpha=ALPHA, inequality="chernoff") == pytest.approx(
        w * (2 * ALPHA ** (1 / n) - 1), abs=1e-9
    )


def relative_entropy(x: float, m: float) -> float:
    return x * math.log(x / m) + (1 - x) * math.log((1 - x) / (1 - m))


@pytest.mark.parametrize("mean", [0.003, 0.2, 0.5, 0.97])
@pytest.mark.parametrize("n", [30, 2000])
def test_the_chernoff_bound_agrees_with_a_root(mean, n):
    """A solver's root in place of bisection, on pairs whose differences are ±1."""
    values = np.full(n, 2 * mean - 1)
    root = brentq(lambda m: relative_entropy(mean, m) - math.log(1 / ALPHA) / n, 1e-100, mean, xtol=1e-14)
    bound = paired_gap_lower_bound(values, width=1.0, alpha=ALPHA, inequality="chernoff")
    assert bound == pytest.approx(2 * root - 1, abs=1e-9)
    hoeffding = paired_gap_lower_bound(values, width=1.0, alpha=ALPHA, inequality="hoeffding")
    assert hoeffding <= bound + 1e-12  # Pinsker


def coins(rng, p: float, size: int):
    return (rng.random(size) < p) * 1.0


LAWS = {
    "coins": (lambda rng, n: coins(rng, 0.02, n), lambda rng, n: coins(rng, 0.1, n), 0.08),
    "beta": (lambda rng, n: rng.beta(2, 5, n), lambda rng, n: rng.beta(3, 4, n), 3 / 7 - 2 / 7),
    "narrow": (lambda rng, n: 0.5 + 0.01 * rng.random(n), lambda rng, n: 0.5 + 0.01 * rng.random(n), 0.0),
}


@pytest.mark.parametrize("inequality", INEQUALITIES)
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [10, 300])
def test_differences_are_too_high_in_at_most_alpha_of_the_draws(inequality, law, n):
    rng, repeats = np.random.default_rng(0), 1000
    honest, attacked, true = LAWS[law]
    false = paired = 0
    for _ in range(repeats):
        p, q = honest(rng, n), attacked(rng, n)
        false += gap_lower_bound(p, q, width=1.0, alpha=ALPHA, inequality=inequality) > true
        paired += paired_gap_lower_bound(q - p, width=1.0, alpha=ALPHA, inequality=inequality) > true
    assert max(false, paired) <= most_false_claims(repeats, ALPHA)


def all_ones(chance: float, alpha: float, n: int = 20) -> int:
    """Of 4,000 bounds on pairs that are 1 with a probability for which all n are 1 with this chance, else −1, how many
    are too high."""
    p = chance ** (1 / n)
    rng, false = np.random.default_rng(1), 0
    for ones in rng.binomial(n, p, size=4000).tolist():
        values = np.where(np.arange(n) < ones, 1.0, -1.0)
        false += paired_gap_lower_bound(values, width=1.0, alpha=alpha, inequality="chernoff") > 2 * p - 1
    return false


def test_the_chernoff_bound_is_attained_and_twice_alpha_is_caught():
    assert 4000 * ALPHA / 2 < all_ones(0.99 * ALPHA, ALPHA) <= most_false_claims(4000, ALPHA)
    assert all_ones(1.9 * ALPHA, 2 * ALPHA) > most_false_claims(4000, ALPHA)


def test_each_inequality_is_the_sharpest_somewhere():
    rng, sharpest = np.random.default_rng(2), set()
    for honest, attacked in ((0.5, 0.6), (0.0, 0.05)):
        p, q = coins(rng, honest, 300), coins(rng, attacked, 300)
        sharpest.add(max(INEQUALITIES, key=lambda i: gap_lower_bound(p, q, width=1.0, alpha=ALPHA, inequality=i)))
    p, q = 0.5 + 0.001 * rng.random((2, 5000))
    sharpest.add(max(INEQUALITIES, key=lambda i: gap_lower_bound(p, q, width=1.0, alpha=ALPHA, inequality=i)))
    assert sharpest == set(INEQUALITIES)


# A critic


def test_every_critic_is_1_lipschitz_with_failures_too():
    rng, diameter = np.random.default_rng(3), 1.5
    honest, attacked = rng.random((40, 2)), rng.random((40, 2)) + np.array([0.2, 0])
    attacked[:5] = np.nan
    points = np.concatenate((rng.random((60, 2)) * 1.05, np.full((1, 2), np.nan)))
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    apart = np.where(np.isnan(apart), diameter, np.minimum(apart, diameter))
    np.fill_diagonal(apart, 0)
    for failing in (attacked, attacked[5:]):
        for paired in (False, True):
            size = len(failing)
            critic, _ = train_critic(honest[:size], failing, size=size, diameter=diameter, alpha=ALPHA, paired=paired)
            values = critic(points)
            assert (np.abs(values[:, None] - values) <= apart + 1e-12).all()
            assert 0 <= values.min() <= values.max() <= critic.width <= diameter


def exact_w1(points, p, q) -> float:
    """By linear programming over all couplings."""
    m = len(points)
    costs = np.linalg.norm(points[:, None] - points, axis=2).ravel()
    rows = np.kron(np.eye(m), np.ones(m)), np.kron(np.ones(m), np.eye(m))
    return linprog(costs, A_eq=np.concatenate(rows), b_eq=np.concatenate((p, q))).fun


def test_no_critic_exceeds_w1_by_linear_programming():
    """On laws over few points, where the critic's exact means are known: no sampling error to hide behind."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        points = rng.random((6, 3))
        p, q = rng.dirichlet(np.ones(6), size=2)
        honest, attacked = points[rng.choice(6, 80, p=p)], points[rng.choice(6, 80, p=q)]
        critic, _ = train_critic(honest, attacked, size=80, diameter=2.0, alpha=ALPHA, paired=False)
        assert (q - p) @ critic(points) <= exact_w1(points, p, q) + 1e-9


def too_high_without_a_shift(repeats: int, read) -> int:
    """How often a shift is claimed between two samples of one law in 100 dimensions."""
    rng = np.random.default_rng(5)
    return sum(read(*np.clip(rng.normal(size=(2, 60, 100)), -2, 2) / 50) > 0 for _ in range(repeats))


def test_no_shift_is_claimed_where_there_is_none():
    repeats = 100
    sound = lambda p, q: shift_lower_bound(p, q, diameter=1.0, alpha=ALPHA).value  # noqa: E731
    assert too_high_without_a_shift(repeats, sound) <= most_false_claims(repeats, ALPHA)


def test_a_critic_that_is_read_on_its_training_half_is_caught():
    def cheating(p, q):
        critic, _ = train_critic(p, q, size=5000, diameter=1.0, alpha=ALPHA, paired=False)
        return gap_lower_bound(critic(p), critic(q), width=critic.width, alpha=ALPHA, inequality="hoeffding")

    assert too_high_without_a_shift(40, cheating) > most_false_claims(40, ALPHA)


def test_a_critic_that_stretches_is_caught_by_linear_programming():
    points, p, q = np.array([[0.0], [1.0]]), np.array([0.8, 0.2]), np.array([0.3, 0.7])
    stretched = Critic("direction", np.array([2.0]), 1, 0.0, 2.0, 0.0)
    assert (q - p) @ stretched(points) > exact_w1(points, p, q) + 0.1


@pytest.mark.parametrize("paired", [False, True])
def test_the_shift_is_too_high_in_at_most_alpha_and_near_the_truth(paired):
    """TANH on a grid: W₁ is exactly known."""
    rng, repeats, r, n = np.random.default_rng(6), 60, 0.5, 400
    true = TANH.w1(r)

    def outputs(u):
        return TANH.outputs[np.argmax(TANH.kernel[np.searchsorted(TANH.edges, u)], axis=-1)][:, None]

    false = 0
    for _ in range(repeats):
        u = rng.normal(size=n)
        v = u if paired else rng.normal(size=n)
        false += shift_lower_bound(outputs(u), outputs(v + r), diameter=1.0, alpha=ALPHA, paired=paired).value > true
    assert false <= most_false_claims(repeats, ALPHA)
    u = rng.normal(size=40_000)
    v = u if paired else rng.normal(size=40_000)
    found = shift_lower_bound(outputs(u), outputs(v + r), diameter=1.0, alpha=ALPHA, paired=paired)
    assert 0.9 * true < found.value <= true
    assert found.samples == 20_000


def test_failures_under_attack_are_a_shift():
    rng = np.random.default_rng(7)
    honest, attacked = rng.random((2, 2000, 2)) / 10
    attacked[rng.random(2000) < 0.4] = np.nan
    assert 0.3 < shift_lower_bound(honest, attacked, diameter=1.0, alpha=ALPHA).value <= 0.45
    assert 0.3 < shift_lower_bound(attacked, honest, diameter=1.0, alpha=ALPHA).value <= 0.45


# Labels, guards and deviations


def test_binomials_have_their_closed_forms():
    assert event_lower_bound(30, 30, ALPHA) == pytest.approx(ALPHA ** (1 / 30), rel=1e-7)
    assert event_lower_bound(0, 30, ALPHA) == 0
    shift = probability_shift_lower_bound(0, 40, 30, 30, ALPHA)
    assert shift == pytest.approx((ALPHA / 2) ** (1 / 30) - (1 - (ALPHA / 2) ** (1 / 40)), rel=1e-6)
    assert probability_shift_lower_bound(20, 40, 20, 40, ALPHA) == 0


@pytest.mark.parametrize(("k", "n"), [(1, 10), (7, 20), (250, 1000)])
def test_binomials_agree_with_sums(k, n):
    low, high = probability_at_least(k, n, ALPHA), probability_at_most(k, n, ALPHA)
    assert binom.sf(k - 1, n, low) <= ALPHA < binom.sf(k - 1, n, low + 1e-6)
    assert binom.cdf(k, n, high) <= ALPHA < binom.cdf(k, n, high - 1e-6)


def test_binomial_shifts_are_too_high_in_at_most_alpha_and_no_split_is_caught():
    rng, repeats, n = np.random.default_rng(8), 20_000, 60
    p, q = 0.0, 0.3
    hits = rng.binomial(n, q, size=repeats)
    bounds = np.array([probability_at_least(k, n, ALPHA / 2) for k in range(n + 1)])
    assert (bounds[hits] > q).sum() <= most_false_claims(repeats, ALPHA / 2)
    assert (bounds[hits] > q).mean() > ALPHA / 6
    # What an event's bound would be without its correction: the share that was seen.
    assert (hits / n > q).mean() > 4 * ALPHA
    false = sum(
        probability_shift_lower_bound(int(a), n, int(b), n, ALPHA) > q - p
        for a, b in zip(rng.binomial(n, p, size=3000), rng.binomial(n, q, size=3000), strict=True)
    )
    assert false <= most_false_claims(3000, ALPHA)


def test_label_shifts_are_valid_near_the_truth_and_choosing_on_all_labels_is_caught():
    rng, repeats = np.random.default_rng(9), 400
    names = np.array([f"label {k}" for k in range(30)])
    false = cheating = 0
    for _ in range(repeats):
        p, q = names[rng.integers(30, size=(2, 120))].tolist()
        false += label_shift_lower_bound(p, q, alpha=ALPHA)[0] > 0
        more = {name for name in names if q.count(name) > p.count(name)}
        counts = [sum(label in more for label in labels) for labels in (p, q)]
        cheating += probability_shift_lower_bound(counts[0], 120, counts[1], 120, ALPHA) > 0
    assert false <= most_false_claims(repeats, ALPHA)
    assert cheating > most_false_claims(repeats, ALPHA)
    honest = rng.choice(names[:3], 6000, p=[0.6, 0.3, 0.1]).tolist()
    attacked = [None if lost < 0.25 else label for lost, label in zip(rng.random(6000), honest, strict=True)]
    value, gained = label_shift_lower_bound(honest, attacked, alpha=ALPHA)
    assert 0.22 < value <= 0.26
    assert gained == {None}


def exceeding(distances, certified) -> bool:
    found = deviation_exceeded(distances, certified, alpha=ALPHA)
    return found.lower > found.certified


def test_deviations_exceed_the_true_survival_in_at_most_alpha_and_a_mutant_is_caught():
    rng, repeats = np.random.default_rng(10), 400
    drawn = rng.random((repeats, 200))
    true = lambda t: max(0.0, 1 - t)  # noqa: E731
    assert sum(exceeding(row, true) for row in drawn) <= most_false_claims(repeats, ALPHA)
    # The second half repeats the first: t is chosen on what is counted.
    cheating = sum(exceeding(np.concatenate((row[:100], row[:100])), true) for row in drawn)
    assert cheating > most_false_claims(repeats, ALPHA)


def test_a_survival_that_is_a_little_too_low_is_found():
    rng = np.random.default_rng(11)
    assert exceeding(rng.random(8000), lambda t: max(0.0, 0.93 * (1 - t)))
    assert exceeding(np.where(rng.random(2000) < 0.1, np.nan, 0.2), lambda t: 0.05)


# Crossings


def pairs(crossed: list[list[bool]]) -> list[Comparison]:
    return [
        Comparison(f"prompt {i}", f"attack {j}", 0.2 if crosses else 0.1, 0.15)
        for i, row in enumerate(crossed)
        for j, crosses in enumerate(row)
    ]


def test_one_crossing_has_the_p_value_of_the_closed_form():
    verdict = judge(pairs([[True, False]] + [[False, False]] * 9), certificate_alpha=0.001, falsification_alpha=0.002)
    assert verdict.allowance == pytest.approx(0.005)
    assert verdict.p_value == pytest.approx(1 - 0.995**10, rel=1e-9)
    assert (verdict.prompts, verdict.crossed, len(verdict.crossings), verdict.sound) == (10, 1, 1, True)
    assert judge(pairs([[False]]), certificate_alpha=0.001, falsification_alpha=0.002).p_value == 1


def test_the_p_value_agrees_with_counting():
    rng, a, prompts = np.random.default_rng(12), 0.05 + 3 * 0.01, 12
    counts = (rng.random((100_000, prompts)) < a).sum(axis=1)
    for crossed in range(5):
        rows = [[k < crossed, False, False] for k in range(prompts)]
        verdict = judge(pairs(rows), certificate_alpha=0.05, falsification_alpha=0.01)
        assert verdict.p_value == pytest.approx((counts >= crossed).mean(), abs=0.006)


def test_sound_certificates_fail_a_run_in_at_most_level_and_counting_pairs_is_caught():
    """Certificates as bad as alpha allows, each crossed by all of its five attacks where it is false."""
    rng, repeats, prompts, level = np.random.default_rng(13), 2000, 20, 0.05
    failed = by_pairs = 0
    for _ in range(repeats):
        false = rng.random(prompts) < 0.05
        verdict = judge(
            pairs([[bool(f)] * 5 for f in false]), certificate_alpha=0.05, falsification_alpha=1e-6, level=level
        )
        failed += not verdict.sound
        by_pairs += binom.sf(5 * false.sum() - 1, 5 * prompts, 0.05) <= level
    assert failed <= most_false_claims(repeats, level)
    assert by_pairs > most_false_claims(repeats, level)
