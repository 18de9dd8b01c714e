"""Fleets: the grid, what a byte stands for, and which requests count. Validity: tests/statistics."""

import math
import re
from dataclasses import FrozenInstanceError
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from smoothgen import Gaussian
from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.certificates.bounds.theorems import universal_w1_bound
from smoothgen.certificates.fleet.certify import (
    GRID,
    NOT_SERVED,
    OUTSTANDING,
    FleetCertificate,
    FleetSubject,
    certify_fleet,
    exceedance_limit,
    fleet_bin,
    fleet_thresholds,
    verify_fleet,
)
from smoothgen.certificates.fleet.levels import LOOKS
from smoothgen.errors import (
    InvalidAlpha,
    InvalidDistances,
    InvalidEpsilon,
    InvalidMetric,
    InvalidTolerance,
)

J = len(fleet_thresholds())
# A plug-in's metric, so that any mechanism and diameter will do: served pools are in test_fleet_subject.
SUBJECT = FleetSubject("0" * 16, "toy", "sha256:" + "0" * 64, {"name": "plugin:chord"}, "fresh", None, "day:2026-11-23")
ASKED = {"diameter": 2.0, "mechanism": Gaussian(0.5), "alpha": 1e-3, "subject": SUBJECT}
windows = st.lists(st.sampled_from([0, 3, 20, 21, J - 1, J, OUTSTANDING, NOT_SERVED]), max_size=80).map(bytes)


def made(bins: bytes, closed: bool = True, **asked) -> FleetCertificate:
    return certify_fleet(bins, closed=closed, **{**ASKED, **asked})


def ordinary(n: int = 1000) -> bytes:
    """Chord distances around 0.4 of a diameter of 2."""
    distances = 0.4 * np.exp(0.5 * np.random.default_rng(1).standard_normal(n))
    return bytes(fleet_bin(float(d), 2.0) for d in np.minimum(distances, 2.0))


# The grid.


def test_the_grid_is_fixed():
    """A name's meaning never changes: these are the values of fleet-grid/v1, each of three significant digits."""
    parts = (np.geomspace(0.001, 0.015, 7, endpoint=False), np.geomspace(0.015, 0.6, 44, endpoint=False))
    written = [0.0, *(float(f"{t:.3g}") for t in (*parts[0], *parts[1], *np.geomspace(0.6, 0.96, 6)))]
    assert GRID == "fleet-grid/v1"
    assert fleet_thresholds().tolist() == written
    assert 48 <= J <= 64
    assert (np.diff(written) > 0).all()
    assert written[-1] < 1


def test_where_distances_usually_lie_a_step_is_below_a_tenth():
    """Pixel RMSE of 0.02 to 0.2 of D = 1, chords of 0.05 to 1 of D = 2."""
    fractions = fleet_thresholds()
    fine = fractions[(fractions >= 0.0163) & (fractions <= 0.6)]
    assert (fine[1:] / fine[:-1]).max() < 1.1


@settings(max_examples=500)
@given(
    distance=st.floats(0, 3) | st.floats(0, 1e-3),
    diameter=st.floats(0.01, 2) | st.sampled_from([1e-30, 1.0, 2.0, 1e30]),
)
def test_the_bin_is_the_least_threshold_not_below_the_distance(distance, diameter):
    bin_ = fleet_bin(distance, diameter)
    thresholds = [Fraction(t) * Fraction(diameter) for t in fleet_thresholds().tolist()]
    assert bin_ == sum(Fraction(distance) > t for t in thresholds)


@pytest.mark.parametrize("diameter", [1.0, 2.0, 0.3, 1e-30, 7e29])
def test_at_and_just_beyond_every_threshold(diameter):
    for j, fraction in enumerate(fleet_thresholds().tolist()):
        exact, at = Fraction(fraction) * Fraction(diameter), fraction * diameter
        if Fraction(at) <= exact:
            assert fleet_bin(at, diameter) == j
        beyond = at if Fraction(at) > exact else math.nextafter(at, math.inf)
        assert fleet_bin(beyond, diameter) == j + 1


def test_numpy_numbers_are_taken_at_their_value():
    for value in (0.1, 0.25, 0.507):
        assert fleet_bin(np.float32(value), 1.0) == fleet_bin(float(np.float32(value)), 1.0)
        assert fleet_bin(np.float64(value), np.float64(2)) == fleet_bin(value, 2.0)


@pytest.mark.parametrize("distance", [math.nan, math.inf, 1.0, 1.5, 1e308])
def test_failed_and_farthest_measurements_are_the_worst_bin(distance):
    assert fleet_bin(distance, 1.0) == J
    assert J < NOT_SERVED < OUTSTANDING <= 255


def test_impossible_distances_and_diameters_are_refused():
    for distance in (-1e-9, -math.inf):
        with pytest.raises(InvalidDistances, match="at least 0"):
            fleet_bin(distance, 1.0)
    for diameter in (0.0, -1.0, math.nan, math.inf, 1e31):
        with pytest.raises(InvalidMetric, match=re.escape(repr(diameter))):
            fleet_bin(0.1, diameter)
        with pytest.raises(InvalidMetric, match=re.escape(repr(diameter))):
            made(b"", diameter=diameter)


# What is counted.


def test_counts_by_hand():
    certificate = made(bytes([0, 1, 1, J - 1, J, OUTSTANDING, NOT_SERVED]))
    assert certificate.counts == (5, *[3] * (J - 2), 2)
    assert (certificate.requests, certificate.outstanding, certificate.left_out, certificate.submitted) == (6, 1, 1, 7)
    assert (certificate.closed, certificate.look) == (True, None)


def test_an_outstanding_request_costs_as_much_as_the_worst_distance():
    for closed in (True, False):
        lost = made(ordinary(512)[:-1] + bytes([OUTSTANDING]), closed)
        worst = made(ordinary(512)[:-1] + bytes([J]), closed)
        assert lost.counts == worst.counts
        assert lost.curve == worst.curve
        assert "1 of them had not ended" in lost.statement


def test_refused_requests_change_nothing_but_their_own_number():
    bins = ordinary(512)
    scattered = bytes([NOT_SERVED]) + b"".join(bytes([b, NOT_SERVED]) for b in bins)
    for closed in (True, False):
        with_refused, without = made(scattered, closed), made(bins, closed)
        assert with_refused.curve == without.curve
        assert with_refused.counts == without.counts
        # Of the running window only those before its last request, the closed one has one more behind it.
        assert with_refused.left_out == (513 if closed else 512)
        assert with_refused.submitted == 1025


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("bins", [b"", bytes([NOT_SERVED] * 3)])
def test_without_requests_the_universal_bound_is_certified(bins, closed):
    certificate = made(bins, closed)
    assert certificate.requests == 0
    assert certificate.look is None
    for epsilon in (0.0, 0.1, 1.0, 50.0):
        r = ASKED["mechanism"].radius_in_sigmas(epsilon)
        assert certificate.w1_bound(epsilon) == round_up(min(2.0, universal_w1_bound(2.0, r) * (1 + 1e-13)))
    assert "every single request" in certificate.statement
    assert verify_fleet(certificate)


@pytest.mark.parametrize("stray", [J + 1, 100, 253])
def test_a_byte_that_is_no_bin_is_refused_and_named(stray):
    with pytest.raises(InvalidDistances, match=f"byte 2 is {stray}"):
        made(bytes([0, NOT_SERVED, stray, OUTSTANDING]))


def test_a_million_requests():
    bins = ordinary(1000) * 1000
    certificate = made(bins)
    assert certificate.requests == 1_000_000
    assert certificate.counts[0] == 1000 * made(ordinary(1000)).counts[0]
    assert certificate.w1_bound(0.1) < made(ordinary(1000)).w1_bound(0.1)


# Looks.


@pytest.mark.parametrize(("n", "look"), [(1, 0), (2, 1), (3, 1), (1023, 9), (1024, 10), (1500, 10)])
def test_a_running_window_is_read_at_its_largest_power_of_two(n, look):
    certificate = made(ordinary(n), closed=False)
    assert (certificate.look, certificate.requests, certificate.submitted) == (look, 2**look, n)
    assert certificate.counts == made(ordinary(n)[: 2**look]).counts


def test_too_many_requests_under_way_move_the_look_back_one_lost_request_does_not():
    bins = bytearray(ordinary(1024))
    bins[700:] = bytes([OUTSTANDING]) * 324
    assert made(bytes(bins), closed=False).look == 9
    bins = bytearray(ordinary(1024))
    bins[3] = OUTSTANDING
    assert made(bytes(bins), closed=False).look == 10


def test_the_look_reads_no_distance():
    near, far = bytes([0] * 512 + [0] * 600), bytes([0] * 512 + [J] * 600)
    assert made(near, closed=False).look == made(far, closed=False).look == 10


def test_what_a_look_spends():
    closed, running = made(ordinary(4096)), made(ordinary(4096), closed=False)
    assert closed.look_alpha == 0.0005
    assert running.look_alpha == pytest.approx(0.0005 / LOOKS)
    assert closed.look_alpha + LOOKS * running.look_alpha == pytest.approx(1e-3, rel=1e-12)
    assert closed.confidence == running.confidence == 0.999
    assert running.w1_bound(0.1) > closed.w1_bound(0.1)


@given(windows, st.data())
def test_waiting_for_a_request_to_end_never_raises_a_level(bins, data):
    """So a reading with requests outstanding claims no more than the last one, and needs no alpha of its own."""
    assume(OUTSTANDING in bins)
    at = data.draw(st.sampled_from([i for i, b in enumerate(bins) if b == OUTSTANDING]))
    ended = data.draw(st.sampled_from([0, 20, J, NOT_SERVED]))
    later = bins[:at] + bytes([ended]) + bins[at + 1 :]
    before, after = made(bins), made(later)
    assume(after.requests)
    assert (after.survival.levels <= before.survival.levels * (1 + 1e-12)).all()


@given(st.integers(1, 400), st.data(), st.floats(1e-9, 0.99))
def test_the_limit_grows_with_the_count_and_with_a_request_that_counts(n, data, alpha):
    k = data.draw(st.integers(0, n))
    limit = exceedance_limit(k, n, alpha)
    assert limit >= k / n
    assert limit <= exceedance_limit(min(k + 1, n), n, alpha) * (1 + 1e-12)
    assert limit <= exceedance_limit(k + 1, n + 1, alpha) * (1 + 1e-12)
    assert limit >= exceedance_limit(k, n + 1, alpha) * (1 - 1e-12)


# Bound and radius.


@given(windows, st.booleans())
@settings(max_examples=50, deadline=None)
def test_levels_fall_and_no_bound_is_above_the_universal_one(bins, closed):
    certificate = made(bins, closed)
    survival = certificate.survival
    assert (np.diff(survival.levels) <= 0).all()
    assert (survival.edges[0], survival.edges[-1]) == (0.0, 2.0)
    epsilons, bounds = zip(*certificate.curve, strict=True)
    assert list(epsilons) == sorted(epsilons)
    assert list(bounds) == sorted(bounds)
    assert certificate.curve[0] == (0.0, 0.0)
    assert all(certificate.w1_bound(e) == b <= made(b"").w1_bound(e) for e, b in certificate.curve)


of_any_kind = given(
    n=st.sampled_from([0, 1, 70, 3000]),
    tolerance=st.floats(1e-6, 1.999),
    sigma=st.floats(1e-6, 1e6),
    alpha=st.floats(1e-12, 0.5),
)


@settings(max_examples=60, deadline=None)
@of_any_kind
def test_at_the_radius_the_bound_is_within_the_tolerance(n, tolerance, sigma, alpha):
    certificate = made(ordinary(n), mechanism=Gaussian(sigma), alpha=alpha)
    assert certificate.w1_bound(certificate.radius(tolerance)) <= tolerance


@settings(max_examples=60, deadline=None)
@of_any_kind
def test_a_little_beyond_the_radius_the_bound_is_above_the_tolerance(n, tolerance, sigma, alpha):
    certificate = made(ordinary(n), mechanism=Gaussian(sigma), alpha=alpha)
    radius = certificate.radius(tolerance)
    assume(radius < 63 * sigma)  # the search ends at 64
    assert certificate.w1_bound(radius * (1 + 1e-5)) > tolerance * (1 - 1e-8)


def test_a_fleet_that_is_hard_to_move_has_a_larger_radius_than_requests_unseen():
    unseen = made(b"").radius(0.2)
    assert made(ordinary(1000) * 100).radius(0.2) > 1.4 * unseen
    assert made(bytes([J // 4]) * 100_000).radius(0.2) > 5 * unseen


@pytest.mark.parametrize("tolerance", [0.0, -0.1, 2.0, math.nan, math.inf])
def test_tolerances_out_of_range(tolerance):
    with pytest.raises(InvalidTolerance, match=repr(tolerance)):
        made(ordinary(10)).radius(tolerance)


def test_other_refusals():
    for alpha in (0.0, 1.0, 1e-13, math.nan):
        with pytest.raises(InvalidAlpha, match=repr(alpha)):
            made(b"", alpha=alpha)
    with pytest.raises(InvalidEpsilon, match=r"-1\.0"):
        made(b"").w1_bound(-1.0)
    with pytest.raises(FrozenInstanceError):
        made(b"").alpha = 0.5
