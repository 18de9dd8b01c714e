"""Claims on scores of runs that read some of the units: every attack on tiny lists, closed forms, a slower count, how
often one of drawn runs is false, and the mutants that the same checks catch."""

import itertools
import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
import pytest
from scipy.stats import beta, binom

from smoothgen import UnitChoice, UnitsCertificate, certify_units
from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity
from smoothgen.certificates.units.score_claims import UnitScoreBounds, unit_score_bounds
from smoothgen.noise import Seed, Stream
from tests.support.statistics.units import Law, Units, attacked, by_probability, by_size, gullible, table

LENGTH = ScoreIdentity("length", 0.0, 8.0, options={"unit": "words", "cap": 8})
FOUND = ScoreIdentity("pattern", 0.0, 1.0, two_valued=True, options={"pattern": "x"})
VALUES = (0.0, 1.0, 3.0, 5.0, 8.0)
CLAIMS = [
    AskedClaim(LENGTH, at_most=4.0),
    AskedClaim(LENGTH, at_least=2.0),
    AskedClaim(LENGTH, of="share", above=3.0, at_most=0.5),
    AskedClaim(LENGTH, of="share", above=2.0, at_least=0.5),
    AskedClaim(LENGTH, of="quantile:0.75", at_most=5.0),
    AskedClaim(LENGTH, of="quantile:0.25", at_least=1.0),
]
TINY = [(4, 1, 2), (4, 2, 2), (5, 2, 2), (5, 3, 1)]
ALPHA, REPEATS, RUNS = 0.05, 4000, 60


def truth(claim: AskedClaim, law: Law) -> Fraction:
    """What a claim bounds, by its definition, of a known law of scores."""
    if claim.of == "mean":
        return sum((Fraction(value) * weight for value, weight in law.items()), Fraction(0))
    if claim.quantile is None:
        return sum((weight for value, weight in law.items() if value > claim.above), Fraction(0))
    beyond = (value for value in law if (value > claim.asked if claim.at_least is None else value < claim.asked))
    return sum((law[value] for value in beyond), Fraction(0))


def worst_of(claim: AskedClaim) -> float:
    """The score that an attacker wants."""
    return 8.0 if claim.at_least is None else 0.0


def is_no_better(claim: AskedClaim, stated: float, true: Fraction) -> bool:
    """Whether a stated bound is on the safe side of the truth, to the half unit in which decimals are doubles."""
    slack = Fraction(1, 10**15)
    return Fraction(stated) >= true - slack if claim.is_upper else Fraction(stated) <= true + slack


def certified(scores: np.ndarray, claims: list[AskedClaim], choice: UnitChoice, **asked) -> UnitsCertificate:
    """scores: of the runs, shape (n,), the same for every claim."""
    settings = {"seed": None, "bound": 1.0, "diameter": 1.0, "two_valued": True, "keep": 0.5}
    made = certify_units(
        np.zeros(len(scores)),
        choice=choice,
        score_claims=claims,
        scores=np.stack([scores] * len(claims), axis=1),
        **{**settings, **asked},
    )
    assert isinstance(made, UnitsCertificate)
    return made


def enumerated(units: Units, size: int, generator) -> UnitsCertificate:
    scores = np.array([generator(kept) for kept in itertools.combinations(units, size)])
    return certified(scores, CLAIMS, UnitChoice(len(units), size=size))


def laws(units: Units, size: int, generator, edits: int) -> list[Law]:
    return [by_size(other, size, generator) for other in attacked(units, edits) if len(other) >= size]


def worst_true(claim: AskedClaim, found: list[Law]) -> Fraction:
    return (max if claim.is_upper else min)(truth(claim, law) for law in found)


# --- All subsets run: brute force over every attack ---


@pytest.mark.parametrize(("units", "size", "edits"), TINY)
@pytest.mark.parametrize("seed", range(3))
def test_the_bound_is_the_worst_over_all_attacks_of_any_kind(units, size, edits, seed):
    """Equal for a generator that poison misleads: no certificate of this evidence can say more, and none less."""
    honest, base = tuple(range(units)), table(seed, VALUES)
    made = enumerated(honest, size, base)
    for claim in made.score_claims:
        rows = dict(claim.curve)
        found = {worst: laws(honest, size, gullible(base, worst), edits) for worst in (0.0, 8.0)}
        assert rows[0] == pytest.approx(float(truth(claim.asked, by_size(honest, size, base))), rel=1e-8, abs=1e-15)
        true = worst_true(claim.asked, found[worst_of(claim.asked)])
        stated = rows.get(edits, claim.asked.stated(claim.asked.width))
        assert is_no_better(claim.asked, stated, true)
        assert stated == pytest.approx(float(true), rel=1e-8, abs=1e-15)


@pytest.mark.parametrize(("units", "size", "edits"), TINY)
@pytest.mark.parametrize("seed", range(3))
def test_no_attack_on_any_generator_goes_beyond_the_bound(units, size, edits, seed):
    """Here every list, poisoned or shorter or longer, has a score of its own."""
    honest, generator = tuple(range(units)), table(seed, VALUES)
    made = enumerated(honest, size, generator)
    for m in range(1, edits + 1):
        found = laws(honest, size, generator, m)
        for claim in made.score_claims:
            stated = dict(claim.curve).get(m, claim.asked.stated(claim.asked.width))
            assert is_no_better(claim.asked, stated, worst_true(claim.asked, found))


def slow_total(bad: list[float], units: int, size: int, altered: int, worst: float) -> float:
    """The most that all runs can add up to, set by set of altered units."""
    subsets = list(itertools.combinations(range(units), size))
    return max(
        math.fsum(worst if set(kept) & set(poisoned) else b for kept, b in zip(subsets, bad, strict=True))
        for poisoned in itertools.combinations(range(units), altered)
    )


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("units", "size"), [(7, 2), (8, 3), (9, 1), (6, 5)])
def test_all_subsets_agree_with_a_slower_count(units, size, whole):
    rng, subsets = np.random.default_rng(units), math.comb(units, size)
    scores = rng.integers(0, 9, subsets).astype(float) if whole else rng.random(subsets) * 8
    claim, choice = CLAIMS[0], UnitChoice(units, size=size)
    [bounds] = unit_score_bounds([claim], [claim.evidence(scores)], choice, None)
    assert bounds.is_counted is whole
    for m in range(units - size + 1):
        slow = slow_total(claim.evidence(scores).distances.tolist(), units, size, m, 8.0) / subsets
        assert slow <= bounds.at(m) <= slow * (1 + 1e-8)
        if whole:
            assert bounds.at(m) == pytest.approx(slow, rel=6e-9)


def test_what_has_no_score_or_was_not_run_is_the_worst():
    choice = UnitChoice(6, size=2)
    scores = np.array([0.0] * 10 + [math.nan] * 2)
    made = certified(scores, CLAIMS, choice, missing="worst")
    for claim in made.score_claims:
        worst = worst_of(claim.asked)
        whole = certified(np.array([0.0] * 10 + [worst] * 5), [claim.asked], choice).score_claims[0]
        assert claim.curve == whole.curve
        assert claim.evidence.failed == 2


def test_where_the_sets_are_too_many_only_their_size_counts(monkeypatch):
    rng, choice = np.random.default_rng(5), UnitChoice(9, size=3)
    scores = rng.integers(0, 9, 84).astype(float)
    full = certified(scores, CLAIMS, choice).score_claims
    monkeypatch.setattr("smoothgen.certificates.units.touched.MOST_SETS", 0)
    short = certified(scores, CLAIMS, choice).score_claims
    for one, other in zip(full, short, strict=True):
        for (_, bound), (_, coarse) in zip(one.curve, other.curve, strict=False):
            assert coarse >= bound if one.asked.is_upper else coarse <= bound


def test_if_every_run_is_the_best_the_bound_is_the_share_that_is_touched():
    for units, size in ((10, 1), (10, 2), (10, 3)):
        choice = UnitChoice(units, size=size)
        made = certified(np.zeros(choice.subsets), [CLAIMS[0], CLAIMS[2]], choice)
        for claim, worst in zip(made.score_claims, (8, 1), strict=True):
            for m, bound in claim.curve:
                touched = 1 - Fraction(math.comb(units - m, size), choice.subsets)
                assert bound == pytest.approx(float(worst * touched), rel=1e-8, abs=1e-15)
                assert Fraction(repr(bound)) >= worst * touched


def test_mutants_of_the_count_over_all_subsets_are_caught():
    """Each is below the worst that an attack reaches, somewhere among the tiny generators."""

    def untouched_only(bad, subsets, m):
        return max(
            sum(b for b, s in zip(bad, subsets, strict=True) if not set(s) & set(j)) / len(bad)
            for j in itertools.combinations(range(5), m)
        )

    def as_measured(bad, subsets, m):
        return sum(bad) / len(bad)

    def first_set_only(bad, subsets, m):
        return sum(8.0 if set(s) & set(range(m)) else b for b, s in zip(bad, subsets, strict=True)) / len(bad)

    def worst_seen(bad, subsets, m):
        """Takes the largest score seen for the worst there is."""
        return slow_total(bad, 5, 2, m, max(bad)) / len(bad)

    claim, honest, subsets, caught = CLAIMS[0], tuple(range(5)), list(itertools.combinations(range(5), 2)), set()
    for seed in range(6):
        base = table(seed, (0.0, 1.0, 3.0, 5.0))
        true = worst_true(claim, laws(honest, 2, gullible(base, 8.0), 1))
        bad = [base(kept) for kept in subsets]
        for mutant in (untouched_only, as_measured, first_set_only, worst_seen):
            if mutant(bad, subsets, 1) < true:
                caught.add(mutant.__name__)
    assert caught == {"untouched_only", "as_measured", "first_set_only", "worst_seen"}


# --- Drawn runs ---


@pytest.mark.parametrize("probability", [Fraction(1, 4), Fraction(1, 2)])
def test_no_edits_of_words_move_a_score_beyond_beta(probability):
    """Exact laws on lists of up to six words: each probability rises by β at most, and is attained."""
    honest, base = (0, 1, 2, 3), table(2, (0.0, 0.0, 3.0))
    before = by_probability(honest, probability, base)
    for m in (1, 2):
        touched = 1 - (1 - probability) ** m
        for claim in CLAIMS[:4]:
            for generator in (base, gullible(base, worst_of(claim))):
                after = [by_probability(other, probability, generator) for other in attacked(honest, m)]
                moved = abs(worst_true(claim, after) - truth(claim, before))
                assert moved <= touched * (8 if claim.of == "mean" else 1)


@pytest.mark.parametrize("altered", [0, 1, 3])
def test_a_drawn_claim_agrees_with_another_arithmetic(altered):
    choice, seed, rng = UnitChoice(12, size=3), Seed.from_client(1), np.random.default_rng(2)
    scores = np.where(rng.random(80) < 0.1, 8.0, 0.0)
    share = AskedClaim(LENGTH, of="share", above=3.0, at_most=0.9)
    made = certified(scores, [share], choice, seed=seed, alpha=ALPHA, keep=0.1)
    bad, touched = int((scores > 3).sum()), 1 - math.comb(12 - altered, 3) / math.comb(12, 3)
    level = beta.ppf(1 - ALPHA / 2, bad + 1, 80 - bad)  # the claim on the answer has the other half
    assert dict(made.score_claims[0].curve)[altered] == pytest.approx(level + touched, rel=1e-7)
    spread = rng.random(80) * 8
    made = certified(spread, [AskedClaim(LENGTH, at_most=7.9)], choice, seed=seed, alpha=ALPHA, keep=0.1)
    [claim] = made.score_claims
    band = claim.asked.band.build(claim.evidence.ordered(8.0), 8.0, np.nextafter(ALPHA / 2, 0))
    grid = (np.arange(4000) + 0.5) / 4000 * 8
    mean = np.minimum(1, [band.survival_upper_bound(t) + touched for t in grid]).mean() * 8
    assert dict(claim.curve)[altered] == pytest.approx(mean, rel=2e-3)


def most(alpha: float) -> int:
    """What a failure rate of alpha exceeds in one of a million runs."""
    return int(binom.isf(1e-6, REPEATS, alpha))


PASSAGES = UnitChoice(20, size=2)
SHARE, MEAN = AskedClaim(FOUND, of="share", at_most=0.9), AskedClaim(LENGTH, at_most=7.0)


def scores_of(kept: np.ndarray) -> np.ndarray:
    """Two of twenty passages make the text long; the worst attack takes two others, and so touches short runs only."""
    return np.where(kept[:, :2].any(axis=1), 5.0, 0.0)


@lru_cache
def drawn_scores() -> list[np.ndarray]:
    """The scores of the runs of each certificate, by the seed of its own."""
    seeds = map(Seed.from_client, range(REPEATS))
    return [scores_of(PASSAGES.drawn(seed, Stream.UNITS_CERTIFICATION, range(RUNS))) for seed in seeds]


def false_bounds(claim: AskedClaim, altered: int, bound_of) -> int:
    """How many of 4,000 certificates state less than what an attack reaches."""
    bad = 1 - math.comb(18, 2) / math.comb(20, 2)
    untouched_bad = Fraction(math.comb(18, 2) - math.comb(16, 2), math.comb(20, 2))
    touched = 1 - Fraction(math.comb(20 - altered, 2), math.comb(20, 2))
    assert altered == 2
    assert 0 < untouched_bad < bad
    true = float(untouched_bad + touched if claim is SHARE else 5 * untouched_bad + 8 * touched)
    wrong = 0
    for scores in drawn_scores():
        wrong += bound_of(claim, (scores > 0).astype(float) if claim is SHARE else scores, altered) < true
    return wrong


def stated(claim: AskedClaim, scores: np.ndarray, altered: int, alpha: float = ALPHA) -> float:
    return UnitScoreBounds(claim, claim.evidence(scores), PASSAGES, None, alpha).at(altered)


@pytest.mark.parametrize("claim", [SHARE, MEAN], ids=["share", "mean"])
def test_a_drawn_claim_is_false_in_at_most_alpha_of_the_certificates(claim):
    assert false_bounds(claim, 2, stated) <= most(ALPHA)


def test_the_check_of_drawn_claims_fails_for_mutants():
    def without_beta(claim, scores, altered):
        return stated(claim, scores, 0)

    def one_unit_fewer(claim, scores, altered):
        return stated(claim, scores, altered - 1)

    def as_counted(claim, scores, altered):
        return float((scores > 0).mean()) + PASSAGES.touched(altered)

    def worst_seen(claim, scores, altered):
        """Takes the largest score that was drawn for the worst there is."""
        return float(scores.mean() + PASSAGES.touched(altered) * scores.max())

    for mutant in (without_beta, one_unit_fewer, as_counted):
        assert false_bounds(SHARE, 2, mutant) > most(ALPHA), mutant.__name__
    for mutant in (without_beta, worst_seen):
        assert false_bounds(MEAN, 2, mutant) > most(ALPHA), mutant.__name__


def test_several_claims_share_alpha():
    """All of four claims hold together in 95 % of the certificates: each by itself would have the whole of alpha."""
    seed, scores = Seed.from_client(4), np.zeros(RUNS)
    alone = certified(scores, [MEAN], PASSAGES, seed=seed, alpha=ALPHA, keep=0.1).score_claims[0]
    among = certified(scores, [MEAN, *CLAIMS[2:5]], PASSAGES, seed=seed, alpha=ALPHA, keep=0.1).score_claims[0]
    assert alone.curve[0][1] == pytest.approx(stated(MEAN, scores, 0, np.nextafter(ALPHA / 2, 0)), rel=1e-9)
    assert among.curve[0][1] == pytest.approx(stated(MEAN, scores, 0, np.nextafter(ALPHA / 5, 0)), rel=1e-9)
