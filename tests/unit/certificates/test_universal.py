"""The certificate without samples: T1 in closed form, sound to the last printed digit, and no way to forge one."""

import json
import math
from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smoothgen import Abstention, Certificate, Gaussian, Reason, certify, certify_universal, load_certificate, verify
from smoothgen.certificates import Evidence, from_document, save_certificate, to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.errors import InvalidAlpha, InvalidDistances, InvalidEpsilon, InvalidMetric, InvalidTolerance
from tests.support.certificates.examples import MECHANISMS, PROVENANCE, plain, universal

ASKED = {"diameter": 1.0, "mechanism": Gaussian(0.5), "alpha": 1e-3, "tolerance": 0.1}
DOCUMENT = to_document(universal())


def made(**asked) -> Certificate:
    certificate = certify_universal(**{**ASKED, **asked})
    assert isinstance(certificate, Certificate)
    return certificate


def failed(document) -> set[str]:
    document = {**document, "digest": content_digest(document)}
    return {check.name for check in verify(document).checks if not check.passed}


@settings(max_examples=200, deadline=None)
@given(
    share=st.floats(1e-9, 1 - 1e-9) | st.floats(1e-300, 1e-6) | st.floats(1e-12, 1e-6).map(lambda gap: 1 - gap),
    diameter=st.sampled_from([1e-30, 1e-3, 0.3, 1.0, 7.0, 1e30]),
    sigma=st.floats(1e-6, 1e6),
    digits=st.integers(2, 17),
)
def test_the_radius_is_that_of_the_closed_form_and_on_its_safe_side(share, diameter, sigma, digits):
    tolerance = float(f"{share * diameter:.{digits}g}")
    if not 0 < tolerance < diameter:
        return
    certificate = made(diameter=diameter, mechanism=Gaussian(sigma), tolerance=tolerance)
    assert certificate.w1_bound(certificate.radius) <= tolerance
    with mp.workdps(60):
        exact = mp.sqrt(8) * mp.erfinv(mp.mpf(tolerance) / mp.mpf(diameter)) * mp.mpf(sigma)
        assert certificate.radius <= exact
    # Nine digits of a bound near D leave the last few of the radius open.
    if share < 0.99 and tolerance > 1e-290:
        assert certificate.radius >= float(exact) * (1 - 3e-8)


def test_one_tenth_of_the_diameter():
    # 2Φ(r/2) − 1 = 0.1 at r = 2·Φ⁻¹(0.55) = 2·0.12566134685507402, σ = 0.5; rounded down.
    assert made().radius == 0.125661346


@pytest.mark.parametrize("name", MECHANISMS)
@pytest.mark.parametrize("epsilon", [None, 0.01])
def test_it_is_valid_and_reads_back_for_every_mechanism(name, epsilon, tmp_path):
    certificate = made(mechanism=MECHANISMS[name], provenance=PROVENANCE, epsilon=epsilon)
    if epsilon is None:  # the noise norm of the example is that of the plain Gaussian
        certificate = replace(certificate, provenance=replace(PROVENANCE, threat=None))
    else:
        certificate = replace(certificate, provenance=replace(PROVENANCE, threat=None, output=None))
    verdict = verify(certificate)
    assert verdict, [check for check in verdict.checks if not check.passed]
    document = to_document(certificate)
    assert from_document(json.loads(json.dumps(document))) == certificate
    save_certificate(certificate, tmp_path / "c.json")
    assert to_document(load_certificate(tmp_path / "c.json")) == document
    assert verify(tmp_path / "c.json")


def test_it_rests_on_no_distances_and_says_so():
    assert DOCUMENT["samples"] == DOCUMENT["failed"] == 0
    assert DOCUMENT["band"] == "no-samples/v1"
    assert DOCUMENT["evidence"]["distances"] == ""
    assert DOCUMENT["alpha_split"] == {}
    assert DOCUMENT["deviation"] == []
    assert DOCUMENT["stays"] is None
    assert DOCUMENT["output"]["distance_to_centre"] is None
    assert "Nothing was sampled" in DOCUMENT["statement"]
    assert "any generator" in DOCUMENT["statement"]
    assert "Nothing was sampled" not in to_document(plain())["statement"]


def test_every_question_a_certificate_answers_is_answered_by_t1():
    certificate = made()
    for epsilon in (0.0, 1e-9, 0.1, 0.5, 5.0, 1e6):
        assert certificate.w1_bound(epsilon) == pytest.approx(certificate.universal_w1_bound(epsilon), rel=2e-9)
        assert certificate.w1_bound(epsilon) <= 1.0
    assert certificate.curve[0] == (0.0, 0.0)
    assert all(certificate.w1_bound(e) == bound for e, bound in certificate.curve)
    # Of single outputs nothing is known: they lie within the diameter.
    assert certificate.deviation(0.1, 0.01) == 1.0
    assert certificate.exceedance(0.1, 0.5) == 1.0
    assert certificate.exceedance(0.1, 1.0) == 0.0


def test_samples_never_prove_less():
    for n in (1, 10, 500):
        sampled = plain(n)
        for epsilon, bound in made().curve:
            assert sampled.w1_bound(epsilon) <= bound


def test_an_epsilon_beyond_it_is_an_abstention_that_says_what_is_proven():
    assert made(epsilon=0.1).claims.w1_bound <= 0.1
    abstention = certify_universal(**ASKED, epsilon=0.5)
    assert isinstance(abstention, Abstention)
    assert abstention.reason is Reason.RADIUS_OUT_OF_REACH
    assert f"without samples is {made().radius!r}" in abstention.detail
    assert dict(abstention.curve)[0.5] > 0.1


def test_asking_again_gives_the_same_claims_and_another_mechanism_others():
    """What is remembered belongs to everything that was asked."""
    first = made()
    assert made() == first
    assert made(mechanism=Gaussian(1.0)).radius == pytest.approx(2 * first.radius, rel=1e-8)
    assert made(diameter=2.0).radius < first.radius < made(tolerance=0.2).radius
    assert made(alpha=0.05).alpha == 0.05
    assert made(provenance=PROVENANCE).provenance == PROVENANCE
    assert made(diameter=1, tolerance=np.float64(0.1)) == first


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"diameter": 0.0}, InvalidMetric),
        ({"diameter": math.nan}, InvalidMetric),
        ({"diameter": 1e31}, InvalidMetric),
        ({"alpha": 0.0}, InvalidAlpha),
        ({"tolerance": 1.0}, InvalidTolerance),
        ({"tolerance": 0.0}, InvalidTolerance),
        ({"epsilon": 0.0}, InvalidEpsilon),
        ({"epsilon": math.inf}, InvalidEpsilon),
        (
            {"provenance": replace(PROVENANCE, output=replace(PROVENANCE.output, distance_to_centre=-1.0))},
            InvalidDistances,
        ),
    ],
)
def test_what_certify_refuses_is_refused(asked, error):
    with pytest.raises(error):
        certify_universal(**{**ASKED, **asked})


def test_certify_itself_still_needs_distances():
    sampled = {**ASKED, "bound": 1.0}
    with pytest.raises(InvalidDistances, match="certify_universal"):
        certify([], **sampled)
    with pytest.raises(InvalidDistances, match="certify_universal"):
        certify([], **sampled, band="no-samples/v1")
    with pytest.raises(InvalidDistances, match="takes no distances"):
        certify([0.5], **sampled, band="no-samples/v1")


SAMPLED = to_document(plain())
FORGED = {
    "a smaller diameter": ({**DOCUMENT, "diameter": 1.0, "bound": 1.0}, "radius"),
    "another bound": ({**DOCUMENT, "bound": 1.0}, "inputs"),
    "a larger radius": ({**DOCUMENT, "radius": 2 * DOCUMENT["radius"]}, "radius"),
    "one sample": ({**DOCUMENT, "samples": 1}, "samples"),
    "distances": ({**DOCUMENT, "evidence": SAMPLED["evidence"], "samples": 200}, "inputs"),
    "deviation": ({**DOCUMENT, "deviation": SAMPLED["deviation"]}, "deviation"),
    "stays": ({**DOCUMENT, "stays": [[0.0, 0.0]]}, "stays"),
    "alpha spent": ({**DOCUMENT, "alpha_split": {"rank_0": 1e-3}}, "alpha_split"),
    "looks": ({**DOCUMENT, "looks": {"sizes": [32, 63], "alphas": [5e-4, 5e-4], "taken": 0}}, "inputs"),
    "a band of samples": ({**DOCUMENT, "band": "order-statistics/v1"}, "document"),
    "silence": ({**DOCUMENT, "statement": DOCUMENT["statement"].replace("Nothing was sampled: ", "")}, "statement"),
    "samples that are gone": ({**SAMPLED, "evidence": DOCUMENT["evidence"], "samples": 0}, "document"),
    "samples that never were": (
        {**SAMPLED, "evidence": DOCUMENT["evidence"], "samples": 0, "band": "no-samples/v1"},
        "radius",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_one_is_found_with_a_fresh_digest(name):
    document, check = FORGED[name]
    assert verify(DOCUMENT)
    assert not verify(document)
    assert check in failed(document)


def test_what_is_shared_between_certificates_cannot_be_changed():
    evidence = made().evidence
    assert evidence is made(provenance=PROVENANCE).evidence
    assert not evidence.distances.flags.writeable
    assert Evidence.none(1.0) == evidence
    document = to_document(made(provenance=PROVENANCE))
    document["metric"]["options"]["layers"].append(3)
    document["curve"][0][0] = 1.0
    assert PROVENANCE.metric.options["layers"] == [1, 2]
    assert to_document(made(provenance=PROVENANCE))["curve"][0] == [0.0, 0.0]
