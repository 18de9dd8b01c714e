"""Claims on scores as all that is asked at an epsilon: W₁ is stated, and decides nothing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from smoothgen import Abstention, Certificate, ExhaustiveCertificate, certify, verify
from smoothgen.certificates import LookPlan, read_certificate, to_document
from smoothgen.certificates.certify import evidence_of_scores
from smoothgen.certificates.evidence import Evidence
from smoothgen.certificates.score_claims import AskedClaim
from smoothgen.certificates.stopping.decide import Stop, futile_from_the_start, take_look
from smoothgen.errors import InvalidClaim
from tests.unit.certificates.test_exact_score_claims import exhausted
from tests.unit.certificates.test_score_claims import (
    CLAIMS,
    FOUND,
    SCORES,
    N,
    certified,
    certify_plain,
    failed_checks,
    sealed,
)

EPSILON = 0.1
FAR = np.full(N, 0.9)
"""Distances that prove no W₁ bound within the tolerance."""


def of_far_outputs(claims=CLAIMS, **asked):
    about = {"bound": 1.0, "diameter": 1.0, "mechanism": certify_plain().mechanism, "alpha": 1e-3, "tolerance": 0.05}
    return certify(FAR, score_claims=claims, scores=SCORES[:, : len(claims)], **{**about, "epsilon": EPSILON, **asked})


def test_a_bound_above_the_tolerance_is_stated_where_claims_alone_are_asked():
    refused = of_far_outputs()
    assert isinstance(refused, Abstention)
    assert "above the tolerance 0.05" in refused.detail
    assert [claim.holds for claim in refused.score_claims] == [True, True, True]
    made = of_far_outputs(asks_shift=False)
    assert isinstance(made, Certificate)
    assert made.claims.w1_bound > made.tolerance
    assert made.score_claims == refused.score_claims
    document = to_document(made)
    assert document["asks_shift"] is False
    assert verify(document).valid
    assert read_certificate(json.loads(json.dumps(document))) == made
    assert "Only the claims on scores were asked at the norm 0.1." in document["statement"]
    assert f"holds up to a norm of {made.radius!r}" in document["statement"]


def test_a_claim_that_fails_is_still_a_reason_to_abstain():
    claims = (AskedClaim(FOUND, of="share", at_most=0.001),)
    refused = of_far_outputs(claims, asks_shift=False)
    assert isinstance(refused, Abstention)
    assert "claim 1 on score 'pattern'" in refused.detail
    assert refused.score_claims[0].radius is None


def test_nothing_is_written_where_the_distribution_is_asked_too():
    assert "asks_shift" not in to_document(certified(epsilon=0.01))
    assert certified(epsilon=0.01).asks_shift


def test_without_an_epsilon_only_the_field_differs():
    both, alone = to_document(certified()), to_document(certified(asks_shift=False))
    assert alone.pop("asks_shift") is False
    assert {**alone, "digest": ""} == {**both, "digest": ""}


def test_a_document_that_hides_what_was_asked_is_refused():
    document = to_document(of_far_outputs(asks_shift=False))
    whole = {name: value for name, value in document.items() if name != "asks_shift"}
    assert failed_checks(sealed(whole)) == ["epsilon"]
    alone = sealed(
        {name: value for name, value in document.items() if name not in ("claims", "alpha_split")}
        | {"alpha_split": to_document(certify_plain())["alpha_split"]}
    )
    assert "inputs" in failed_checks(alone)
    for value in (True, None, 0):
        assert failed_checks({**document, "asks_shift": value}) == ["document"]
    assert "statement" in failed_checks({**document, "statement": document["statement"].replace("Only the", "The")})


@pytest.mark.parametrize("asked", [{"claims": ()}, {"keep": 0.5, "band": "two-valued/v1"}])
def test_something_else_must_not_be_asked(asked):
    with pytest.raises(InvalidClaim, match="asks_shift=False asks for claims on scores alone"):
        of_far_outputs(asks_shift=False, **asked)


@pytest.mark.parametrize(("at_most", "stop"), [(0.1, Stop.PROVEN), (0.045, None), (0.01, Stop.OUT_OF_REACH)])
def test_looks_are_decided_by_the_claims_alone(at_most, stop):
    """The distances alone would end the job as out of reach, at every look and before any."""
    claims, size = (AskedClaim(FOUND, of="share", at_most=at_most),), 200
    terms = replace(
        certify_plain(plan=LookPlan((size, N), (5e-4, 5e-4)), epsilon=0.01).terms,
        plan=LookPlan((size, N), (5e-4, 5e-4)),
        tolerance=0.001,
        epsilon=EPSILON,
        score_claims=claims,
    )
    far = Evidence.from_measurements(FAR[:size], bound=1.0, diameter=1.0)
    series = evidence_of_scores(claims, np.zeros((size, 1)), size)
    assert take_look(far, terms, series).stop is Stop.OUT_OF_REACH
    assert futile_from_the_start(terms, bound=1.0, diameter=1.0) is not None
    alone = replace(terms, asks_shift=False)
    assert take_look(far, alone, series).stop is stop
    assert futile_from_the_start(alone, bound=1.0, diameter=1.0) is None


def test_without_noise_the_runs_need_only_meet_the_claims():
    column = [5.0, 6.0, 9.0, 7.0, 8.0]
    refused = exhausted(column, epsilon=1.0)
    assert isinstance(refused, Abstention)
    assert "above the tolerance" in refused.detail
    assert refused.score_claims[0].radius == 1.2
    made = exhausted(column, epsilon=1.0, asks_shift=False)
    assert isinstance(made, ExhaustiveCertificate)
    document = to_document(made)
    assert (document["w1_bound"], document["asks_shift"]) == (0.9, False)
    assert verify(document).valid
    assert read_certificate(json.loads(json.dumps(document))) == made
    assert "by less than 0.9 (l2 norm) leaves the output within 0.5 of" in document["statement"]
    hidden = sealed({name: value for name, value in document.items() if name != "asks_shift"})
    assert failed_checks(hidden) == ["epsilon"]
    assert isinstance(exhausted([5.0, 6.0, 31.0, 7.0, 8.0], epsilon=1.0, asks_shift=False), Abstention)
