"""Claims on scores without noise: exact, read back, and compared with the definition."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from smoothgen import Abstention, ExhaustiveCertificate, certify_exhaustive, verify
from smoothgen.certificates import read_certificate, to_document
from smoothgen.certificates.score_claims import AskedClaim
from tests.unit.certificates.test_score_claims import CLAIMS, FOUND, changed, failed_checks

COSTS = [0.0, 0.5, 0.7, 0.9, 1.1]


def exhausted(column, claim=CLAIMS[1], next_cost=1.2, **asked):
    return certify_exhaustive(
        COSTS,
        [0.0, 0.0, 0.1, 0.9, 0.0],
        diameter=1.0,
        tolerance=0.5,
        next_cost=next_cost,
        score_claims=[claim],
        scores=np.array(column)[:, None],
        **asked,
    )


@pytest.mark.parametrize(
    ("column", "radius", "broken_by", "bound"),
    [
        ([5, 6, 31, 7, 8], 0.7, 2, 6.0),
        ([5, 6, math.nan, 7, 8], 0.7, 2, 6.0),
        ([5, 6, 9, 7, 30], 1.2, None, 30.0),
        ([31, 6, 9, 7, 8], 0.0, 0, 31.0),
    ],
)
def test_a_claim_without_noise_ends_at_the_first_run_that_breaks_it(column, radius, broken_by, bound):
    made = exhausted(np.array(column, dtype=float))
    assert isinstance(made, ExhaustiveCertificate)
    [claim] = made.score_claims
    assert (claim.radius, claim.broken_by, claim.bound) == (radius, broken_by, bound)
    document = to_document(made)
    assert verify(document).valid
    read = read_certificate(json.loads(json.dumps(document)))
    assert read == made
    assert to_document(read) == document
    assert document["radius"] == 0.9  # the claim on the distribution has its own


def test_a_share_of_all_runs_can_be_asked_without_noise():
    everything = AskedClaim(FOUND, of="share", at_least=1.0)
    made = exhausted([1.0, 1.0, 1.0, 0.0, 1.0], everything, None)
    assert (made.score_claims[0].radius, made.score_claims[0].bound) == (0.9, 1.0)
    whole = exhausted([1.0] * 5, everything, None)
    assert math.isinf(whole.score_claims[0].radius)
    assert verify(to_document(whole)).valid


def test_an_asked_epsilon_includes_runs_at_that_cost():
    assert isinstance(exhausted([5.0, 6.0, 31.0, 7.0, 8.0], epsilon=0.6), ExhaustiveCertificate)
    refused = exhausted([5.0, 6.0, 31.0, 7.0, 8.0], epsilon=0.7)
    assert isinstance(refused, Abstention)
    assert "claim on score 'length' (mean) is proven to 31.0 and asked to 30.0" in refused.detail


@pytest.mark.parametrize(
    "fields", [{"radius": 0.8}, {"bound": 5.0}, {"broken_by": 3}, {"failed": 1}, {"at_most": 40.0}]
)
def test_a_forged_claim_without_noise_is_refused(fields):
    document = to_document(exhausted([5.0, 6.0, 31.0, 7.0, 8.0]))
    assert failed_checks(changed(document, **fields))


def test_a_claim_of_brute_force():
    """Against the definition: the worst of all runs that an attack of each norm reaches."""
    rng = np.random.default_rng(3)
    for _ in range(200):
        n = int(rng.integers(1, 9))
        costs = np.concatenate([[0.0], np.sort(rng.choice([0.2, 0.5, 0.8, 1.0], n - 1))])
        column = rng.choice([1.0, 29.0, 30.0, 30.5, math.nan], n)
        made = certify_exhaustive(
            costs,
            np.zeros(n),
            diameter=1.0,
            tolerance=0.5,
            next_cost=1.5,
            score_claims=[CLAIMS[1]],
            scores=column[:, None],
        )
        [claim] = made.score_claims
        for norm in (0.1, 0.2, 0.35, 0.5, 0.8, 0.99, 1.2, 1.5, 2.0):
            reached = column[costs <= norm]
            truth = 50.0 if norm >= 1.5 or np.isnan(reached).any() else reached.max()
            assert claim.runs.at(norm) == truth
            assert (norm < claim.radius) <= (truth <= 30)
