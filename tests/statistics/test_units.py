"""Certificates of units against generators whose law is known: every attack on tiny lists, closed forms, slower
arithmetic, how often a drawn certificate is false, and the mutants that the same checks catch."""

import itertools
import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from scipy.stats import beta, binom

from smoothgen import UnitChoice, UnitsCertificate, certify_units
from smoothgen.certificates import Evidence
from smoothgen.certificates.bounds.bands import ORDER_STATISTICS
from smoothgen.certificates.units.claims import UnitBounds
from smoothgen.certificates.units.touched import touched_by_probability, touched_by_size
from smoothgen.noise import Seed, Stream
from tests.support.statistics.units import Units, attacked, by_probability, by_size, gullible, table, w1

ALPHA, REPEATS, RUNS = 0.05, 4000, 60
ANSWER, OTHER = 0.0, 1.0
TINY = [(4, 1, 2), (4, 2, 2), (5, 2, 2), (5, 3, 1), (3, 2, 1)]


def enumerated(units: Units, size: int, generator, centre: float, bound: float, *, answers: bool) -> UnitsCertificate:
    """Every subset run, in order; distances to the centre. Answers are at 0 or 1."""
    outputs = np.array([generator(kept) for kept in itertools.combinations(units, size)])
    distances = (outputs != centre).astype(float) if answers else np.abs(outputs - centre)
    made = certify_units(
        distances,
        choice=UnitChoice(len(units), size=size),
        seed=None,
        bound=1.0 if answers else bound,
        diameter=1.0,
        two_valued=answers,
        **({"keep": 0.5} if answers else {"tolerance": 0.5}),
    )
    assert isinstance(made, UnitsCertificate)
    return made


def shares(units: Units, size: int, generator, edits: int) -> list[Fraction]:
    """The answer's share under every attack that leaves lists of at least `size` units."""
    lists = [other for other in attacked(units, edits) if len(other) >= size]
    return [by_size(other, size, generator).get(ANSWER, Fraction(0)) for other in lists]


# --- All subsets run: brute force over every attack ---


@pytest.mark.parametrize(("units", "size", "edits"), TINY)
@pytest.mark.parametrize("seed", range(6))
def test_the_share_is_the_least_over_all_attacks_of_any_kind(units, size, edits, seed):
    """Equal for a generator that poison misleads: no certificate of this evidence can say more, and none less."""
    honest = tuple(range(units))
    base = table(seed, (ANSWER, ANSWER, ANSWER, OTHER))
    made = enumerated(honest, size, base, ANSWER, 1.0, answers=True)
    for m in range(1, edits + 1):
        least = min(shares(honest, size, gullible(base, OTHER), m))
        assert made.bound_for(m).share == math.floor(least * 10**9) / 1e9


@pytest.mark.parametrize(("units", "size", "edits"), TINY)
@pytest.mark.parametrize("seed", range(4))
def test_no_attack_on_any_generator_goes_below_the_share_or_beyond_the_shift(units, size, edits, seed):
    """Here every list, poisoned or shorter or longer, has an output of its own."""
    honest, generator = tuple(range(units)), table(seed, (0.0, 0.125, 0.5, 0.875, 1.0))
    for centre in (0.0, 0.5):
        bound = max(centre, 1 - centre)
        shift = enumerated(honest, size, generator, centre, bound, answers=False)
        answers = table(seed, (ANSWER, ANSWER, OTHER))
        keeping = enumerated(honest, size, answers, ANSWER, 1.0, answers=True)
        before = by_size(honest, size, generator)
        for m in range(1, edits + 1):
            assert min(shares(honest, size, answers, m)) >= Fraction(repr(keeping.bound_for(m).share))
            for other in attacked(honest, m):
                if len(other) >= size:
                    assert w1(before, by_size(other, size, generator)) <= Fraction(shift.bound_for(m).w1_bound)


@pytest.mark.parametrize(("units", "size", "edits"), TINY)
@pytest.mark.parametrize("centre", [0.0, 0.5])
def test_the_shift_is_attained_where_all_outputs_lie_on_one_side(units, size, edits, centre):
    honest, base = tuple(range(units)), table(3, (0.0, 0.25, 0.5) if centre else (0.0,))
    made = enumerated(honest, size, base, centre, max(centre, 1 - centre), answers=False)
    before = by_size(honest, size, base)
    for m in range(1, edits + 1):
        worst = max(
            w1(before, by_size(other, size, gullible(base, 1.0))) for other in attacked(honest, m) if len(other) >= size
        )
        assert worst <= Fraction(made.bound_for(m).w1_bound) <= worst * (1 + Fraction(1, 10**8))


def slow_w1(distances: list[Fraction], units: int, size: int, altered: int, bound: Fraction) -> Fraction:
    """The largest mean, over all sets of altered units, of what the runs that keep one can move: set by set."""
    subsets = list(itertools.combinations(range(units), size))
    moved = [min(Fraction(1), r + bound) for r in distances]
    return max(
        sum((g for kept, g in zip(subsets, moved, strict=True) if set(kept) & set(poisoned)), Fraction(0))
        / len(subsets)
        for poisoned in itertools.combinations(range(units), altered)
    )


@pytest.mark.parametrize(("units", "size"), [(7, 2), (8, 3), (9, 1), (6, 5)])
def test_all_subsets_agree_with_a_slower_count(units, size):
    rng = np.random.default_rng(units)
    distances = rng.integers(0, 65, math.comb(units, size)) / 128
    made = certify_units(
        distances, choice=UnitChoice(units, size=size), seed=None, bound=0.625, diameter=1.0, tolerance=0.5
    )
    for m in range(1, units - size + 1):
        slow = slow_w1([Fraction(r) for r in distances.tolist()], units, size, m, Fraction(5, 8))
        assert slow <= Fraction(made.bound_for(m).w1_bound) <= slow * (1 + Fraction(1, 10**8))


def test_where_the_sets_are_too_many_only_their_size_counts(monkeypatch):
    """The fallback is no smaller than the count over all sets, and equal where a run keeps one unit."""
    rng = np.random.default_rng(5)
    for units, size in ((9, 1), (9, 3)):
        distances = rng.integers(0, 65, math.comb(units, size)) / 128
        asked = {"choice": UnitChoice(units, size=size), "seed": None, "bound": 0.625, "diameter": 1.0}
        full = certify_units(distances, tolerance=0.5, **asked).claims.curve
        with monkeypatch.context() as patch:
            patch.setattr("smoothgen.certificates.units.touched.MOST_SETS", 0)
            short = certify_units(distances, tolerance=0.5, **asked).claims.curve
        assert all(b >= a for (_, a), (_, b) in zip(full, short, strict=True))
        assert (full == short) == (size == 1)


# --- How many runs are touched: closed forms ---


@pytest.mark.parametrize(("units", "size"), [(5, 1), (6, 2), (7, 4)])
def test_touched_subsets_are_counted(units, size):
    subsets = list(itertools.combinations(range(units), size))
    for m in range(units + 2):
        hit = Fraction(sum(any(unit < m for unit in kept) for kept in subsets), len(subsets))
        assert hit <= Fraction(touched_by_size(units, size, m)) <= hit * (1 + Fraction(1, 2**52))


@pytest.mark.parametrize("probability", [1e-9, 0.1, 0.2, 0.5, 0.9, 1 - 1e-12])
@pytest.mark.parametrize("altered", [0, 1, 2, 7, 40])
def test_touched_independent_units_are_the_closed_form(probability, altered):
    exact = 1 - (1 - Fraction(probability)) ** altered
    stated = Fraction(touched_by_probability(probability, altered))
    assert exact <= stated <= min(Fraction(1), exact * (1 + Fraction(1, 10**6)))
    # A unit is kept where (w + ½)/2⁵² < κ, whatever κ is: never more likely than what the bound takes.
    kept = math.ceil(Fraction(probability) * 2**52 - Fraction(1, 2))
    assert 1 - (1 - Fraction(kept, 2**52)) ** altered <= stated


def test_where_all_keep_the_share_is_one_minus_beta():
    for units, size in ((10, 1), (10, 2), (10, 5)):
        choice = UnitChoice(units, size=size)
        made = certify_units(
            np.zeros(choice.subsets), choice=choice, seed=None, bound=1.0, diameter=1.0, keep=0.5, two_valued=True
        )
        for m, share in made.claims.keeps:
            untouched = Fraction(math.comb(units - m, size), choice.subsets)
            assert share == math.floor(untouched * 10**9) / 1e9
        for m, bound in made.claims.curve:
            assert (
                Fraction(bound)
                >= 1 - Fraction(math.comb(units - m, size), choice.subsets)
                >= Fraction(bound) - Fraction(1, 10**8)
            )


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


def test_mutants_of_the_count_over_all_subsets_are_caught():
    """Each is above the least share that an attack leaves, somewhere among the tiny generators."""

    def first_set_only(kept, subsets, m):
        return Fraction(sum(k for k, s in zip(kept, subsets, strict=True) if not set(s) & set(range(m))), len(subsets))

    def size_taken_for_one(kept, subsets, m):
        return Fraction(sum(kept), len(subsets)) - Fraction(m, len({unit for s in subsets for unit in s}))

    def without_beta(kept, subsets, m):
        return Fraction(sum(kept), len(subsets))

    def of_untouched_only(kept, subsets, m):
        """Divides by the runs that the attack misses, not by all."""
        units = len({unit for s in subsets for unit in s})
        return min(
            Fraction(sum(k for k, s in zip(kept, subsets, strict=True) if not set(s) & set(j)), math.comb(units - m, 2))
            for j in itertools.combinations(range(units), m)
        )

    honest, subsets, caught = tuple(range(5)), list(itertools.combinations(range(5), 2)), set()
    for seed in range(6):
        base = table(seed, (ANSWER, ANSWER, ANSWER, OTHER))
        least = min(shares(honest, 2, gullible(base, OTHER), 1))
        kept = [base(s) == ANSWER for s in subsets]
        for mutant in (first_set_only, size_taken_for_one, without_beta, of_untouched_only):
            if mutant(kept, subsets, 1) > least:
                caught.add(mutant.__name__)
    assert caught == {"first_set_only", "size_taken_for_one", "without_beta", "of_untouched_only"}


# --- The draws ---


@pytest.mark.parametrize(("units", "size"), [(5, 2), (4, 3), (6, 1)])
def test_every_subset_is_drawn_equally_often(units, size):
    """χ² over 12,000 draws; a fair draw exceeds the limit once in a million runs."""
    choice = UnitChoice(units, size=size)
    rows = choice.drawn(Seed.from_client(5), Stream.UNITS_CERTIFICATION, range(12_000))
    _, counts = np.unique(rows, axis=0, return_counts=True)
    assert len(counts) == choice.subsets
    expected = 12_000 / choice.subsets
    statistic = float(((counts - expected) ** 2 / expected).sum())
    assert statistic < choice.subsets - 1 + 5 * math.sqrt(2 * (choice.subsets - 1)) + 12


def test_independent_units_are_kept_as_often_as_asked_and_by_themselves():
    rows = UnitChoice(4, probability=0.3).drawn(Seed.from_client(6), Stream.UNITS_CERTIFICATION, range(20_000))
    together = rows[:, :, None] & rows[:, None, :]
    wanted = np.where(np.eye(4, dtype=bool), 0.3, 0.09)
    assert np.abs(together.mean(axis=0) - wanted).max() < 5 * 0.5 / math.sqrt(20_000)
