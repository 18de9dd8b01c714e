"""Certificates of edits against texts whose output is known in closed form: all of a set equals brute force, a sampled
share is false as rarely as stated and no lower than it must be, and six mutants are caught by the same checks."""

import itertools
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom

from smoothgen import EditsCertificate, certify_edits
from smoothgen.certificates.bounds.bands import clopper_pearson_upper
from smoothgen.certificates.edits import drawn_indices, least_share
from smoothgen.edits import EditSet
from smoothgen.edits.keyboard import typos
from smoothgen.noise import Seed

ALPHA, REPEATS, TOLERANCE = 0.05, 4000, 0.3
PROMPTS = ("The capital of France is", "a huge red sofa", "Is 7 prime?", "eel")
Model = Callable[[str], float]


def vowels(text: str) -> float:
    """The share of vowels: small changes for small edits."""
    return sum(letter in "aeiou" for letter in text.lower()) / max(1, len(text))


def answer(text: str) -> float:
    """Whether the word is there: all or nothing."""
    return float("france" in text.lower() or "sofa" in text.lower())


def failing(text: str) -> float:
    """Fails where two equal letters stand together."""
    return math.nan if any(a == b for a, b in itertools.pairwise(text)) else vowels(text)


def far(model: Model, text: str, prompt: str) -> float:
    return abs(model(text) - model(prompt))


def run_whole(edits: EditSet, model: Model, tolerance: float = TOLERANCE) -> EditsCertificate:
    distances = [far(model, text, edits.text) for text in edits.texts]
    return certify_edits(
        distances, size=edits.size, singles=edits.singles, sampled=False, diameter=1.0, tolerance=tolerance
    )


def brute(prompt: str, model: Model, at_once: int) -> list[float]:
    """Distances of all texts that typos make, found as sets of texts by direct search: no order, no enumeration."""
    found = set(typos(prompt)) - {prompt}
    for _ in range(at_once - 1):
        found |= {text for first in found for text in typos(first)}
    distances = [far(model, text, prompt) for text in found - {prompt}]
    return [1.0 if math.isnan(d) else d for d in distances]


@pytest.mark.parametrize(
    ("prompt", "model"),
    [(prompt, model) for prompt in PROMPTS[1:] for model in (vowels, answer, failing) if not math.isnan(model(prompt))],
    ids=lambda value: getattr(value, "__name__", value),
)
@pytest.mark.parametrize("tolerance", [0.05, TOLERANCE])
def test_a_set_run_whole_is_brute_force(prompt, model, tolerance):
    one, two = brute(prompt, model, 1), brute(prompt, model, 2)
    made = run_whole(EditSet(prompt, kinds=("typo",), at_once=2), model, tolerance)
    kept = sum(d <= tolerance for d in two)
    assert (made.evidence.size, made.evidence.singles, made.claims.kept) == (len(two), len(one), kept)
    assert made.claims.broken == len(two) - kept
    assert made.share == math.floor(Fraction(kept, len(two)) * 10**9) / 1e9
    for (edits, bound), truth in zip(made.claims.curve, (max(one), max(two)), strict=True):
        assert truth <= bound <= truth * (1 + 1e-8)
        assert (made.radius >= edits) == (truth <= tolerance)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_the_bound_is_attained_by_a_text_of_the_set(prompt):
    edits = EditSet(prompt, at_once=2, kinds=("typo", "capitals", "punctuation", "synonym"))
    made = run_whole(edits, vowels)
    worst = max(edits.texts, key=lambda text: far(vowels, text, prompt))
    assert far(vowels, worst, prompt) == pytest.approx(made.claims.w1_bound, rel=1e-8)
    for edit in made.claims.broken_by:
        assert far(vowels, edits.text_at(edit.index), prompt) == edit.distance > TOLERANCE


def test_mutants_of_the_whole_set_are_caught():
    """Each would pass for a certificate and is below the truth somewhere here."""
    edits = EditSet("eat a pie", kinds=("typo",))
    true = np.array([1.0 if math.isnan(d) else d for d in (far(failing, t, edits.text) for t in edits.texts)])
    assert run_whole(edits, failing).claims.w1_bound == true.max() == 1.0
    ignoring = [0.0 if math.isnan(failing(t)) else far(failing, t, edits.text) for t in edits.texts]
    asked = {"sampled": False, "diameter": 1.0, "tolerance": TOLERANCE}
    failures_ignored = certify_edits(ignoring, size=edits.size, **asked)
    assert failures_ignored.claims.w1_bound < true.max()
    assert failures_ignored.share > (true <= TOLERANCE).mean()
    worst_last = np.sort(true)
    last_left_out = certify_edits(worst_last[:-40], size=edits.size - 40, **asked)
    assert last_left_out.claims.w1_bound <= true.max()
    assert last_left_out.share > (true <= TOLERANCE).mean()


def false_shares(size: int, broken: int, draws: int, share_of: Callable[[int, int], float]) -> int:
    """How many of 4,000 certificates state more than the true share, each with a seed of its own."""
    wrong = 0
    for repeat in range(REPEATS):
        drawn = drawn_indices(Seed.from_client(repeat), size, draws)
        wrong += share_of(int((drawn < broken).sum()), draws) > 1 - broken / size
    return wrong


def most(alpha: float) -> int:
    """What a failure rate of alpha exceeds in one of a million runs."""
    return int(binom.isf(1e-6, REPEATS, alpha))


def certified(broken: int, draws: int) -> float:
    return least_share(broken, draws, ALPHA)


CASES = [(1000, 30, 100), (1000, 50, 58), (161, 45, 60), (13085, 6500, 200), (2000, 1900, 80), (7, 1, 40)]


@pytest.mark.parametrize(("size", "broken", "draws"), CASES)
def test_a_sampled_share_is_false_in_at_most_alpha_of_the_certificates(size, broken, draws):
    assert false_shares(size, broken, draws, certified) <= most(ALPHA)


def test_whole_certificates_of_texts_are_false_in_at_most_alpha_of_the_draws():
    """Through every step: texts drawn, run and certified, against the share that running all of them gives."""
    edits = EditSet(PROMPTS[0], kinds=("typo", "capitals"), at_once=2)
    truth = run_whole(edits, answer)
    true = Fraction(truth.claims.kept, edits.size)
    distances = np.array([far(answer, text, edits.text) for text in edits.texts])
    wrong, stated = 0, []
    for repeat in range(REPEATS):
        seed = Seed.from_client(repeat)
        made = certify_edits(
            distances[[*edits.sample(seed, 100)]],
            size=edits.size,
            sampled=True,
            seed=seed,
            diameter=1.0,
            tolerance=TOLERANCE,
            alpha=ALPHA,
        )
        wrong += made.share > true
        stated.append(made.share)
    assert wrong <= most(ALPHA)
    assert wrong >= REPEATS * ALPHA / 3  # not bought by bounds that are far too low
    assert np.mean(stated) > float(true) - 0.1


def test_the_check_fails_for_mutants():
    assert false_shares(1000, 30, 100, lambda k, n: 1 - k / n) > most(ALPHA)
    assert false_shares(1000, 30, 100, lambda k, n: least_share(max(0, k - 1), n, ALPHA)) > most(ALPHA)
    # Of these no draw breaks with probability 0.098: between alpha and twice alpha.
    assert false_shares(1000, 23, 100, lambda k, n: least_share(k, n, 2 * ALPHA)) > most(ALPHA)


def test_a_draw_of_two_digits_favours_texts_and_is_caught():
    """⌊u·N⌋ with u of two digits never draws most texts: where those break, the share is false."""
    size, broken = 1000, 100
    coarse = np.floor(np.arange(100) / 100 * size).astype(int)
    bad = np.array([k for k in range(size) if k not in set(coarse.tolist())][:broken])
    rng = np.random.default_rng(0)
    wrong = sum(least_share(int(np.isin(rng.choice(coarse, 100), bad).sum()), 100, ALPHA) > 0.9 for _ in range(REPEATS))
    assert wrong > most(ALPHA)
    fair = 0
    for repeat in range(REPEATS):
        drawn = drawn_indices(Seed.from_client(repeat), size, 100)
        fair += least_share(int(np.isin(drawn, bad).sum()), 100, ALPHA) > 0.9
    assert fair <= most(ALPHA)


def tail(p: Fraction, broken: int, draws: int) -> Fraction:
    """P(Bin(draws, p) ≤ broken), in exact arithmetic."""
    return sum((math.comb(draws, k) * p**k * (1 - p) ** (draws - k) for k in range(broken + 1)), Fraction(0))


@pytest.mark.parametrize("draws", [1, 2, 10, 60])
@pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-6])
def test_the_share_agrees_with_a_sum_in_exact_arithmetic(draws, alpha):
    """At the bound the tail is alpha; a little above it, it is more, so no higher bound would hold."""
    for broken in {0, draws // 3, draws - 1}:
        share = Fraction(least_share(broken, draws, alpha))
        assert tail(1 - share, broken, draws) <= Fraction(alpha)
        assert tail(1 - share - Fraction(1, 10**7), broken, draws) > Fraction(alpha) or share + Fraction(1, 10**7) > 1


@pytest.mark.parametrize("draws", [1, 10, 300])
def test_without_a_break_the_share_is_the_closed_form(draws):
    """0 of n: the bound solves qⁿ = α."""
    assert least_share(0, draws, ALPHA) == pytest.approx(ALPHA ** (1 / draws), rel=1e-7)
    assert least_share(0, draws, ALPHA) <= ALPHA ** (1 / draws)
    assert least_share(draws, draws, ALPHA) == 0
    upper = clopper_pearson_upper(np.array([3]), 400, np.array([ALPHA]))[0]
    assert 1 - upper == pytest.approx(least_share(3, 400, ALPHA), rel=1e-12)
