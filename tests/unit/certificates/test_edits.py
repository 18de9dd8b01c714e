"""What follows from runs on a set of edits: known values, edges, rounding, and what is refused."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothgen import certify_edits
from smoothgen.certificates import Provenance, Threat
from smoothgen.certificates.edits import BreakingEdit, EditsEvidence, drawn_indices, least_share
from smoothgen.certificates.edits.claims import MOST_NAMED
from smoothgen.errors import (
    InvalidAlpha,
    InvalidCertificate,
    InvalidDistances,
    InvalidMetric,
    InvalidSeed,
    InvalidTolerance,
)
from smoothgen.noise import Seed
from tests.support.certificates import edits
from tests.support.certificates.edits import EDITS, SEED, certified


def test_known_values_of_a_set_run_whole():
    made = edits.bare()
    assert made.share == 0.714285714  # 5/7, nine digits, downwards
    assert (made.claims.kept, made.claims.unchanged, made.claims.broken) == (5, 3, 2)
    assert made.claims.broken_by == (BreakingEdit(2, 0.30000000000000004), BreakingEdit(4, None))
    assert (made.claims.w1_bound, made.radius) == (1.0, 0)
    assert made.claims.curve == ((1, 0.300000001), (2, 1.0))
    assert (made.alpha, made.confidence, made.sampled) == (0.0, 1.0, False)
    assert (made.evidence.runs, made.evidence.failed) == (7, 1)


def test_a_set_that_keeps_the_output_has_its_edits_as_radius():
    assert (edits.kept().radius, edits.kept().share, edits.kept().claims.w1_bound) == (2, 1.0, 0.1)
    assert (edits.plain().radius, edits.plain().claims.curve) == (1, ((1, 0.0),))
    assert (edits.pairs().radius, edits.pairs().claims.w1_bound) == (1, 1.0)


def test_known_values_of_a_sample():
    made = edits.bare_draw()
    assert made.share == pytest.approx(0.05 ** (1 / 50), rel=1e-8)
    assert made.share <= 0.05 ** (1 / 50)
    assert (made.claims.w1_bound, made.radius, made.claims.curve) == (None, None, ())
    assert (made.alpha, made.confidence, made.sampled) == (0.05, 0.95, True)
    assert edits.hopeless().share == 0.0


def test_of_a_sample_the_texts_that_break_are_named_once_by_their_number():
    drawn = drawn_indices(SEED, 5, 40)
    distances = np.where(drawn == 3, 1.0, np.where(drawn == 1, math.nan, 0.0))
    words = [f"text {k}" for k in drawn]
    made = certified(distances, size=5, sampled=True, seed=SEED, alpha=0.05, texts=words, outputs=words)
    assert made.claims.broken_by == (BreakingEdit(1, None), BreakingEdit(3, 1.0))
    assert made.claims.broken == 2
    assert made.claims.kept == int(np.isin(drawn, [0, 2, 4]).sum())
    assert (made.texts, made.outputs) == (("text 1", "text 3"), (None, "text 3"))


def test_the_edits_named_are_bounded_and_the_count_is_not():
    made = certified([1.0] * 500)
    assert (len(made.claims.broken_by), made.claims.broken, made.share) == (MOST_NAMED, 500, 0.0)


def test_an_edit_at_the_tolerance_is_kept_and_one_that_prints_above_it_is_not():
    just_above_a_third = math.nextafter(1 / 3, 1)
    assert certified([1 / 3], tolerance=0.333333334).radius == 1
    assert certified([just_above_a_third], tolerance=1 / 3).radius == 0
    assert certified([0.1], tolerance=0.1).share == 1.0


def test_a_distance_of_single_precision_may_round_beyond_the_diameter():
    above = float(np.nextafter(np.float32(1.1), np.float32(2)))
    assert certified([above], diameter=1.1).claims.w1_bound == 1.1


@settings(max_examples=300, deadline=None)
@given(
    distances=st.lists(st.floats(0, 1) | st.just(math.nan), min_size=1, max_size=12),
    singles=st.integers(1, 12),
    tolerance=st.floats(0.01, 0.99),
)
def test_every_number_is_on_the_safe_side_of_the_definition(distances, singles, tolerance):
    singles = min(singles, len(distances))
    made = certified(distances, singles=singles, tolerance=tolerance)
    true = [1.0 if math.isnan(d) else d for d in distances]
    assert max(true) <= made.claims.w1_bound <= max(true) * (1 + 1e-8) + 1e-300
    assert Fraction(made.share) <= Fraction(sum(d <= tolerance for d in true), len(true)) + Fraction(1, 2**54)
    assert made.share >= sum(d <= tolerance * (1 - 1e-8) for d in true) / len(true) - 1e-9
    assert made.claims.unchanged == sum(d == 0 for d in true)
    for edits_at_once, bound in made.claims.curve:
        reached = max(true[: singles if edits_at_once == 1 else None])
        assert reached <= bound <= reached * (1 + 1e-8) + 1e-300
        assert (edits_at_once <= made.radius) == (bound <= tolerance)
    assert (made.share == 1.0) == (made.claims.broken == 0) == (made.claims.w1_bound <= tolerance)


@given(size=st.integers(1, 400), kept=st.integers(0, 400))
@settings(max_examples=200, deadline=None)
def test_the_share_as_a_decimal_is_never_above_the_count(size, kept):
    kept = min(size, kept)
    made = certified([0.0] * kept + [1.0] * (size - kept))
    assert Fraction(repr(made.share)) <= Fraction(kept, size) < Fraction(repr(made.share)) + Fraction(1, 10**9)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"distances": []}, InvalidDistances, "not empty"),
        ({"distances": [[0.0]]}, InvalidDistances, "one-dimensional"),
        ({"distances": ["near"]}, InvalidDistances, "array of numbers"),
        ({"distances": [0.0, -0.1]}, InvalidDistances, "at least 0"),
        ({"distances": [0.0, -math.inf]}, InvalidDistances, "at least 0"),
        ({"distances": [0.0, 1.5]}, InvalidDistances, "1.5 exceeds diameter=1.0"),
        ({"size": 3}, InvalidDistances, "each of the 3 texts"),
        ({"size": 1}, InvalidDistances, "each of the 1 texts"),
        ({"size": 0}, InvalidDistances, "size must be a whole number"),
        ({"size": 2.0}, InvalidDistances, "size must be a whole number"),
        ({"size": 2**33}, InvalidDistances, "size must be a whole number"),
        ({"singles": 0}, InvalidDistances, "singles must be"),
        ({"singles": 3}, InvalidDistances, "singles must be"),
        ({"diameter": 0.0}, InvalidMetric, "diameter"),
        ({"diameter": math.nan}, InvalidMetric, "diameter"),
        ({"tolerance": 1.0}, InvalidTolerance, "diameter 1.0"),
        ({"tolerance": 0.0}, InvalidTolerance, "got 0.0"),
        ({"tolerance": math.nan}, InvalidTolerance, "nan"),
        ({"alpha": 0.05}, InvalidAlpha, "0 where every text was run"),
        ({"seed": SEED}, InvalidSeed, "exactly where they were drawn"),
        ({"sampled": True}, InvalidSeed, "exactly where they were drawn"),
        ({"sampled": True, "seed": SEED}, InvalidAlpha, "1 - confidence"),
        ({"sampled": True, "seed": SEED, "alpha": 1.0}, InvalidAlpha, "alpha"),
        ({"texts": ["one"]}, InvalidDistances, "texts must have one for each of 2"),
        ({"outputs": ["one"]}, InvalidDistances, "outputs must have one for each of 2"),
        ({"edit_set": replace(EDITS.identity, version="edits/v0")}, InvalidCertificate, "version"),
        ({"edit_set": EDITS.identity, "singles": 1}, InvalidCertificate, "more than one edit away"),
        (
            {"provenance": Provenance(threat=Threat("x", 1, 0.0, 0.0, ()))},
            InvalidCertificate,
            "threat describes noise",
        ),
    ],
)
def test_what_cannot_be_evidence_is_refused(changes, error, says):
    asked = {"distances": [0.0, 0.5], "size": 2, "sampled": False, "diameter": 1.0, "tolerance": 0.1, **changes}
    with pytest.raises(error, match=says):
        certify_edits(asked.pop("distances"), **asked)


def test_one_text_has_one_distance():
    drawn = drawn_indices(SEED, 3, 40)
    distances = np.where(drawn == 1, 0.5, 0.0)
    distances[np.flatnonzero(drawn == 1)[-1]] = 0.0
    with pytest.raises(InvalidDistances, match=r"text 1 was drawn more than once and has the distances 0\.5 and 0\.0"):
        certified(distances, size=3, sampled=True, seed=SEED, alpha=0.05)


def test_equal_evidence_is_equal():
    def made(**changes) -> EditsEvidence:
        asked = {"distances": [0.0], "size": 4, "singles": 2, "diameter": 1.0, "seed": SEED, **changes}
        return EditsEvidence.from_runs(asked.pop("distances"), **asked)

    others = [{"distances": [0.1]}, {"size": 5}, {"singles": 1}, {"diameter": 2.0}, {"seed": Seed.from_client(1)}]
    assert made() == made(distances=[-0.0])
    assert hash(made()) == hash(made())
    assert all(made() != made(**other) for other in others)
    assert made() != "evidence"


def test_the_least_share_is_a_share():
    for draws in (1, 2, 50):
        bounds = [least_share(broken, draws, 0.05) for broken in range(draws + 1)]
        assert bounds == sorted(bounds, reverse=True)
        assert 0 == bounds[-1] <= bounds[0] < 1
