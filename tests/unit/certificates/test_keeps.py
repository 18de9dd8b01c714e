"""A share of the answers that is to be kept, as the claim of a certificate: documents, verification, decisions."""

import math
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from smoothgen import Abstention, Certificate, Gaussian, Reason, certify, certify_universal, verify
from smoothgen.certificates import from_document, to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.format.statement import statement
from smoothgen.certificates.stopping.decide import Stop
from smoothgen.errors import InvalidCertificate, InvalidKeep
from tests.support.certificates.examples import PLAN, label, plain
from tests.support.certificates.looking import futile, look_at

ASKED: dict[str, Any] = {
    "bound": 1.0,
    "diameter": 1.0,
    "mechanism": Gaussian(1.0),
    "alpha": 1e-3,
    "tolerance": 0.1,
    "band": "two-valued/v1",
}
LABELS = to_document(label())


def made(lost: int = 5, **asked) -> Certificate:
    certificate = certify(np.repeat([0.0, 1.0], [500 - lost, lost]), **{**ASKED, **asked})
    assert isinstance(certificate, Certificate)
    return certificate


def altered(document: dict[str, Any], **changes) -> dict[str, Any]:
    """With these fields, ... taking one out, and the statement and digest that a forger would compute."""
    changed = {key: value for key, value in {**document, **changes}.items() if value is not ...}
    with suppress(InvalidCertificate):
        changed["statement"] = statement(from_document(changed))
    return {**changed, "digest": content_digest(changed)}


def failed(document: dict[str, Any]) -> set[str]:
    return {check.name for check in verify(document).checks if not check.passed}


def test_every_label_certificate_states_three_shares_and_the_asked_one():
    assert [kept["share"] for kept in LABELS["keeps"]] == [0.5, 0.9, 0.99]
    asked = to_document(made(keep=0.75))
    assert [kept["share"] for kept in asked["keeps"]] == [0.5, 0.75, 0.9, 0.99]
    assert asked["keep"] == 0.75
    assert asked["radius"] == asked["keeps"][1]["radius"]
    assert [kept["share"] for kept in to_document(made(keep=0.9))["keeps"]] == [0.5, 0.9, 0.99]
    assert "keeps" not in to_document(plain())
    assert "keep" not in LABELS


@pytest.mark.parametrize("asked", [{}, {"keep": 0.5}, {"keep": 0.9, "epsilon": 0.3}, {"keep": 0.999}])
def test_what_is_certified_verifies_and_reads_back(asked):
    document = to_document(made(**asked))
    assert verify(document), verify(document).checks
    assert to_document(from_document(document)) == document


def test_a_document_without_the_field_verifies_as_it_did_before():
    for fields in ({"keeps": ...}, {"keeps": ..., "wording": ...}, {"wording": ...}):
        old = altered(LABELS, **fields)
        assert verify(old), verify(old).checks


def moved(radius: float, units: int) -> float:
    return float(f"{radius + units * 10 ** (math.floor(math.log10(radius)) - 8):.9g}")


def test_a_radius_of_a_share_is_held_to_the_evidence():
    keeps = LABELS["keeps"]

    def nudged(units: int) -> list[dict[str, float]]:
        return [{**keeps[0], "radius": moved(keeps[0]["radius"], units)}, *keeps[1:]]

    assert failed(altered(LABELS, keeps=nudged(-1))) == set()
    for wrong in (nudged(1), nudged(-2), nudged(100), keeps[1:], [*keeps, keeps[0]], []):
        assert failed(altered(LABELS, keeps=wrong)) == {"keeps"}
    shares = [{**keeps[0], "share": 0.6}, *keeps[1:]]
    assert failed(altered(LABELS, keeps=shares)) == {"keeps"}


def test_the_claim_of_a_share_is_held_to_the_evidence():
    document = to_document(made(keep=0.9))
    larger = moved(document["radius"], 1)
    assert "radius" in failed(altered(document, radius=larger))
    assert failed(altered(document, keeps=...)) == {"keeps"}
    assert {"radius", "keeps"} <= failed(altered(document, keep=0.95))
    assert "radius" in failed(altered(document, keep=...))
    asked = to_document(made(keep=0.9, epsilon=0.3))
    assert "epsilon" in failed(altered(asked, epsilon=2.0))


def test_other_distances_and_older_documents_have_no_such_claim():
    for wrong in ({"keeps": LABELS["keeps"]}, {"keep": 0.9}):
        assert not verify(altered(to_document(plain()), **wrong))
    with pytest.raises(InvalidKeep, match="two-valued/v1"):
        certify([0.0, 0.1], **{**ASKED, "band": "order-statistics/v1"}, keep=0.9)
    v1 = {**LABELS, "schema": "smoothgen/certificate/v1", "method": "spread/v1"}
    with pytest.raises(InvalidCertificate, match="keeps"):
        from_document({key: value for key, value in v1.items() if key != "rounding_slack"})


@pytest.mark.parametrize(
    "wrong",
    [{}, [1], [[0.5, 1.0]], [{"share": 0.5}], [{"share": 0.5, "radius": "1"}], [{"share": 0.5, "radius": -1.0}]],
)
def test_a_malformed_list_is_refused(wrong):
    assert not verify(altered(LABELS, keeps=wrong))


def level(look: int) -> float:
    return -math.expm1(math.log(PLAN.alphas[look]) / PLAN.sizes[look])


@pytest.mark.parametrize("keep", [0.5, 0.9])
@pytest.mark.parametrize("epsilon", [0.2, 0.5, 0.8, 1.5])
def test_answers_that_all_agree_are_proven_at_the_look_whose_level_is_small_enough(keep, epsilon):
    by_hand = [float(ndtri(level(j))) + epsilon <= float(ndtri(1 - keep)) for j in range(5)]
    looks = [look_at(np.zeros(n), **ASKED, plan=PLAN, keep=keep, epsilon=epsilon) for n in PLAN.sizes]
    assert [look.stop is Stop.PROVEN for look in looks] == by_hand
    assert (futile(**ASKED, plan=PLAN, keep=keep, epsilon=epsilon) is None) == any(by_hand)
    for look, proven in zip(looks, by_hand, strict=True):
        assert isinstance(look.outcome, Certificate) == proven


def test_a_share_out_of_reach_is_given_up_with_its_numbers():
    outcome = futile(**ASKED, plan=PLAN, keep=0.9, epsilon=1.5)
    assert isinstance(outcome, Abstention)
    for words in ("the share kept would be", "keep=0.9", "smaller share"):
        assert words in outcome.detail
    answers = np.zeros(500)
    answers[::3] = 1.0
    look = look_at(answers[:63], **ASKED, plan=PLAN, keep=0.9, epsilon=0.5)
    assert look.stop is Stop.OUT_OF_REACH
    assert "given up at look 2 of 5" in look.outcome.detail
    assert "below the 0.9 to be kept" in look.outcome.detail
    last = look_at(answers, **ASKED, plan=PLAN, keep=0.5, epsilon=0.5)
    assert last.stop is Stop.SAMPLE_LIMIT
    assert last.outcome.radius == pytest.approx(
        float(-ndtri(made(lost=167, alpha=PLAN.alphas[-1]).survival.levels[0])), rel=1e-6
    )


def test_a_radius_settles_by_the_share():
    first = look_at(np.zeros(32), **ASKED, plan=PLAN, keep=0.9, radius_tolerance=0.05)
    assert first.stop is None
    assert first.outcome.radius == 0
    lost = np.tile([0.0] * 9 + [1.0], 50)
    stops = [look_at(lost[:n], **ASKED, plan=PLAN, keep=0.5, radius_tolerance=0.2).stop for n in PLAN.sizes]
    assert stops[0] is None
    assert Stop.SETTLED in stops[:-1]


def test_without_samples_nothing_is_known_of_an_answer():
    look = futile(**ASKED, plan=PLAN, keep=0.999, epsilon=0.5)
    assert look is not None
    assert (look.reason, look.curve, look.radius) == (
        Reason.RADIUS_OUT_OF_REACH,
        certify_universal(diameter=1.0, mechanism=Gaussian(1.0), alpha=1e-3, tolerance=0.1, epsilon=0.5).curve,
        0.0,
    )
