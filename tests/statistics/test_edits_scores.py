"""Claims on scores under edits: a set that was run whole equals brute force, a sampled share is false as rarely as
stated and no lower than it must be, and mutants are caught by the same checks."""

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom

from smoothgen import EditsCertificate, certify_edits
from smoothgen.certificates.edits import drawn_indices, least_share
from smoothgen.certificates.edits.score_claims import ScoredEdits, derive_edits_score, scored_edits
from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity
from smoothgen.edits import EditSet
from smoothgen.edits.keyboard import typos
from smoothgen.noise import Seed
from tests.statistics.test_edits import CASES, PROMPTS, failing, most, vowels

VOWELS = ScoreIdentity("plugin:vowels", 0.0, 1.0)
CLAIMS = [
    AskedClaim(VOWELS, at_most=0.5),
    AskedClaim(VOWELS, at_least=0.21),
    AskedClaim(VOWELS, of="share", above=0.4, at_most=0.1),
    AskedClaim(VOWELS, of="share", above=0.3, at_least=0.9),
    AskedClaim(VOWELS, of="quantile:0.9", at_most=0.45),
]
ALPHA, REPEATS = 0.05, 4000


def run_whole(edits: EditSet, model) -> EditsCertificate:
    scores = [[model(text)] * len(CLAIMS) for text in (edits.text, *edits.texts)]
    return certify_edits(
        np.zeros(edits.size),
        size=edits.size,
        singles=edits.singles,
        sampled=False,
        diameter=1.0,
        tolerance=0.5,
        score_claims=CLAIMS,
        scores=scores,
    )


def holds(claim: AskedClaim, score: float) -> bool:
    """Whether one output is as asked, by the definition of the claim; none without a score is."""
    if math.isnan(score):
        return False
    if claim.of == "mean" or claim.quantile is not None:
        return score <= claim.asked if claim.at_least is None else score >= claim.asked
    share = float(score > claim.above)
    return share <= claim.asked if claim.at_least is None else share >= claim.asked


@pytest.mark.parametrize("prompt", PROMPTS[1:])
@pytest.mark.parametrize("model", [vowels, failing])
def test_a_set_run_whole_is_brute_force(prompt, model):
    """Texts found by direct search; whoever chooses among them, or mixes them, reaches the worst of them."""
    one = set(typos(prompt)) - {prompt}
    two = {text for first in one for text in typos(first)} | one
    made = run_whole(EditSet(prompt, kinds=("typo",), at_once=2), model)
    for claim in made.score_claims:
        kept = sum(holds(claim.asked, model(text)) for text in two - {prompt})
        assert claim.kept == kept
        assert claim.share == math.floor(Fraction(kept, len(two - {prompt})) * 10**9) / 1e9
        for (m, bound), texts in zip(claim.curve, (one, two), strict=True):
            reached = [model(text) for text in {*texts, prompt}]
            assert (claim.radius >= m) == all(holds(claim.asked, score) for score in reached)
            if claim.asked.of == "mean":
                worst = 1.0 if claim.asked.at_least is None else 0.0
                true = [worst if math.isnan(score) else score for score in reached]
                extreme = max(true) if claim.asked.at_least is None else min(true)
                assert bound == pytest.approx(extreme, rel=1e-8)
                assert bound >= extreme if claim.asked.at_least is None else bound <= extreme


def test_the_prompts_own_output_counts_for_whoever_leaves_it():
    """Its score breaks the claim, and all edits keep it: no number of edits is safe, and all texts are as asked."""
    [claim] = CLAIMS[:1]
    [scored] = scored_edits([claim], [[0.9], [0.1], [0.2]], evidence_of(2))
    made = derive_edits_score(scored, 0.0)
    assert (made.radius, made.bound, made.share, made.kept, made.broken_by) == (0, 0.9, 1.0, 2, None)


def evidence_of(size: int):
    return certify_edits(np.zeros(size), size=size, sampled=False, diameter=1.0, tolerance=0.5).evidence


# --- A sample ---


def sampled_share(claim: AskedClaim, broken: int, size: int, draws: int, seed: Seed, alpha: float = ALPHA) -> float:
    """The stated share, where the first `broken` texts of the set have the worst score."""
    evidence = certify_edits(
        np.zeros(draws), size=size, sampled=True, seed=seed, alpha=ALPHA, diameter=1.0, tolerance=0.5
    ).evidence
    scores = np.where(evidence.indices < broken, 0.9, 0.1)
    series = np.concatenate([[0.1], scores])
    return derive_edits_score(ScoredEdits(claim, evidence, claim.series(series)), alpha).share


@pytest.mark.parametrize(("size", "broken", "draws"), CASES[:3])
def test_a_sampled_share_is_false_in_at_most_alpha_of_the_certificates(size, broken, draws):
    repeats, true = REPEATS // 2, 1 - broken / size
    wrong = sum(
        sampled_share(CLAIMS[0], broken, size, draws, Seed.from_client(repeat)) > true for repeat in range(repeats)
    )
    assert wrong <= int(binom.isf(1e-6, repeats, ALPHA))


@pytest.mark.parametrize("claim", CLAIMS[::2], ids=["mean", "share", "quantile"])
def test_a_sampled_share_counts_what_is_not_as_asked(claim):
    for repeat in range(5):
        seed = Seed.from_client(repeat)
        broken = int((drawn_indices(seed, 1000, 100) < 50).sum())
        assert sampled_share(claim, 50, 1000, 100, seed) == pytest.approx(least_share(broken, 100, ALPHA), rel=1e-8)


def test_mutants_of_the_sampled_share_are_caught():
    """The share as counted, and the whole of a doubled alpha."""
    size, broken, draws = CASES[0]
    true, seeds = 1 - broken / size, [Seed.from_client(repeat) for repeat in range(REPEATS)]
    counts = [int((drawn_indices(seed, size, draws) < broken).sum()) for seed in seeds]
    assert sum(1 - count / draws > true for count in counts) > most(ALPHA)
    assert sum(least_share(count, draws, 4 * ALPHA) > true for count in counts) > most(ALPHA)


def test_several_claims_share_alpha_with_the_claim_on_the_output():
    seed = Seed.from_client(1)
    asked = {"size": 1000, "sampled": True, "seed": seed, "alpha": ALPHA, "diameter": 1.0, "tolerance": 0.5}
    scores = np.full((61, 4), 0.1)
    made = certify_edits(np.zeros(60), score_claims=CLAIMS[:3:2] + CLAIMS[4:], scores=scores[:, :3], **asked)
    expected = least_share(0, 60, ALPHA / 4)
    for share in (made.share, *(claim.share for claim in made.score_claims)):
        assert share == pytest.approx(expected, rel=1e-8)
    assert made.share < certify_edits(np.zeros(60), **asked).share


def test_mutants_of_the_whole_set_are_caught():
    """Runs without a score left out; the prompt's own output left out; the mean of the set for its worst."""
    edits, claim = EditSet("eat a pie", kinds=("typo",)), CLAIMS[0]
    scores = np.array([failing(text) for text in edits.texts])
    own = vowels(edits.text)
    true = derive_edits_score(scored_edits([claim], [[own], *[[s] for s in scores]], evidence_of(edits.size))[0], 0.0)
    assert true.bound == 1.0
    assert np.nanmax(scores) < true.bound
    assert np.nanmean(scores) < true.bound
    assert (scores[~np.isnan(scores)] <= 0.5).mean() > true.share
    high = scored_edits([claim], [[0.99], *[[0.1]] * edits.size], evidence_of(edits.size))[0]
    assert derive_edits_score(high, 0.0).bound == 0.99 > 0.1
