"""Certificates of units from runs: what is claimed, what is refused, and the choice of the units of a run."""

import itertools
import math

import numpy as np
import pytest

from smoothgen import LookPlan, UnitChoice, certify_units
from smoothgen.certificates import Abstention, Reason, Sampling, UnitsCertificate, largest_probability, largest_size
from smoothgen.certificates.provenance import Provenance
from smoothgen.certificates.units import most_altered
from smoothgen.certificates.units.touched import TouchedRuns, all_subsets, goes_through
from smoothgen.errors import (
    InvalidAlpha,
    InvalidCertificate,
    InvalidDistances,
    InvalidMetric,
    InvalidParameters,
    InvalidTolerance,
)
from smoothgen.noise import Seed, Stream, uniforms
from tests.support.certificates import units
from tests.support.certificates.units import SEED, TEN_OF_TWO, certified, misled

ROWS = TEN_OF_TWO.enumerated()
ASKED = {"choice": TEN_OF_TWO, "seed": None, "bound": 1.0, "diameter": 1.0, "keep": 0.5, "two_valued": True}


def test_all_subsets_stand_in_lexicographic_order():
    kept = [tuple(np.flatnonzero(row)) for row in ROWS]
    assert kept == list(itertools.combinations(range(10), 2)) == sorted(kept)
    assert TEN_OF_TWO.subsets == len(kept) == 45
    assert UnitChoice(5, probability=0.5).subsets is None


@pytest.mark.parametrize(("units", "size"), [(1, 1), (5, 3), (6, 4), (7, 6), (7, 7)])
def test_subsets_of_nearly_all_units_stand_in_the_same_order(units, size):
    kept = [tuple(np.flatnonzero(row)) for row in all_subsets(units, size)]
    assert kept == list(itertools.combinations(range(units), size))


def test_a_choice_of_all_but_one_of_thousands_of_units_is_judged_without_its_subsets(monkeypatch):
    """To list the subsets of a document of two kilobytes, 10⁸ numbers, had stopped a gateway for a minute."""
    monkeypatch.setattr("smoothgen.certificates.units.touched.all_subsets", None)
    most = TouchedRuns(10_000, 9_999, np.ones((10_000, 1)))
    assert most.most(0).tolist() == [0.0]
    assert most.most(1).tolist() == [9_999.0]


def test_one_misleading_passage_of_ten():
    """36 of 45 runs answer; whoever alters one of the others takes 8 of them."""
    made = certified(misled(ROWS))
    assert made.claims.kept == 36
    assert made.claims.keeps[:3] == ((0, 0.8), (1, 0.622222222), (2, 0.466666666))
    assert (made.radius, made.claims.majority, made.alpha, made.confidence) == (1, 1, 0.0, 1.0)
    assert made.claims.w1_bound == 0.2  # β(1), rounded up and no further
    assert made.bound_for(1) == type(made.bound_for(1))(1, 0.2, 0.622222222, True)
    assert not made.bound_for(2).covered
    assert made.bound_for(0).share == 0.8
    assert made.bound_for(11).share == 0.0


def test_a_tolerance_is_a_claim_of_its_own():
    made = certified(misled(ROWS), tolerance=0.4)
    assert (made.radius, made.keep, made.tolerance) == (2, None, 0.4)
    assert made.claims.majority == 1
    assert made.claims.keeps is not None
    # Its rows go on where nothing is left of the answer but the shift is still within the tolerance.
    lost = certified(misled(ROWS, range(9)), tolerance=0.4)
    assert lost.radius == 2
    assert lost.claims.keeps[1:] == tuple((m, 0.0) for m in range(1, len(lost.claims.keeps)))


def test_failed_and_missing_runs_are_lost():
    distances = misled(ROWS, ())
    whole = certified(distances)
    distances[0] = math.nan
    failed = certified(distances)
    short = certified(misled(ROWS, ())[:-1], missing="worst")
    assert (failed.evidence.failed, failed.missing, short.evidence.failed, short.missing) == (1, 0, 0, 1)
    assert [s for _, s in failed.claims.keeps] == [s for _, s in short.claims.keeps]
    assert all(failed.bound_for(m).share <= whole.bound_for(m).share for m in range(10))
    with pytest.raises(InvalidDistances, match="missing='worst'"):
        certified(misled(ROWS, ())[:-1])


def test_a_subset_that_was_not_run_may_have_given_anything():
    """Of distances that are all 0, a run that is missing is as bad as one at the largest distance there is."""
    asked = {"two_valued": False, "bound": 0.6, "tolerance": 0.5}
    short = certified(np.zeros(44), missing="worst", **asked)
    worst = certified([*np.zeros(44), 0.6], **asked)
    assert short.claims == worst.claims
    assert short.bound_for(1).w1_bound > certified(np.zeros(45), **asked).bound_for(1).w1_bound
    # A missing run is not among those that an attack takes from the answer, since it counts for nothing.
    choice = UnitChoice(3, size=1)
    two_of_three = certified([0.0, 0.0], choice=choice, missing="worst", keep=0.3)
    assert two_of_three.claims.keeps == ((0, 0.666666666), (1, 0.333333333), (2, 0.0))


def test_exactly_one_half_is_no_majority():
    made = certified(np.zeros(252), choice=UnitChoice(10, size=5))
    assert (made.radius, made.bound_for(1).share, made.claims.majority) == (1, 0.5, 0)


def test_once_too_many_sets_no_larger_number_of_units_is_gone_through(monkeypatch):
    """There are as many sets of five of six units as of one, but more of three."""
    assert goes_through(6, 6, 5)
    monkeypatch.setattr("smoothgen.certificates.units.touched.MOST_SETS", 6)
    assert [m for m in range(7) if goes_through(6, 6, m)] == [0, 1]


def test_numbers_that_lie_together_move_less_than_the_diameter():
    made = certified(np.full(45, 0.05), two_valued=False, bound=0.6, tolerance=0.2)
    assert made.radius == 1
    assert made.claims.curve[1] == (1, pytest.approx(0.2 * 0.65, rel=1e-8))
    assert made.claims.keeps is made.claims.majority is made.claims.share is made.claims.kept is None


def test_an_asked_number_out_of_reach_is_an_abstention():
    made = certify_units(misled(ROWS), **ASKED, altered=2)
    assert isinstance(made, Abstention)
    assert made.reason is Reason.RADIUS_OUT_OF_REACH
    assert "keep a share of 0.466666666, less than 0.5" in made.detail
    assert "proven for 1" in made.detail
    assert made.radius == 1
    assert made.curve[:2] == ((0.0, 0.0), (1.0, 0.2))
    assert certify_units(np.full(45, math.nan), **ASKED).reason is Reason.TOO_FEW_SAMPLES


def test_drawn_runs_spend_the_alpha_of_their_look():
    plan = LookPlan.doubling(100, 1e-3)
    asked = {**ASKED, "seed": SEED, "alpha": 1e-3}
    early = certify_units(np.zeros(50), **asked, plan=plan)
    whole = certify_units(np.zeros(50), **asked)
    assert (early.looks, whole.looks) == (plan, None)
    assert early.bound_for(1).share < whole.bound_for(1).share
    assert certify_units(np.zeros(50), **asked, plan=LookPlan.single(50, 1e-3)) == whole
    with pytest.raises(InvalidDistances, match="no look"):
        certify_units(np.zeros(51), **asked, plan=plan)
    with pytest.raises(InvalidAlpha, match="leave the plan out"):
        certify_units(np.zeros(45), **ASKED, plan=plan)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"tolerance": 0.1}, InvalidParameters, "exactly one claim"),
        ({"keep": None}, InvalidParameters, "exactly one claim"),
        ({"keep": 1.0}, InvalidParameters, "between 0 and 1"),
        ({"keep": math.nan}, InvalidParameters, "between 0 and 1"),
        ({"two_valued": False}, InvalidParameters, "not two-valued"),
        ({"keep": None, "tolerance": 1.0}, InvalidTolerance, "diameter"),
        ({"bound": 0.9}, InvalidDistances, "bound"),
        ({"bound": 0.6, "diameter": 1.0, "distances": np.zeros(45)}, InvalidMetric, "two-valued"),
        ({"distances": np.full(45, 0.5)}, InvalidDistances, "two-valued"),
        ({"altered": 9}, InvalidParameters, "at most 8"),
        ({"altered": 0}, InvalidParameters, "at least 1"),
        ({"altered": 1.0}, InvalidParameters, "whole number"),
        ({"alpha": 1e-3}, InvalidAlpha, "nothing is left to chance"),
        ({"seed": SEED}, InvalidAlpha, "alpha"),
        ({"distances": np.zeros(46)}, InvalidDistances, "46 distances"),
        ({"choice": UnitChoice(10, probability=0.5)}, InvalidDistances, "give the seed"),
        ({"choice": UnitChoice(600, size=2)}, InvalidDistances, "give the seed"),
        (
            {"provenance": Provenance(sampling=Sampling("0" * 32, "client", "s", "common", 8))},
            InvalidCertificate,
            "noise",
        ),
    ],
)
def test_what_cannot_be_certified_is_refused_with_a_remedy(changes, error, says):
    asked = {"distances": misled(ROWS), **ASKED, **changes}
    with pytest.raises(error, match=says):
        certify_units(asked.pop("distances"), **asked)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ({"units": 0, "size": 1}, "whole number in"),
        ({"units": 10_001, "size": 1}, "10001"),
        ({"units": True, "size": 1}, "whole number"),
        ({"units": 5}, "exactly one"),
        ({"units": 5, "size": 1, "probability": 0.5}, "exactly one"),
        ({"units": 5, "size": 0}, r"\[1, 4\]"),
        ({"units": 5, "size": 5}, r"\[1, 4\]"),
        ({"units": 1, "size": 1}, "single unit"),
        ({"units": 5, "probability": 0}, "between 0 and 1"),
        ({"units": 5, "probability": 1.0}, "between 0 and 1"),
        ({"units": 5, "probability": math.nan}, "between 0 and 1"),
        ({"units": 5, "probability": "0.5"}, "between 0 and 1"),
    ],
)
def test_a_choice_has_its_range(choice, says):
    with pytest.raises(InvalidParameters, match=says):
        UnitChoice(**choice)


def test_more_subsets_than_are_run_one_by_one_are_drawn():
    with pytest.raises(InvalidParameters, match="draw them by a seed"):
        UnitChoice(600, size=2).enumerated()
    with pytest.raises(InvalidParameters, match="draw them by a seed"):
        UnitChoice(3, probability=0.5).enumerated()


@pytest.mark.parametrize("choice", [UnitChoice(30, size=4), UnitChoice(30, probability=0.3)])
def test_a_run_belongs_to_seed_stream_and_index(choice):
    """Not to the batch it is drawn in, and no other stream draws the same."""
    together = choice.drawn(SEED, Stream.UNITS_CERTIFICATION, range(20))
    alone = [choice.drawn(SEED, Stream.UNITS_CERTIFICATION, [i])[0] for i in range(20)]
    backwards = choice.drawn(SEED, Stream.UNITS_CERTIFICATION, range(19, -1, -1))[::-1]
    assert np.array_equal(together, alone)
    assert np.array_equal(together, backwards)
    assert not np.array_equal(together, choice.drawn(SEED, Stream.UNITS_SELECTION, range(20)))
    assert not np.array_equal(together, choice.drawn(Seed.from_client(1), Stream.UNITS_CERTIFICATION, range(20)))
    if choice.size is not None:
        assert (together.sum(axis=1) == choice.size).all()
    else:
        numbers = [uniforms(SEED, Stream.UNITS_CERTIFICATION, i, choice.units) for i in range(20)]
        assert np.array_equal(together, np.array(numbers) < choice.probability)


def test_a_draw_beyond_the_last_whole_multiple_is_drawn_again(monkeypatch):
    """Of 2⁵² numbers, the last of the range would favour the first units."""
    calls = []

    def numbers(seed, stream, index, count, *, step=0):
        calls.append(step)
        return np.full(count, 1 - 2.0**-53 if step == 0 else (7 + 0.5) * 2.0**-52)

    monkeypatch.setattr("smoothgen.certificates.units.choice.uniforms", numbers)
    [row] = UnitChoice(5, size=1).drawn(SEED, Stream.UNITS_CERTIFICATION, [0])
    assert calls == [0, 1]
    assert np.flatnonzero(row).tolist() == [7 % 5]


# --- The size that could be proven ---


@pytest.mark.parametrize(
    ("count", "altered", "samples"), [(10, 1, 500), (10, 2, 500), (10, 3, 40), (60, 2, 300), (7, 1, 7)]
)
@pytest.mark.parametrize("claim", [{"keep": 0.5}, {"keep": 0.2}, {"tolerance": 0.5}])
def test_the_largest_size_is_the_largest_that_can_be_proven(count, altered, samples, claim):
    """Certified without a bad run it proves what is asked, and one unit more does not."""
    size = largest_size(count, altered, samples=samples, alpha=1e-3, **claim)

    def proven(size: int) -> bool:
        choice = UnitChoice(count, size=size)
        drawn = choice.subsets > samples
        made = certify_units(
            np.zeros(samples if drawn else choice.subsets),
            choice=choice,
            seed=SEED if drawn else None,
            alpha=1e-3 if drawn else 0.0,
            bound=1.0,
            diameter=1.0,
            two_valued=True,
            altered=altered,
            **claim,
        )
        return isinstance(made, UnitsCertificate)

    assert proven(size)
    assert size + 1 > count - altered or not proven(size + 1)


@pytest.mark.parametrize("samples", [30, 500])
@pytest.mark.parametrize("claim", [{"keep": 0.5}, {"keep": 0.9}, {"tolerance": 0.5}])
@pytest.mark.parametrize("choice", [UnitChoice(10, size=2), UnitChoice(10, size=9), UnitChoice(40, probability=0.1)])
def test_the_most_altered_units_are_what_a_certificate_without_a_bad_run_proves(choice, samples, claim):
    drawn = choice.subsets is None or choice.subsets > samples
    made = certify_units(
        np.zeros(samples if drawn else choice.subsets),
        choice=choice,
        seed=SEED if drawn else None,
        alpha=1e-3 if drawn else 0.0,
        bound=1.0,
        diameter=1.0,
        two_valued=True,
        **claim,
    )
    assert most_altered(choice, samples=samples, alpha=1e-3, **claim) == made.radius


def test_the_largest_probability_can_be_proven_and_little_more_cannot():
    for altered in (1, 3):
        found = largest_probability(altered, samples=500, alpha=1e-3, keep=0.5)
        asked = {**ASKED, "seed": SEED, "alpha": 1e-3, "altered": altered}
        for probability, proven in ((found, True), (found * 1.02, False)):
            made = certify_units(np.zeros(500), **{**asked, "choice": UnitChoice(50, probability=probability)})
            assert isinstance(made, UnitsCertificate) == proven


def test_what_can_never_be_proven_is_said_before_a_run():
    for impossible in (
        lambda: largest_size(3, 2, samples=500, alpha=1e-3, keep=0.5),
        lambda: largest_size(2, 2, samples=500, alpha=1e-3, keep=0.5),
        lambda: largest_size(10, 1, samples=5, alpha=1e-9, keep=0.999),
        lambda: largest_probability(1, samples=5, alpha=1e-9, keep=0.99),
    ):
        with pytest.raises(InvalidParameters, match="fewer altered units or a smaller share"):
            impossible()
    with pytest.raises(InvalidParameters, match="larger tolerance"):
        largest_size(3, 2, samples=500, alpha=1e-3, tolerance=0.1)
    with pytest.raises(InvalidParameters, match="exactly one claim"):
        largest_size(3, 1, samples=500, alpha=1e-3)


@pytest.mark.parametrize(
    ("altered", "keep", "needed"), [(1, 0.9, 10), (2, 0.9, 20), (1, 0.5, 2), (3, 0.75, 12), (200, 0.5, 400)]
)
def test_the_least_number_of_units_that_could_prove_it_is_named_where_no_runs_could(altered, keep, needed):
    asked = {"samples": 500, "alpha": 1e-3, "keep": keep}
    with pytest.raises(InvalidParameters, match=f"send at least {needed} passages") as refused:
        largest_size(needed - 1, altered, **asked)
    assert refused.value.field == "context"
    assert largest_size(needed, altered, **asked) == 1
    with pytest.raises(InvalidParameters, match=f"send at least {needed} passages"):
        largest_size(1, altered, **asked)


@pytest.mark.parametrize(("altered", "keep"), [(1, 1.0), (251, 0.5), (4000, 0.5)])
def test_no_number_of_units_is_named_where_none_would_do(altered, keep):
    with pytest.raises(InvalidParameters, match="fewer altered units") as refused:
        largest_size(10, altered, samples=500, alpha=1e-3, keep=keep)
    assert refused.value.field == "units.altered"


@pytest.mark.parametrize("name", units.EXAMPLES)
def test_what_is_stated_beside_the_rows_is_read_from_them(name):
    made = units.EXAMPLES[name]()
    at = made.radius if made.altered is None else made.altered
    assert made.claims.w1_bound == dict(made.claims.curve)[at] == made.bound_for(at).w1_bound
    for m, bound in made.claims.curve:
        assert made.bound_for(m).w1_bound == bound
        assert made.bound_for(m).covered == (m <= made.radius and name != "hopeless")
