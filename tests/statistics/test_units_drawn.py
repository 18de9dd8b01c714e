"""Certificates of units from drawn runs: exact laws under edits of any kind, another arithmetic, how often one is
false, and the mutants that the same checks catch."""

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from scipy.stats import beta, binom

from smoothgen import UnitChoice, certify_units
from smoothgen.certificates import Evidence
from smoothgen.certificates.bounds.bands import ORDER_STATISTICS
from smoothgen.certificates.units.claims import UnitBounds
from smoothgen.certificates.units.touched import touched_by_probability
from smoothgen.noise import Seed, Stream
from tests.support.statistics.units import Units, attacked, by_probability, gullible, table, w1

ALPHA, REPEATS, RUNS = 0.05, 4000, 60
ANSWER, OTHER = 0.0, 1.0


# --- Drawn runs: the β line against exact laws, for edits of any kind ---


@pytest.mark.parametrize("probability", [Fraction(1, 4), Fraction(1, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_no_edits_of_words_go_beyond_beta(probability, seed):
    """Replacements, deletions and insertions, up to two, on lists of up to six words, with exact laws."""
    honest = (0, 1, 2, 3)
    generator, answers = table(seed, (0.0, 0.25, 0.5, 1.0)), table(seed + 9, (ANSWER, ANSWER, OTHER))
    before, kept = by_probability(honest, probability, generator), by_probability(honest, probability, answers)[ANSWER]
    far = {abs(y - 0.5): Fraction(0) for y in before}
    for y, weight in before.items():
        far[abs(y - 0.5)] += weight
    for m in (1, 2):
        touched = Fraction(touched_by_probability(float(probability), m))
        spread = sum(
            (min(touched, sum(w for r, w in far.items() if r > t)) * step for t, step in steps(far)), Fraction(0)
        )
        for other in attacked(honest, m):
            assert by_probability(other, probability, answers).get(ANSWER, Fraction(0)) >= kept - touched
            assert w1(before, by_probability(other, probability, generator)) <= touched / 2 + spread


def steps(distances: dict[float, Fraction], end: float = 0.5) -> list[tuple[float, Fraction]]:
    """The pieces of [0, end] on which P(R > t) is constant: where each begins, and how long it is."""
    edges = sorted({0.0, end, *(r for r in distances if r < end)})
    return [(t, Fraction(after) - Fraction(t)) for t, after in itertools.pairwise(edges)]


@pytest.mark.parametrize("altered", [1, 2, 3])
def test_replaced_words_attain_beta(altered):
    """Only a run without words is lost as it is, so every run that is touched was a good one."""
    honest, probability = tuple(range(6)), Fraction(1, 4)
    generator = gullible(lambda kept: ANSWER if kept else OTHER, OTHER)
    before = by_probability(honest, probability, generator)[ANSWER]
    poisoned = (*range(altered, 6), *[99] * altered)
    after = by_probability(poisoned, probability, generator)[ANSWER]
    assert before - after == 1 - (1 - probability) ** altered
    assert Fraction(touched_by_probability(0.25, altered)) - (before - after) <= Fraction(1, 10**12)


@pytest.mark.parametrize("altered", [0, 1, 3])
def test_a_drawn_certificate_agrees_with_another_arithmetic(altered):
    choice, seed = UnitChoice(12, size=3), Seed.from_client(1)
    rng = np.random.default_rng(2)
    lost = (rng.random(80) < 0.1).astype(float)
    asked = {"choice": choice, "seed": seed, "alpha": ALPHA, "diameter": 1.0}
    keeping = certify_units(lost, bound=1.0, keep=0.5, two_valued=True, **asked).bound_for(altered)
    bad, touched = int(lost.sum()), 1 - math.comb(12 - altered, 3) / math.comb(12, 3)
    assert keeping.share == pytest.approx(1 - beta.ppf(1 - ALPHA, bad + 1, 80 - bad) - touched, rel=1e-7)
    far = rng.random(80) * 0.6
    shift = certify_units(far, bound=0.6, tolerance=0.5, **asked).bound_for(altered)
    band = ORDER_STATISTICS.build(Evidence.from_measurements(far, bound=0.6, diameter=1.0).ordered(0.6), 0.6, ALPHA)
    grid = (np.arange(200_000) + 0.5) / 200_000 * 0.4
    level = np.minimum([band.survival_upper_bound(t) for t in grid[::100]], touched)
    assert shift.w1_bound == pytest.approx(touched * 0.6 + level.mean() * 0.4, rel=2e-3, abs=1e-9)


# --- Drawn runs: how often a certificate is false ---


def most(alpha: float) -> int:
    """What a failure rate of alpha exceeds in one of a million runs."""
    return int(binom.isf(1e-6, REPEATS, alpha))


Share = Callable[[int, int, UnitChoice, int], float]


def stated(lost: int, runs: int, choice: UnitChoice, altered: int, alpha: float = ALPHA) -> float:
    evidence = Evidence.from_measurements(np.arange(runs) < lost, bound=1.0, diameter=1.0)
    return UnitBounds(evidence, choice, alpha, two_valued=True).share(altered)


@lru_cache
def lost_runs(name: str) -> tuple[int, ...]:
    """Of 60 runs each, for 4,000 seeds, how many are lost."""
    choice, bad, _, _ = CASES[name]
    drawn = (choice.drawn(Seed.from_client(seed), Stream.UNITS_CERTIFICATION, range(RUNS)) for seed in range(REPEATS))
    return tuple(int(bad(kept).sum()) for kept in drawn)


def false_shares(name: str, share: Share) -> int:
    """How many of 4,000 certificates state more than the worst attack leaves, each with a seed of its own."""
    choice, _, truth, altered = CASES[name]
    found = {lost: share(lost, RUNS, choice, altered) for lost in {*lost_runs(name)}}
    return sum(found[lost] > truth for lost in lost_runs(name))


PASSAGES = UnitChoice(20, size=1)
WORDS = UnitChoice(8, probability=0.3)


def bad_passages(kept: np.ndarray) -> np.ndarray:
    """Two of twenty passages mislead; the worst attack takes two others, so it touches good runs only."""
    return kept[:, :2].any(axis=1)


def no_words(kept: np.ndarray) -> np.ndarray:
    """A run without words is lost; the worst attack replaces words, and touches good runs only."""
    return ~kept.any(axis=1)


def worst_of_all_edits() -> float:
    """The least share over every replacement, deletion and insertion of two among four words, by exact laws."""
    reads = gullible(lambda kept: ANSWER if kept else OTHER, OTHER)
    lists = attacked((0, 1, 2, 3), 2)
    return float(min(by_probability(other, Fraction(3, 10), reads).get(ANSWER, Fraction(0)) for other in lists))


CASES = {
    "passages": (PASSAGES, bad_passages, 16 / 20, 2),
    "words": (WORDS, no_words, (1 - 0.7**8) - (1 - 0.7**2), 2),
    "four words": (UnitChoice(4, probability=0.3), no_words, worst_of_all_edits(), 2),
}


@pytest.mark.parametrize("name", CASES)
def test_a_drawn_share_is_false_in_at_most_alpha_of_the_certificates(name):
    wrong = false_shares(name, stated)
    assert wrong <= most(ALPHA)
    assert wrong >= REPEATS * ALPHA / 10  # not bought by bounds that are far too low


def false_shifts(bound_of: Callable[[Evidence, UnitChoice], float]) -> int:
    """The same for W₁: words of 0 and 1 whose mean is the output, of which the worst edit is found by exact laws."""
    words, probability = (0, 0, 0, 1, 0), Fraction(1, 4)

    def mean(kept: Units) -> float:
        return sum(min(unit, 1) for unit in kept) / max(1, len(kept))

    before = by_probability(words, probability, mean)
    truth = max(w1(before, by_probability(other, probability, mean)) for other in attacked(words, 1))
    choice, wrong = UnitChoice(5, probability=0.25), 0
    values = np.array(words)
    for repeat in range(REPEATS // 4):
        kept = choice.drawn(Seed.from_client(repeat), Stream.UNITS_CERTIFICATION, range(RUNS))
        outputs = (kept * values).sum(axis=1) / np.maximum(1, kept.sum(axis=1))
        wrong += bound_of(Evidence.from_measurements(outputs, bound=1.0, diameter=1.0), choice) < truth
    return wrong


def test_a_drawn_shift_is_false_in_at_most_alpha_of_the_certificates():
    assert false_shifts(lambda evidence, choice: UnitBounds(evidence, choice, ALPHA, False).w1(1)) <= most(ALPHA) / 4


# --- Mutants, caught by the same checks ---


@pytest.mark.parametrize("name", CASES)
def test_the_check_of_drawn_shares_fails_for_mutants(name):
    def without_beta(lost, runs, choice, altered):
        return stated(lost, runs, choice, 0)

    def one_unit_fewer(lost, runs, choice, altered):
        return stated(lost, runs, choice, altered - 1)

    def at_four_times_alpha(lost, runs, choice, altered):
        return stated(lost, runs, choice, altered, alpha=4 * ALPHA)

    def as_counted(lost, runs, choice, altered):
        return 1 - lost / runs - choice.touched(altered)

    for mutant in (without_beta, one_unit_fewer, at_four_times_alpha, as_counted):
        assert false_shares(name, mutant) > most(ALPHA), mutant.__name__


def test_the_check_of_drawn_shifts_fails_for_a_bound_without_the_centre_s_distance():
    """E[R; touched] alone, as if attacked outputs lay at the centre."""

    def spread_only(evidence: Evidence, choice: UnitChoice) -> float:
        return float(np.minimum(np.sort(evidence.distances)[::-1], 1)[: int(choice.touched(1) * RUNS)].sum() / RUNS)

    assert false_shifts(spread_only) > most(ALPHA) / 4
