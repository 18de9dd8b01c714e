"""certify: the safe side of the radius, its corners, abstentions, and refusals."""

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smoothgen import Abstention, Certificate, Gaussian, Reason, certify
from smoothgen.certificates.bounds.radius import LARGEST_RADIUS_IN_SIGMAS
from smoothgen.certificates.bounds.rounding import round_down, round_up
from smoothgen.certificates.claims import CURVE_POINTS
from smoothgen.errors import (
    InvalidAlpha,
    InvalidDistances,
    InvalidEpsilon,
    InvalidInput,
    InvalidMetric,
    InvalidTolerance,
    UnknownName,
)
from tests.support.certificates.examples import PROVENANCE, distances, full, label, plain

ASKED = {"bound": 1.0, "diameter": 1.0, "mechanism": Gaussian(0.5), "alpha": 1e-3, "tolerance": 0.1}


def made(values, **asked) -> Certificate:
    certificate = certify(values, **{**ASKED, **asked})
    assert isinstance(certificate, Certificate)
    return certificate


measured = {
    "n": st.sampled_from([1, 2, 5, 50, 300]),
    "scale": st.floats(0, 1),
    "sigma": st.floats(1e-6, 1e6),
    "alpha": st.floats(1e-12, 0.5),
    "size": st.sampled_from([1e-30, 1e-3, 1.0, 7.0, 1e30]),
}


def measured_in(size, n, scale, sigma, **asked) -> Certificate:
    """A certificate of distances whose unit makes the diameter `size`."""
    return made(distances(n) * scale * size, bound=size, diameter=size, mechanism=Gaussian(sigma), **asked)


@settings(max_examples=200, deadline=None)
@given(share=st.floats(1e-6, 1 - 1e-9) | st.floats(1e-300, 1e-6), **measured)
def test_what_is_printed_at_the_radius_is_within_the_tolerance(share, size, **given):
    assume(share * size > 0)
    certificate = measured_in(size, tolerance=share * size, **given)
    radius = certificate.radius
    assert radius >= 0
    assert round_down(radius) <= radius
    assert certificate.w1_bound(radius) <= share * size
    assert certificate.claims.w1_bound == certificate.w1_bound(radius)


@settings(max_examples=200, deadline=None)
@given(share=st.floats(1.1e-6, 1 - 1e-9), **measured)
def test_a_little_beyond_the_radius_the_bound_is_above_the_tolerance(share, size, **given):
    certificate = measured_in(size, tolerance=share * size, **given)
    radius = certificate.radius
    assume(radius < 0.999 * LARGEST_RADIUS_IN_SIGMAS * given["sigma"])  # there the search ends
    assert certificate.w1_bound(radius * (1 + 1e-5)) > share * size * (1 - 1e-8)


def test_just_above_the_radius_the_bound_exceeds_the_tolerance():
    certificate = plain()
    assert certificate.w1_bound(certificate.radius) <= 0.1
    assert certificate.w1_bound(certificate.radius * (1 + 3e-8)) > 0.1


@pytest.mark.parametrize("tolerance", [0.9998683272743585, 1 - 1e-12, 1 / 3, 0.1])
def test_a_tolerance_that_is_no_nine_digit_decimal_is_kept(tolerance):
    certificate = made(np.full(500, 0.9), tolerance=tolerance)
    assert certificate.claims.w1_bound <= tolerance


@pytest.mark.parametrize("tolerance", [5e-324, 1e-320, 1e-300, 1e-100])
def test_the_smallest_tolerances_neither_hang_nor_fail(tolerance):
    for size in (1.0, 1e30):
        assert made([0.1], bound=size, diameter=size, tolerance=tolerance).radius >= 0


def test_beyond_128_sigmas_nothing_is_claimed():
    certificate = made(np.zeros(5000), bound=0.05, diameter=0.1, tolerance=0.0999, mechanism=Gaussian(2.0))
    assert certificate.w1_bound(certificate.radius) < certificate.w1_bound(257.0) == 0.1
    assert certificate.exceedance(257.0, 0.05) == 1.0


def test_the_curve_rises_and_spans_twice_the_radius():
    certificate = plain()
    epsilons, bounds = zip(*certificate.curve, strict=True)
    assert list(epsilons) == sorted(epsilons)
    assert list(bounds) == sorted(bounds)
    assert (epsilons[0], bounds[0]) == (0.0, 0.0)
    assert epsilons[-1] == pytest.approx(2 * certificate.radius)
    assert len(epsilons) >= CURVE_POINTS
    assert all(certificate.w1_bound(e) == b for e, b in certificate.curve)


def test_no_bound_is_above_the_universal_one():
    certificate = made(np.full(50, 1.0))
    for epsilon in (0.0, 1e-6, 0.1, 1.0, 50.0):
        assert certificate.w1_bound(epsilon) <= certificate.universal_w1_bound(epsilon)


def test_asked_epsilon_within_reach():
    certificate = plain(epsilon=0.05)
    assert certificate.epsilon == 0.05
    assert certificate.claims.w1_bound == certificate.w1_bound(0.05) <= 0.1
    assert certificate.radius > 0.05


def test_asked_epsilon_out_of_reach_is_an_abstention_with_the_curve():
    abstention = certify(distances(), **ASKED, epsilon=5.0)
    assert isinstance(abstention, Abstention)
    assert abstention.reason is Reason.RADIUS_OUT_OF_REACH
    assert "5.0" in abstention.detail
    assert dict(abstention.curve)[5.0] > 0.1
    assert str(plain().radius) in abstention.detail


@pytest.mark.parametrize("epsilon", [1e300, 1e-300])
def test_extreme_epsilons_give_a_result_and_no_warning(epsilon):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = certify(distances(), **ASKED, epsilon=epsilon)
    assert isinstance(result, Certificate if epsilon < 1 else Abstention)


def test_all_samples_failed_is_an_abstention():
    abstention = certify([math.nan] * 7, **ASKED)
    assert isinstance(abstention, Abstention)
    assert abstention.reason is Reason.TOO_FEW_SAMPLES
    assert "7" in abstention.detail


def test_a_failed_sample_costs_as_much_as_the_worst_distance():
    values = distances()
    failed, worst = values.copy(), values.copy()
    failed[3], worst[3] = math.nan, 1.0
    assert made(failed).claims == made(worst).claims
    assert made(failed).radius < made(values).radius


@pytest.mark.parametrize("values", [[0.0], [0.5], [1.0], [0.0] * 50, [0.5] * 50, [0.25, 0.25, 0.75]])
def test_one_sample_zeros_and_ties_still_give_some_radius(values):
    assert made(values).radius > 0.1


def test_without_spread_the_radius_is_that_of_the_universal_bound():
    # 2Φ(r/2) − 1 = 0.1 at r = 0.251322695, σ = 0.5.
    assert made([1.0] * 20).radius == pytest.approx(0.5 * 0.251322695, rel=1e-6)


def test_numpy_and_whole_numbers_are_taken_as_plain_floats():
    certificate = made(distances(), alpha=np.float64(1e-3), tolerance=np.float64(0.5), epsilon=np.float64(0.25))
    assert type(certificate.alpha) is type(certificate.tolerance) is type(certificate.epsilon) is float
    assert certificate.confidence == 0.999


def test_deviation_and_exceedance_agree():
    certificate = plain()
    for gamma in (0.5, 0.1, 0.05):
        t = certificate.deviation(0.1, gamma)
        assert certificate.exceedance(0.1, t) <= round_up(gamma)
    assert certificate.exceedance(0.1, 1.0) == 0.0
    assert certificate.deviation(100.0, 0.01) == 1.0


def test_deviation_from_the_output_adds_its_distance_to_the_centre():
    certificate = full()
    for claim in certificate.claims.deviation:
        together = min(1.25, claim.to_centre + 0.125)
        assert together <= claim.to_output <= together * (1 + 2e-8)


def test_a_label_certificate_says_how_likely_the_answer_stays():
    certificate = label()
    stays = dict(certificate.claims.stays)
    probabilities = list(stays.values())
    assert probabilities == sorted(probabilities, reverse=True)
    level = certificate.survival.levels[0]
    assert stays[0.0] <= 1 - level
    assert stays[0.0] == pytest.approx(1 - level, abs=1e-8)
    assert plain().claims.stays is None


@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.5, 1e-13, math.nan, 2.0])
def test_alpha_out_of_range(alpha):
    with pytest.raises(InvalidAlpha, match=repr(alpha)) as error:
        certify(distances(), **{**ASKED, "alpha": alpha})
    assert error.value.field == "alpha"


@pytest.mark.parametrize("tolerance", [0.0, 1.0, -0.1, math.nan, math.inf])
def test_tolerance_out_of_range(tolerance):
    with pytest.raises(InvalidTolerance, match=repr(tolerance)) as error:
        certify(distances(), **{**ASKED, "tolerance": tolerance})
    assert error.value.field == "tolerance"


@pytest.mark.parametrize("epsilon", [0.0, -1.0, math.nan, math.inf])
def test_epsilon_out_of_range(epsilon):
    with pytest.raises(InvalidEpsilon, match=repr(epsilon)) as error:
        certify(distances(), **ASKED, epsilon=epsilon)
    assert error.value.field == "epsilon"


def test_other_refusals():
    with pytest.raises(InvalidDistances):
        certify([], **ASKED)
    with pytest.raises(InvalidMetric):
        certify([0.1], **{**ASKED, "bound": -1.0})
    with pytest.raises(UnknownName, match="dkw"):
        certify([0.1], **ASKED, band="dkw")
    for gamma in (0.0, 1.0, math.nan):
        with pytest.raises(InvalidAlpha, match=repr(gamma)):
            plain().deviation(0.1, gamma)
    with pytest.raises(InvalidEpsilon, match=r"-1\.0"):
        plain().w1_bound(-1.0)


@pytest.mark.parametrize("distance", [-0.5, math.nan, math.inf])
def test_an_output_at_an_impossible_distance_is_refused(distance):
    output = replace(PROVENANCE.output, distance_to_centre=distance)
    with pytest.raises(InvalidDistances, match=repr(distance)):
        certify(distances(), **ASKED, provenance=replace(PROVENANCE, output=output))


@pytest.mark.parametrize("values", ["abc", ["a", "b"], None, [[0.1], [0.2, 0.3]], {"a": 1}])
def test_distances_that_are_no_numbers_are_refused_by_name(values):
    with pytest.raises(InvalidDistances, match="distances must be") as refused:
        certify(values, **ASKED)
    assert refused.value.field == "distances"


@pytest.mark.parametrize("mechanism", ["x", "embedding", None, 0.5, Gaussian])
def test_a_mechanism_that_is_none_is_refused_by_name(mechanism):
    with pytest.raises(InvalidInput, match=r"mechanism must be a mechanism, such as smoothgen\.Gaussian") as refused:
        certify([0.1, 0.2], **{**ASKED, "mechanism": mechanism})
    assert refused.value.field == "mechanism"
