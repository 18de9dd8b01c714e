"""Claims on scores in certificates: what they state, what is read back, what is refused and what is forged."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from smoothgen import Abstention, Certificate, Gaussian, certify, verify
from smoothgen.certificates import LookPlan, read_certificate, to_document
from smoothgen.certificates.certify import evidence_of_scores
from smoothgen.certificates.exhaustive.statement import statement as statement_of_runs
from smoothgen.certificates.format.document import content_digest, from_document
from smoothgen.certificates.format.statement import statement
from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity, claim_curve, claim_share, score_radius
from smoothgen.certificates.score_claims.certified import claim_of_radius
from smoothgen.errors import InvalidAlpha, InvalidCertificate, InvalidClaim, InvalidDistances

FOUND = ScoreIdentity("pattern", 0.0, 1.0, two_valued=True, options={"pattern": "refund"})
LENGTH = ScoreIdentity("length", 0.0, 50.0, options={"unit": "words", "cap": 50})
LIKE = ScoreIdentity("similarity", -1.0, 1.0, options={"reference": "sha256:" + 64 * "0", "encoder": "small"})
CLAIMS = (
    AskedClaim(FOUND, of="share", at_most=0.1),
    AskedClaim(LENGTH, at_most=30.0),
    AskedClaim(LIKE, of="quantile:0.1", at_least=0.5),
)
N = 400
RNG = np.random.default_rng(1)
SCORES = np.column_stack([np.zeros(N), RNG.uniform(3, 20, N), RNG.uniform(0.6, 1, N)])
DISTANCES = RNG.uniform(0, 0.05, N)


def certified(scores=SCORES, claims=CLAIMS, **asked):
    return certify(
        DISTANCES[: len(scores)],
        bound=1.0,
        diameter=1.0,
        mechanism=Gaussian(0.5),
        tolerance=0.2,
        score_claims=claims,
        scores=scores,
        **{"alpha": 1e-3, **asked},
    )


def sealed(document):
    """With the digest and the statement of what it says."""
    read = read_certificate(document)
    said = statement(read) if isinstance(read, Certificate) else statement_of_runs(read)
    document = {**document, "statement": said}
    return {**document, "digest": content_digest(document)}


def failed_checks(document) -> list[str]:
    return [check.name for check in verify(json.dumps(document)).checks if not check.passed]


def changed(document, place=0, **fields):
    claims = [dict(claim) for claim in document["claims"]]
    claims[place].update(fields)
    return sealed({**document, "claims": claims})


def test_every_claim_has_its_share_and_is_verified_with_the_certificate():
    made = certified()
    assert isinstance(made, Certificate)
    document = to_document(made)
    assert document["alpha_split"]["each_claim"] == claim_share(1e-3, 3) < 1e-3 / 4
    assert [claim["radius"] > 0 for claim in document["claims"]] == [True, True, True]
    assert [claim["of"] for claim in document["claims"]] == ["share", "mean", "quantile:0.1"]
    assert to_document(from_document(json.loads(json.dumps(document)))) == document
    verdict = verify(document)
    assert verdict.valid
    assert "the share of outputs with the score 1 where the RE2 pattern 'refund' is found" in document["statement"]


def test_claims_narrow_what_the_distances_may_spend_and_change_nothing_else():
    without, made = certify_plain(), certified()
    assert made.radius < without.radius
    assert made.look_alpha == claim_share(1e-3, 3)
    assert "claims" not in to_document(without)
    assert "each_claim" not in to_document(without)["alpha_split"]


def certify_plain(**asked):
    about = {"bound": 1.0, "diameter": 1.0, "mechanism": Gaussian(0.5), "alpha": 1e-3, "tolerance": 0.2}
    return certify(DISTANCES, **{**about, **asked})


def test_all_claims_are_made_with_equal_shares():
    share, made = claim_share(1e-3, 3), certified()
    assert made.radius == certify_plain(alpha=share).radius
    for claim, series in zip(made.score_claims, evidence_of_scores(CLAIMS, SCORES, N), strict=True):
        assert claim.radius == score_radius(claim_curve(claim.asked, series, made.bounds, alpha=share))


def test_every_look_has_its_shares():
    plan = LookPlan((100, N), (4e-4, 6e-4))
    made = certified(SCORES[:100], plan=plan)
    assert made.look_alpha == claim_share(4e-4, 3)
    assert verify(to_document(made)).valid
    [claim, *_] = made.score_claims
    assert claim.radius == score_radius(
        claim_curve(claim.asked, claim.evidence, made.bounds, alpha=claim_share(4e-4, 3))
    )


def test_the_rounding_slack_is_in_every_bound():
    ideal, on_grid = certified(), certified(rounding_slack=1e-3)
    for without, with_slack in zip(ideal.score_claims, on_grid.score_claims, strict=True):
        assert with_slack.radius < without.radius
    assert verify(to_document(on_grid)).valid


def test_nothing_is_claimed_beyond_the_reach_of_a_selected_sigma():
    bounds = replace(certified().bounds, reach=0.25)
    for claim in certified().score_claims:
        curve = claim_curve(claim.asked, claim.evidence, bounds, alpha=1e-4)
        assert score_radius(curve) <= 0.25
        worst = claim.asked.stated(claim.asked.width)
        assert curve.at(0.26) == worst


def test_with_an_epsilon_every_claim_is_proven_or_the_job_abstains():
    made = certified(epsilon=0.1)
    assert isinstance(made, Certificate)
    assert all(claim.holds for claim in made.score_claims)
    claims = (*CLAIMS[:2], AskedClaim(LIKE, at_least=0.75))
    refused = certified(claims=claims, epsilon=0.1)
    assert isinstance(refused, Abstention)
    assert "claim 3 on score 'similarity' (mean) is proven to" in refused.detail
    assert "0.75" in refused.detail


def test_a_claim_that_the_noise_alone_breaks_has_no_radius():
    made = certified(claims=(AskedClaim(LENGTH, at_most=5.0),), scores=SCORES[:, 1:2])
    [claim] = made.score_claims
    assert claim.radius is None
    assert claim.bound > 5
    document = to_document(made)
    assert document["claims"][0]["radius"] is None
    assert "Not proven, even without an attack, is that the mean of the length in words" in document["statement"]
    assert verify(document).valid


def test_failed_samples_count_as_the_worst():
    worse = SCORES.copy()
    worse[:40] = [np.nan, 51.0, -1.5]  # none at all, and numbers out of range
    worst = SCORES.copy()
    worst[:40] = [1.0, 50.0, -1.0]
    lost, least = certified(worse), certified(worst)
    assert [c.radius for c in lost.score_claims] == [c.radius for c in least.score_claims]
    assert [c.evidence.failed for c in lost.score_claims] == [40, 40, 40]
    assert "40 of its samples have no score" in to_document(lost)["statement"]


def test_a_number_between_the_two_values_is_a_failed_sample():
    series = CLAIMS[0].series([0.0, 1.0, 0.5, math.nan])
    assert series[:2].tolist() == [0.0, 1.0]
    assert np.isnan(series[2:]).all()


@pytest.mark.parametrize("at", ["at_most", "at_least"])
def test_the_series_is_never_below_the_exact_difference(at):
    from fractions import Fraction

    score = ScoreIdentity("x", 0.1, 0.7)
    claim = AskedClaim(score, **{at: 0.3})
    values = np.random.default_rng(0).uniform(0.1, 0.7, 200)
    for h, g in zip(values.tolist(), claim.series(values).tolist(), strict=True):
        exact = Fraction(h) - Fraction(0.1) if at == "at_most" else Fraction(0.7) - Fraction(h)
        assert exact <= Fraction(g) <= exact + Fraction(1, 2**52)
    assert Fraction(claim.width) >= Fraction(0.7) - Fraction(0.1)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"score": FOUND}, "at_most or at_least"),
        ({"score": FOUND, "at_most": 0.1, "at_least": 0.1}, "at_most or at_least"),
        ({"score": LENGTH, "at_most": 50.0}, r"at_most=50.0 must lie in \[0.0, 50.0\)"),
        ({"score": LENGTH, "at_most": -1.0}, "must lie in"),
        ({"score": LENGTH, "at_least": 0.0}, r"must lie in \(0.0, 50.0\]"),
        ({"score": LENGTH, "at_most": math.nan}, "must lie in"),
        ({"score": LENGTH, "of": "share", "at_most": 0.1}, "give above"),
        ({"score": LENGTH, "of": "share", "at_most": 0.1, "above": 50.0}, "no score is above the end"),
        ({"score": LENGTH, "of": "share", "at_most": 1.0, "above": 5.0}, "must lie in"),
        ({"score": LENGTH, "of": "quantile:0.9", "at_most": 9.0, "above": 5.0}, "leave it out"),
        ({"score": LENGTH, "of": "quantile:1", "at_most": 9.0}, "strictly between 0 and 1"),
        ({"score": LENGTH, "of": "quantile:1e-17", "at_most": 9.0}, "strictly between 0 and 1"),
        ({"score": LENGTH, "of": "median", "at_most": 9.0}, "strictly between 0 and 1"),
    ],
)
def test_what_is_no_claim_is_refused(asked, words):
    with pytest.raises(InvalidClaim, match=words):
        AskedClaim(**asked)


@pytest.mark.parametrize("ends", [(0.0, 0.0), (1.0, 0.0), (0.0, math.inf), (math.nan, 1.0)])
def test_a_range_that_is_none_is_refused(ends):
    with pytest.raises(InvalidClaim, match="must have a range"):
        ScoreIdentity("x", *ends)


def test_equal_claims_and_shares_that_are_too_small_are_refused():
    with pytest.raises(InvalidClaim, match="claims 1 and 3 ask the same"):
        certified(claims=(CLAIMS[0], CLAIMS[1], replace(CLAIMS[0], above=0.0)))
    with pytest.raises(InvalidAlpha, match="3 claims on scores leave each"):
        certified(alpha=2e-12)


def test_scores_of_another_shape_are_refused():
    with pytest.raises(InvalidDistances, match="a column for each of 3 claims"):
        certified(SCORES[:, :2])


@pytest.mark.parametrize(
    "fields",
    [
        {"radius": 3.0},
        {"radius": None},
        {"bound": 0.01},
        {"at_most": 0.2},
        {"failed": 1},
        {"score": {"name": "pattern", "range": [0.0, 1.0], "two_valued": False, "options": {"pattern": "refund"}}},
    ],
)
def test_a_forged_claim_is_refused(fields):
    document = to_document(certified())
    assert verify(document).valid
    try:
        forged = changed(document, **fields)
    except InvalidCertificate:
        return
    assert any(name.startswith("claims.0") or name == "document" for name in failed_checks(forged))


def test_forged_evidence_of_a_claim_is_refused():
    document = to_document(certified())
    fewer = to_document(certified(SCORES[:300]))
    assert "claims.1" in failed_checks(changed(document, 1, evidence=fewer["claims"][1]["evidence"]))
    assert "claims.1.evidence" in failed_checks(
        changed(document, 1, evidence={**document["claims"][1]["evidence"], "sha256": "sha256:" + 64 * "0"})
    )


def test_a_dropped_claim_does_not_give_its_share_back_unnoticed():
    document = to_document(certified())
    dropped = sealed({**document, "claims": document["claims"][:2]})
    assert {"alpha_split", "radius"} <= set(failed_checks(dropped))


@pytest.mark.parametrize("claims", [[], {}, [{}], [{"score": 1, "of": "mean"}], "none"])
def test_what_is_no_list_of_claims_cannot_be_read(claims):
    assert failed_checks({**to_document(certified()), "claims": claims}) == ["document"]


def test_a_score_of_a_plug_in_is_quoted_and_not_known():
    score = ScoreIdentity("plugin:polite", 0.0, 1.0, digest="sha256:" + 64 * "1")
    document = to_document(certified(claims=(AskedClaim(score, at_least=0.5),), scores=SCORES[:, 2:]))
    assert "what this document calls score 'plugin:polite'" in document["statement"]
    verdict = verify(document)
    assert (verdict.valid, verdict.meaning) == (True, "not checked")


@pytest.mark.parametrize(
    ("claim", "limit", "worse", "kept"),
    [
        (AskedClaim(LENGTH, of="quantile:0.9", at_most=10.0), 0.1, 10.5, 10.0),
        (AskedClaim(LENGTH, of="quantile:0.1", at_least=10.0), 0.1, 9.5, 10.0),
        (AskedClaim(LENGTH, of="share", above=10.0, at_most=0.2), 0.2, 10.5, 10.0),
        (AskedClaim(LENGTH, of="share", above=10.0, at_least=0.7), 0.7, 10.0, 10.5),
    ],
)
def test_the_bad_event_is_the_one_of_the_definition(claim, limit, worse, kept):
    assert claim.limit == limit
    assert claim.series([worse, kept]).tolist() == [1.0, 0.0]


def test_what_is_printed_is_on_the_safe_side():
    upper, lower = AskedClaim(LENGTH, at_most=30.0), AskedClaim(LENGTH, at_least=3.0)
    assert upper.stated(1 / 3) == 0.333333334
    assert lower.stated(1 / 3) == 49.6666666
    assert upper.stated(50.0) == 50.0
    assert lower.stated(50.0) == 0.0


def test_an_asked_epsilon_that_a_claim_misses_is_refused():
    made = certified(claims=(AskedClaim(LENGTH, at_most=16.0),), scores=SCORES[:, 1:2])
    [claim] = made.score_claims
    epsilon = round(4 * claim.radius, 3)
    curve = claim_curve(claim.asked, claim.evidence, made.bounds, alpha=made.look_alpha)
    derived = claim_of_radius(claim.asked, claim.evidence, curve, epsilon, claim.radius)
    assert not derived.holds
    forged = to_document(replace(made, tolerance=0.9, epsilon=epsilon, score_claims=(derived,)))
    assert "claims.0" in failed_checks(forged)


def test_evidence_of_another_number_of_samples_is_refused():
    made, fewer = (
        certified(claims=CLAIMS[:1], scores=SCORES[:, :1]),
        certified(claims=CLAIMS[:1], scores=SCORES[:300, :1]),
    )
    [claim] = fewer.score_claims
    forged = to_document(replace(made, score_claims=(claim,)))
    assert "rests on 300 samples" in next(c.detail for c in verify(forged).checks if c.name == "claims.0")
