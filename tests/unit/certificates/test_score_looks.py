"""Decisions about claims on scores: before the first sample, and at looks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smoothgen.certificates import Evidence, LookPlan
from smoothgen.certificates.certify import evidence_of_scores
from smoothgen.certificates.score_claims import AskedClaim
from smoothgen.certificates.stopping.decide import Stop, adds_nothing, take_look
from smoothgen.certificates.stopping.scores import claims_out_of_reach
from tests.unit.certificates.test_score_claims import CLAIMS, DISTANCES, FOUND, SCORES, certify_plain

PLAN = LookPlan((100, 400), (5e-4, 5e-4))


def look(scores, n, *, claims=CLAIMS, epsilon=0.1):
    made = certify_plain(plan=LookPlan((100, 400), (5e-4, 5e-4)), epsilon=0.01)
    terms = replace(made.terms, plan=PLAN, epsilon=epsilon, score_claims=claims)
    series = evidence_of_scores(claims, scores[:n], n)
    return take_look(type(made.evidence).from_measurements(DISTANCES[:n], bound=1.0, diameter=1.0), terms, series)


def test_a_look_stops_where_all_claims_are_proven():
    assert look(SCORES, 100, epsilon=0.01).stop is Stop.PROVEN


def test_a_look_goes_on_where_a_claim_may_yet_be_proven():
    taken = look(SCORES, 100, claims=(AskedClaim(FOUND, of="share", at_most=0.06), *CLAIMS[1:]))
    assert taken.stop is None


def test_a_look_gives_up_where_a_claim_is_out_of_reach():
    scores = SCORES.copy()
    scores[:60, 0] = 1.0
    taken = look(scores, 100)
    assert taken.stop is Stop.OUT_OF_REACH
    assert "claim 1 on score 'pattern' (share) would be proven to" in taken.outcome.detail


def test_before_a_sample_is_drawn():
    terms = replace(certify_plain().terms, plan=PLAN, score_claims=CLAIMS)
    assert claims_out_of_reach(terms, [0.0, 5.0, 0.9]) is None
    refused = claims_out_of_reach(terms, [0.0, 31.0, 0.9])
    assert "claim 2 asks for the mean of score 'length' at most 30.0" in refused.detail
    assert "is 31.0" in refused.detail
    tight = replace(terms, score_claims=(AskedClaim(FOUND, of="share", at_most=0.005),))
    assert "even if every sample is at its best" in claims_out_of_reach(tight, [0.0]).detail


def test_samples_are_never_given_up_where_claims_on_scores_rest_on_them():
    """Distances that scatter add nothing to W₁, and the scores of the same samples still do."""
    terms = replace(certify_plain().terms, plan=PLAN)
    scattered = Evidence.from_measurements(np.full(100, 0.9), bound=1.0, diameter=1.0)
    assert adds_nothing(scattered, terms)
    assert not adds_nothing(scattered, replace(terms, score_claims=CLAIMS))
