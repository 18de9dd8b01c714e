"""T4 as data: the constant, its factors, and what a certificate makes of them."""

import math
from dataclasses import replace

import numpy as np
import pytest

from smoothgen import (
    Certificate,
    Gaussian,
    Lipschitz,
    LookPlan,
    certify,
    certify_universal,
    verify,
)
from smoothgen.certificates import from_document, to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.errors import InvalidCertificate, InvalidLipschitz, InvalidMetric
from smoothgen.mechanisms import SynonymClasses
from tests.support.certificates.examples import (
    MECHANISMS,
    METRIC,
    PROVEN,
    PROVENANCE,
    SIGMA,
    distances,
    full,
    plain,
    proven,
    selection,
    universal,
)
from tests.support.certificates.looking import futile, look_at

DOCUMENT = to_document(proven())
SETTING = {"bound": 1.0, "diameter": 1.0, "mechanism": Gaussian(SIGMA), "alpha": 1e-3, "tolerance": 0.1}
SMALL = Lipschitz(0.04, 0.0, (0.2, 0.19), METRIC)


def failed(document) -> set[str]:
    return {c.name for c in verify({**document, "digest": content_digest(document)}).checks if not c.passed}


def tampered(**fields) -> set[str]:
    return failed({**DOCUMENT, "lipschitz": {**DOCUMENT["lipschitz"], **fields}})


def test_the_bound_is_the_smaller_of_the_three():
    made = certify(distances(), **{**SETTING, "diameter": 1.25, "bound": 1.5}, lipschitz=PROVEN)
    for epsilon in (0.01, 0.05, 0.1, 0.2, 0.4, 1.0, 5.0, 20.0):
        t4 = 0.125 * epsilon + 0.01
        smallest = min(made.universal_w1_bound(epsilon), made.spread_w1_bound(epsilon), t4, 1.25)
        assert made.w1_bound(epsilon) == pytest.approx(smallest, rel=1e-8)
        assert made.w1_bound(epsilon) >= smallest
    assert made.w1_bound(0.0) == 0.0  # T1: no attack, no shift, whatever the offset


def test_bounds_round_up_and_radii_down():
    third = Lipschitz(1 / 3, 0.0, (1 / 3,), METRIC)
    made = certify(distances(), **SETTING, lipschitz=third)
    assert made.w1_bound(0.001) == 0.000333333334
    assert SMALL.radius(0.1 / 75) == 0.0333333332  # 0.00133333333, the tolerance as it prints, less the slack
    for tolerance in (0.1, 0.3, 1e-9, 1 / 3):
        radius = third.radius(tolerance)
        assert radius <= 3 * tolerance
        assert radius == pytest.approx(3 * tolerance, rel=1e-7)
        assert certify(distances(), **{**SETTING, "tolerance": tolerance}, lipschitz=third).radius >= radius


def test_the_radius_is_the_larger_of_both_ways():
    assert proven().radius == pytest.approx((0.2 - 0.01) / 0.125, rel=1e-7)
    # A constant too large to help, and an offset above the tolerance: what the noise gives.
    for useless in (Lipschitz(50.0, 0.0, (50.0,), METRIC), Lipschitz(0.01, 0.2, (0.01,), METRIC)):
        assert certify(distances(), **SETTING, lipschitz=useless).radius == plain().radius


def test_a_small_constant_reaches_beyond_what_noise_can():
    made = certify(distances(), **SETTING, lipschitz=Lipschitz(1e-6, 0.0, (1e-6,), METRIC))
    assert made.radius == pytest.approx(1e5, rel=1e-7)
    assert made.w1_bound(made.radius) <= 0.1
    assert verify(made)


def test_without_samples_it_stands_beside_t1():
    asked = {name: SETTING[name] for name in ("diameter", "mechanism", "alpha", "tolerance")}
    made = certify_universal(**asked, lipschitz=SMALL)
    assert made.radius == pytest.approx(2.5, rel=1e-7)
    assert certify_universal(**asked).radius < 0.2
    assert "from the Lipschitz constant alone" in to_document(made)["statement"]
    assert verify(made)


def test_looks_and_the_first_word_know_it():
    asked = {**SETTING, "plan": LookPlan.doubling(500, 1e-3), "epsilon": 2.4}
    assert futile(**asked) is not None
    assert futile(**asked, lipschitz=SMALL) is None
    assert look_at(distances(500)[:32], **asked, lipschitz=SMALL).stop == "proven"


def test_together_with_a_selected_sigma_it_ends_where_the_selection_does():
    chosen = selection()
    made = certify(distances(), **SETTING, lipschitz=SMALL, sigma_selection=chosen)
    assert made.radius == chosen.radius
    assert made.w1_bound(chosen.radius) == pytest.approx(0.04 * chosen.radius, rel=1e-7)
    assert made.w1_bound(1.001 * chosen.radius) == 1.0


def test_a_constant_in_another_metric_is_refused():
    pixels = Lipschitz(0.04, 0.0, (0.2, 0.19), "pixel-rmse")
    with pytest.raises(InvalidMetric, match="proven in metric 'pixel-rmse', and the distances are in 'plugin:chord'"):
        certify(distances(), **SETTING, lipschitz=pixels, provenance=PROVENANCE)
    with pytest.raises(InvalidMetric, match="leave it out"):
        certify_universal(
            diameter=1.0,
            mechanism=Gaussian(SIGMA),
            alpha=1e-3,
            tolerance=0.1,
            lipschitz=pixels,
            provenance=PROVENANCE,
        )
    assert "inputs" in tampered(metric="pixel-rmse")
    assert "document" in tampered(metric="")


def test_verifying_says_what_it_takes_on_trust():
    [check] = [c for c in verify(proven()).checks if c.name == "lipschitz"]
    assert check.passed
    assert "not checked here: that each bounds its layer" in check.detail


def test_a_selected_sigma_without_samples_is_said():
    statement = to_document(replace(universal(), sigma_selection=selection()))["statement"]
    assert "from the selection of the noise level alone" in statement
    assert "any generator whatsoever" not in statement


SHAPED = MECHANISMS["shaped-gaussian"]
ROUND_WORDS, SHAPED_WORDS = (SynonymClasses("words", "1", "sha256:" + "0" * 64, m) for m in (Gaussian(SIGMA), SHAPED))


@pytest.mark.parametrize("mechanism", [SHAPED, SHAPED_WORDS], ids=lambda m: m.name)
def test_a_constant_in_another_norm_is_refused(mechanism):
    with pytest.raises(InvalidMetric, match="l2 norm of an attack"):
        certify(distances(), **{**SETTING, "mechanism": mechanism}, lipschitz=SMALL)
    with pytest.raises(InvalidMetric, match="l2 norm of an attack"):
        certify_universal(diameter=1.0, mechanism=mechanism, alpha=1e-3, tolerance=0.1, lipschitz=SMALL)
    assert "inputs" in failed({**to_document(full(mechanism)), "lipschitz": PROVEN.to_dict()})


def test_words_drawn_before_round_noise_keep_the_norm():
    made = certify(distances(), **{**SETTING, "mechanism": ROUND_WORDS}, lipschitz=SMALL)
    assert isinstance(made, Certificate)
    assert made.radius == pytest.approx(2.5, rel=1e-7)


def test_the_statement_names_the_norm_of_the_mechanism():
    made = certify(distances(), **{**SETTING, "mechanism": SHAPED})
    assert "in ellipsoid norm, with the numbers that the generator reads" in to_document(made)["statement"]


@pytest.mark.parametrize(
    "numbers",
    [
        (0.0, 0.0, (0.0,)),
        (-1.0, 0.0, (0.5,)),
        (math.nan, 0.0, (0.5,)),
        (math.inf, 0.0, (0.5,)),
        (1.0, -1e-9, (0.5,)),
        (1.0, math.nan, (0.5,)),
        (1.0, 0.0, ()),
        (1.0, 0.0, (-0.5, -0.5)),
        (1.0, 0.0, (math.inf,)),
        (True, 0.0, (0.5,)),
        (1.0, 0.0, (0.5,) * 4097),
        (0.0399999999, 0.0, (0.2, 0.2)),
    ],
    ids=lambda n: repr(n)[:60],
)
def test_numbers_that_prove_nothing_are_refused(numbers):
    with pytest.raises(InvalidLipschitz):
        Lipschitz(*numbers, METRIC)


def test_the_product_is_compared_exactly():
    # 0.1·0.1 rounds to a double above the product of the doubles, 0.7·0.1 to one below.
    assert Lipschitz(0.1 * 0.1, 0.0, (0.1, 0.1), METRIC)
    below = next((a, b) for a in np.linspace(0.1, 1, 50).tolist() for b in (0.1, 0.3, 0.7) if not _covers(a * b, a, b))
    with pytest.raises(InvalidLipschitz, match="round it up"):
        Lipschitz(below[0] * below[1], 0.0, below, METRIC)
    assert Lipschitz(math.nextafter(below[0] * below[1], 1), 0.0, below, METRIC)


def _covers(product: float, a: float, b: float) -> bool:
    n, d = product.as_integer_ratio()
    (an, ad), (bn, bd) = a.as_integer_ratio(), b.as_integer_ratio()
    return n * ad * bd >= an * bn * d


def test_the_document_reads_back():
    assert from_document(DOCUMENT).lipschitz == PROVEN
    assert verify(DOCUMENT)


def test_another_constant_offset_or_factor_is_rejected():
    for fields in (
        {"constant": 0.13},
        {"constant": 0.12},
        {"constant": 0.01},
        {"offset": 0.0},
        {"offset": 0.02},
        {"factors": [0.5, 0.25]},
        {"factors": [0.5, 0.25, 1.1]},
        {"factors": []},
    ):
        assert tampered(**fields), fields
    assert "statement" in failed({k: v for k, v in DOCUMENT.items() if k != "lipschitz"})


@pytest.mark.parametrize(
    "block",
    [
        None,
        {},
        {"constant": 0.1, "offset": 0.0},
        {"constant": 0.1, "offset": 0.0, "factors": 0.1},
        {"constant": 0.1, "offset": 0.0, "factors": [None]},
        {"constant": 0.1, "offset": 0.0, "factors": [0.2]},
        {"constant": "0.1", "offset": 0.0, "factors": [0.1]},
        {"constant": 0.1, "offset": 0.0, "factors": [0.1], "certified": False},
    ],
    ids=repr,
)
def test_a_block_of_another_shape_does_not_read(block):
    with pytest.raises(InvalidCertificate):
        from_document({**DOCUMENT, "lipschitz": block})


def test_the_constant_cannot_be_added_to_a_certificate_that_was_made_without():
    assert {"radius", "statement"} <= failed({**to_document(plain()), "lipschitz": PROVEN.to_dict()})
