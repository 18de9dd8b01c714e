"""Samples, critics and verdicts that make no sense are refused, with the value and what to do."""

import numpy as np
import pytest

from smoothgen.errors import (
    CertificatesFalsified,
    InvalidAlpha,
    InvalidDistances,
    InvalidEpsilon,
    InvalidMetric,
    InvalidParameters,
    InvalidSigma,
    InvalidTolerance,
)
from smoothgen.evaluation import Samples, smoothgen_certificate
from smoothgen.evaluation.baselines import CenterSmoothing, center_smoothing, gan_smoothing, majority, no_defence
from smoothgen.evaluation.confidence import probability_at_most
from smoothgen.evaluation.falsification import (
    Comparison,
    deviation_exceeded,
    gap_lower_bound,
    judge,
    label_shift_lower_bound,
    require_no_crossing,
    shift_lower_bound,
)

ROWS = np.full((20, 2), 0.1)


def samples(**changed) -> Samples:
    given = {"selection": ROWS, "certification": ROWS, "sigma": 1.0, "alpha": 0.01, "tolerance": 0.1, "diameter": 1.0}
    return Samples(**{**given, **changed})


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"selection": np.zeros(3)}, InvalidDistances),
        ({"selection": np.zeros((0, 2))}, InvalidDistances),
        ({"certification": np.zeros((5, 3))}, InvalidDistances),
        ({"selection_labels": ["a"]}, InvalidDistances),
        ({"sigma": 0.0}, InvalidSigma),
        ({"alpha": 0.0}, InvalidAlpha),
        ({"tolerance": 1.0}, InvalidTolerance),
        ({"tolerance": float("nan")}, InvalidTolerance),
        ({"diameter": float("inf")}, InvalidMetric),
    ],
)
def test_samples_that_fit_no_method(changed, error):
    with pytest.raises(error):
        samples(**changed)


@pytest.mark.parametrize("method", [smoothgen_certificate, center_smoothing, gan_smoothing, no_defence])
def test_every_method_refuses_an_attack_that_is_no_number(method):
    for epsilon in (-1.0, float("nan"), float("inf")):
        with pytest.raises(InvalidEpsilon):
            method(samples()).bound(epsilon)


def test_methods_without_what_they_need():
    with pytest.raises(InvalidDistances, match="needs a label for every output"):
        majority(samples())
    lost = majority(samples(selection_labels=[None] * 20, certification_labels=["a"] * 20))
    assert lost.abstained == "no selection output has a label"
    nothing = samples(selection=np.full((20, 2), np.nan))
    assert "all 20 selection outputs failed" in smoothgen_certificate(nothing).abstained
    assert "all 20 selection outputs failed" in center_smoothing(nothing).abstained
    with pytest.raises(InvalidParameters, match="confidence must be one of"):
        CenterSmoothing("bayes", 0.1)
    with pytest.raises(InvalidParameters, match="margin must lie"):
        CenterSmoothing("exact", 0.5)


def test_lower_bounds_that_nothing_supports():
    with pytest.raises(InvalidDistances, match="four outputs or more"):
        shift_lower_bound(ROWS[:3], ROWS, diameter=1.0, alpha=0.01)
    with pytest.raises(InvalidDistances, match="as many of both"):
        shift_lower_bound(ROWS[:10], ROWS, diameter=1.0, alpha=0.01, paired=True)
    with pytest.raises(InvalidDistances, match="each in"):
        gap_lower_bound([0.0, 2.0], [0.0, 0.5], width=1.0, alpha=0.01, inequality="hoeffding")
    with pytest.raises(InvalidParameters, match="inequality must be one of"):
        gap_lower_bound([0.0, 0.2], [0.0, 0.5], width=1.0, alpha=0.01, inequality="markov")
    with pytest.raises(InvalidDistances):
        deviation_exceeded([0.1], lambda t: 0.5, alpha=0.01)
    with pytest.raises(InvalidDistances):
        label_shift_lower_bound(["a"], ["a", "b"], alpha=0.01)
    with pytest.raises(InvalidDistances, match="count must lie between"):
        probability_at_most(3, 2, 0.01)


def test_outputs_that_all_failed_or_never_move_prove_no_shift():
    failed = np.full((20, 2), np.nan)
    assert shift_lower_bound(failed, failed, diameter=1.0, alpha=0.01).value == 0
    assert shift_lower_bound(ROWS, ROWS, diameter=1.0, alpha=0.01).value == 0
    assert (
        shift_lower_bound(np.repeat(ROWS, 20, axis=0), np.repeat(failed, 20, axis=0), diameter=1.0, alpha=0.01).value
        > 0.8
    )


def test_a_verdict_names_the_worst_crossing():
    crossed = [Comparison(f"prompt {k}", "swap", 0.1 + k, 0.05) for k in range(8)]
    verdict = judge(crossed, certificate_alpha=0.01, falsification_alpha=0.01)
    with pytest.raises(CertificatesFalsified, match=r"8 of 8 certificates .*'swap' on 'prompt 7': 7.1 above 0.05"):
        require_no_crossing(verdict)
    with pytest.raises(InvalidDistances, match="got none"):
        judge([], certificate_alpha=0.01, falsification_alpha=0.01)
    with pytest.raises(InvalidDistances, match="give numbers"):
        judge([Comparison("a", "b", float("nan"), 0.1)], certificate_alpha=0.01, falsification_alpha=0.01)
