"""Rows of all methods on one prompt's samples: what each states, and that each states its own method's numbers."""

from __future__ import annotations

import numpy as np
import pytest

from smoothgen.certificates import Lipschitz
from smoothgen.errors import InvalidDistances, InvalidMetric
from smoothgen.evaluation import Samples, smoothgen_certificate
from smoothgen.evaluation.baselines import center_smoothing, gan_smoothing, majority
from smoothgen.studies.methods import label_samples, rows_of
from smoothgen.studies.rows import CertificateRow

NAMED = {"study": "protocol", "model": "made", "setting": "sigma 0.5", "prompt": "p"}
LIPSCHITZ = Lipschitz(0.2, 0.004, (0.2,), "absolute")


def near(spread: float) -> Samples:
    rng = np.random.default_rng(3)
    drawn = 0.5 + spread * np.clip(rng.normal(size=(1000, 1)), -4, 4)
    return Samples(drawn[:500], drawn[500:], sigma=0.5, alpha=0.001, tolerance=0.1, diameter=1.0)


def by_method(rows: list[CertificateRow]) -> dict[str, CertificateRow]:
    assert len({row.method for row in rows}) == len(rows)
    return {row.method.split(" (")[0] + (", exact" if "exact" in row.method else ""): row for row in rows}


def test_every_method_has_one_row_with_its_own_radius_and_claim() -> None:
    samples = near(0.02)
    rows = rows_of(samples, **NAMED, metric="absolute", lipschitz=LIPSCHITZ)
    found = by_method(rows)
    assert list(found) == [
        "SmoothGen",
        "Center Smoothing",
        "Center Smoothing, exact",
        "GAN smoothing",
        "no defence",
        "Lipschitz-enforced generator",
    ]
    assert [row.method for row in rows if row.ours] == ["SmoothGen"]
    assert len({row.claim for row in rows}) == len(rows) - 1  # the two forms of Center Smoothing claim the same
    assert found["SmoothGen"].radius == smoothgen_certificate(samples, constant=LIPSCHITZ).radius
    assert found["Center Smoothing, exact"].radius == center_smoothing(samples).radius
    assert found["GAN smoothing"].radius == gan_smoothing(samples).radius
    assert found["Lipschitz-enforced generator"].radius == pytest.approx((0.1 - 0.004) / 0.2, rel=1e-6)
    assert found["no defence"].radius == 0


def test_ours_uses_a_proven_constant_and_is_then_never_behind_it() -> None:
    wide, narrow = near(0.1), near(0.001)
    for samples in (wide, narrow):
        rows = by_method(rows_of(samples, **NAMED, metric="absolute", lipschitz=LIPSCHITZ))
        ours, proven = rows["SmoothGen"].radius, rows["Lipschitz-enforced generator"].radius
        assert ours is not None
        assert proven is not None
        assert ours >= max(smoothgen_certificate(samples).radius, 0.999 * proven)


def test_rows_say_what_was_drawn_and_spent() -> None:
    found = by_method(rows_of(near(0.02), **NAMED, metric="absolute", lipschitz=LIPSCHITZ))
    assert (found["SmoothGen"].samples, found["SmoothGen"].alpha, found["SmoothGen"].sigma) == (500, 0.001, 0.5)
    assert (found["GAN smoothing"].samples, found["GAN smoothing"].alpha) == (0, 0.0)
    assert found["GAN smoothing"].sigma == 0.5
    assert found["Lipschitz-enforced generator"].sigma is None


def test_a_curve_shows_where_something_is_claimed_and_its_line_lies_above_it() -> None:
    found = by_method(rows_of(near(0.02), **NAMED, metric="absolute"))
    for name in ("SmoothGen", "Center Smoothing, exact", "GAN smoothing"):
        row = found[name]
        assert all(bound < row.diameter for _, bound in row.curve)
        assert row.slope is not None
        assert row.offset is not None
        assert all(bound <= row.slope * epsilon + row.offset for epsilon, bound in row.curve)
    assert found["no defence"].curve == ()
    assert found["no defence"].slope is None


def test_a_method_that_abstains_has_no_radius_and_says_why() -> None:
    drawn = np.random.default_rng(5).choice(["red", "green", "blue"], size=1000).tolist()
    samples = label_samples(drawn[:500], drawn[500:], sigma=0.5, alpha=0.001, tolerance=0.1)
    row = by_method(rows_of(samples, **NAMED, metric="verdict"))["Center Smoothing"]
    assert row.radius is None
    assert "no ball smaller than the diameter" in str(row.abstained)
    assert row.curve == ()


def test_labels_are_compared_as_labels() -> None:
    samples = label_samples(
        ["red"] * 499 + ["blue"], ["red"] * 498 + ["blue", None], sigma=0.5, alpha=0.001, tolerance=0.1
    )
    found = by_method(rows_of(samples, **NAMED, metric="verdict"))
    assert list(found)[:2] == ["SmoothGen, labels", "majority"]
    assert found["majority"].radius == majority(samples).radius
    assert found["majority"].radius > found["SmoothGen, labels"].radius > found["GAN smoothing"].radius  # type: ignore[operator]


def test_label_samples_lie_one_apart_and_failures_one_from_all() -> None:
    samples = label_samples(["a", "b"], ["a", "b", None], sigma=0.5, alpha=0.001, tolerance=0.1)
    assert samples.distances_to(samples.selection[0]).tolist() == pytest.approx([0, 1, 1])
    assert samples.distances_to(samples.selection[1]).tolist() == pytest.approx([1, 0, 1])


def test_what_cannot_be_compared_is_refused() -> None:
    samples = near(0.02)
    with pytest.raises(InvalidMetric, match="proven in metric 'absolute'"):
        rows_of(samples, **NAMED, metric="pixel-rmse", lipschitz=LIPSCHITZ)
    half = Samples(samples.selection, samples.certification, 0.5, 0.001, 0.1, 1.0, certification_labels=["a"] * 500)
    with pytest.raises(InvalidDistances, match="both have labels"):
        rows_of(half, **NAMED, metric="verdict")


def test_where_no_output_has_a_label_only_what_holds_for_any_generator_has_a_radius() -> None:
    samples = label_samples([None] * 50, [None] * 50, sigma=0.5, alpha=0.001, tolerance=0.1)
    found = rows_of(samples, study="s", model="m", setting="t", prompt="p", metric="label")
    assert [row.method for row in found if row.radius] == [
        "GAN smoothing (mean of a bounded generator, our derivation)"
    ]
    assert found[0].ours
    assert found[0].abstained == "no selection output has a label"
