"""Certificates of units whose every subset was run: every attack on tiny lists with a known law, closed forms, a slower
count, and the mutants that the same checks catch; and the draws of units."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from smoothgen import UnitChoice, UnitsCertificate, certify_units
from smoothgen.certificates.units.touched import touched_by_probability, touched_by_size
from smoothgen.noise import Seed, Stream
from tests.support.statistics.units import Units, attacked, by_size, gullible, table, w1

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
