"""Plans of looks, certificates made at one of them, and what happens to documents that misstate them."""

import copy
import json
import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smoothgen import Certificate, Gaussian, LookPlan, certify, verify
from smoothgen.certificates import from_document, to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.errors import InvalidAlpha, InvalidCertificate, InvalidDistances
from tests.support.certificates.examples import PLAN, distances, early, plain

ASKED = {"bound": 1.0, "diameter": 1.0, "mechanism": Gaussian(0.5), "alpha": 1e-3, "tolerance": 0.1}
EARLY = to_document(early())


def redigested(document):
    return {**document, "digest": content_digest(document)}


def failed(document) -> set[str]:
    return {check.name for check in verify(redigested(document)).checks if not check.passed}


def test_doubling_looks_at_halves_down_to_about_thirty():
    assert LookPlan.doubling(500, 1e-3).sizes == (32, 63, 125, 250, 500)
    assert LookPlan.doubling(100, 1e-3).sizes == (50, 100)
    assert LookPlan.doubling(60, 1e-3).sizes == (30, 60)
    assert LookPlan.doubling(10_000, 1e-3).sizes[:2] == (40, 79)


def test_the_last_look_keeps_half_and_the_others_share_the_other_half():
    *earlier, last = LookPlan.doubling(500, 1e-3).alphas
    assert last == 0.5e-3
    assert earlier == [pytest.approx(0.125e-3, rel=1e-15)] * 4


@pytest.mark.parametrize(("samples", "alpha"), [(1, 1e-3), (30, 1e-3), (58, 1e-3), (500, 1e-12), (500, 4e-12)])
def test_too_few_samples_or_too_little_alpha_leave_one_look(samples, alpha):
    assert LookPlan.doubling(samples, alpha) == LookPlan.single(samples, alpha) == LookPlan((samples,), (alpha,))


@given(st.integers(1, 10**7), st.floats(1e-12, 0.999))
def test_a_doubling_plan_never_spends_more_than_alpha_and_hardly_less(samples, alpha):
    plan = LookPlan.doubling(samples, alpha)
    assert plan.sizes[-1] == samples
    assert all(a < b <= 2 * a for a, b in zip(plan.sizes, plan.sizes[1:], strict=False))
    assert math.fsum(plan.alphas) <= alpha
    exact = sum(map(Fraction, plan.alphas))
    assert Fraction(alpha) * (1 - Fraction(1, 10**14)) <= exact <= Fraction(alpha)
    plan.require_within(alpha)


@given(st.integers(59, 10**7), st.floats(1e-10, 0.999))
def test_a_doubling_plan_begins_with_thirty_samples_or_a_few_more(samples, alpha):
    sizes = LookPlan.doubling(samples, alpha).sizes
    assert len(sizes) > 1
    assert 30 <= sizes[0] < 60


def test_looks_are_found_by_their_size():
    assert [PLAN.look_at(n) for n in PLAN.sizes] == [0, 1, 2, 3, 4]
    assert [PLAN.next_size(n) for n in (0, *PLAN.sizes)] == [32, 63, 125, 250, 500, None]
    for find in (PLAN.look_at, PLAN.next_size):
        with pytest.raises(InvalidDistances, match=r"126 samples .* \[32, 63, 125, 250, 500\]"):
            find(126)


@pytest.mark.parametrize("sizes", [(), (0,), (-1, 5), (5, 5), (9, 5), (1.0, 2.0), (True, 2), ("3",)])
def test_sizes_must_be_whole_numbers_that_increase(sizes):
    with pytest.raises(InvalidDistances, match="increase"):
        LookPlan(sizes, (1e-3,) * len(sizes))


@pytest.mark.parametrize("alphas", [(1e-3,), (1e-3, 0.0), (1e-3, -1e-3), (1e-3, math.nan), (1e-3, 1.0), (1e-3,) * 3])
def test_every_look_needs_its_alpha(alphas):
    with pytest.raises(InvalidAlpha, match="alpha"):
        LookPlan((10, 20), alphas)


def test_the_json_form_is_read_back():
    assert LookPlan.from_dict(json.loads(json.dumps(PLAN.to_dict()))) == PLAN


@pytest.mark.parametrize(
    "document", [None, [], {}, {"sizes": [1]}, {"sizes": 1, "alphas": [0.1]}, {"sizes": [1], "alphas": ["0.1"]}]
)
def test_another_shape_is_refused(document):
    with pytest.raises(InvalidCertificate, match="looks"):
        LookPlan.from_dict(document)


@pytest.mark.parametrize("epsilon", [None, 0.05])
def test_one_look_with_all_of_alpha_gives_the_same_bytes_as_no_plan(epsilon):
    without = certify(distances(), **ASKED, epsilon=epsilon)
    single = certify(distances(), **ASKED, epsilon=epsilon, plan=LookPlan.single(200, 1e-3))
    assert json.dumps(to_document(single)) == json.dumps(to_document(without))
    assert single.looks is None


@pytest.mark.parametrize("look", range(5))
def test_a_look_claims_what_its_own_share_of_alpha_proves(look):
    size, share = PLAN.sizes[look], PLAN.alphas[look]
    values = distances(500)[:size]
    certificate = certify(values, **ASKED, plan=PLAN)
    alone = certify(values, **{**ASKED, "alpha": share})
    assert isinstance(certificate, Certificate)
    assert certificate.claims == alone.claims
    assert certificate.look_alpha == share
    assert (certificate.alpha, certificate.confidence) == (1e-3, 0.999)
    for epsilon in (0.05, 0.3):
        assert certificate.w1_bound(epsilon) == alone.w1_bound(epsilon)
        assert certificate.deviation(epsilon, 0.1) == alone.deviation(epsilon, 0.1)
    document = to_document(certificate)
    assert document["alpha_split"] == to_document(alone)["alpha_split"]
    assert document["looks"] == {"sizes": list(PLAN.sizes), "alphas": list(PLAN.alphas), "taken": look}
    assert verify(certificate)


def test_a_look_that_was_not_planned_is_refused():
    with pytest.raises(InvalidDistances, match="200 samples are no look"):
        certify(distances(200), **ASKED, plan=PLAN)


def test_looks_that_spend_more_than_alpha_are_refused():
    plan = LookPlan((100, 200), (0.5e-3, 0.5e-3 * (1 + 1e-14)))
    with pytest.raises(InvalidAlpha, match="may spend"):
        certify(distances(200), **ASKED, plan=plan)


def test_a_single_look_that_spends_less_than_alpha_is_a_plan_too():
    certificate = certify(distances(200), **ASKED, plan=LookPlan.single(200, 1e-4))
    assert certificate.claims == plain(alpha=1e-4).claims
    assert certificate.looks == LookPlan.single(200, 1e-4)
    assert verify(certificate)
    assert from_document(to_document(certificate)) == certificate


def test_the_statement_says_that_the_job_could_stop_and_that_the_confidence_covers_it():
    said = EARLY["statement"]
    assert "could stop early, after 32, 63, 125, 250 or 500 samples" in said
    assert "made after 125" in said
    assert "covers whichever of these looks is taken" in said
    assert "stop early" not in to_document(plain())["statement"]


def looks(**changes):
    return {**EARLY, "looks": {**EARLY["looks"], **changes}}


ALPHAS = EARLY["looks"]["alphas"]
DOCTORED = {
    "another look taken": (looks(taken=4), "looks"),
    "a look that is none": (looks(taken=5), "looks"),
    "all of alpha for this look": (looks(alphas=[*ALPHAS[:2], 1e-3, *ALPHAS[3:]]), "inputs"),
    "half of alpha for this look": (looks(alphas=[*ALPHAS[:2], 0.5e-3, *ALPHAS[3:]]), "inputs"),
    "half of alpha, taken from the last": (looks(alphas=[*ALPHAS[:2], 0.5e-3, ALPHAS[3], ALPHAS[0]]), "w1_bound"),
    "the looks dropped": ({k: v for k, v in EARLY.items() if k != "looks"}, "w1_bound"),
    "sizes that fall": (looks(sizes=[32, 63, 125, 500, 250]), "document"),
    "a size missing": (looks(sizes=[32, 63, 125, 250]), "document"),
    "other sizes": (looks(sizes=[32, 63, 126, 250, 500]), "inputs"),
    "a negative alpha": (looks(alphas=[-1e-4, *ALPHAS[1:]]), "document"),
    "an alpha of zero": (looks(alphas=[0.0, *ALPHAS[1:]]), "document"),
    "one look only": (looks(sizes=[125], alphas=[1e-3], taken=0), "inputs"),
    "taken by no number": (looks(taken=True), "document"),
    "taken by a fraction": (looks(taken=2.0), "document"),
    "something more": (looks(bonus=1), "document"),
    "nothing": ({**EARLY, "looks": {}}, "document"),
    "null": ({**EARLY, "looks": None}, "document"),
}


@pytest.mark.parametrize("name", DOCTORED)
def test_a_doctored_look_is_found_with_a_fresh_digest(name):
    document, check = DOCTORED[name]
    assert verify(EARLY)
    assert not verify(document)
    assert check in failed(document)


def test_looks_added_to_a_certificate_that_had_none_are_found():
    document = to_document(plain(125))
    single = {"sizes": [125], "alphas": [1e-3], "taken": 0}
    planned = {"sizes": list(PLAN.sizes), "alphas": list(PLAN.alphas), "taken": 2}
    assert "inputs" in failed({**document, "looks": single})
    assert {"radius", "curve", "alpha_split", "statement"} <= failed({**document, "looks": planned})


def test_the_claims_of_another_look_are_found():
    """Everything but the claims is honest: those are made with all of alpha."""
    greedy = to_document(certify(distances(500)[:125], **ASKED))
    honest = to_document(certify(distances(500)[:125], **ASKED, plan=PLAN))
    stolen = {name: greedy[name] for name in ("radius", "w1_bound", "curve", "deviation", "alpha_split")}
    assert {"radius", "curve", "alpha_split"} <= failed({**honest, **stolen})


def test_a_certificate_object_off_its_plan_fails_and_does_not_raise():
    assert not verify(replace(early(), looks=LookPlan((10, 20), (5e-4, 5e-4))))


def test_a_plan_and_its_certificate_survive_the_round_trip():
    again = from_document(json.loads(json.dumps(EARLY)))
    assert again.looks == PLAN
    assert again == early()
    assert copy.deepcopy(again) == again


def test_failed_samples_count_at_every_look():
    values = distances(500)[:63].copy()
    values[::7] = np.nan
    certificate = certify(values, **ASKED, plan=PLAN)
    assert certificate.evidence.failed == 9
    assert verify(certificate)
