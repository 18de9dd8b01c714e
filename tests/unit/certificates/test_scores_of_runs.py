"""Claims on scores of units and of edits: certified, read back, forged, and refused."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import numpy as np
import pytest

from smoothgen import Abstention, EditsCertificate, LookPlan, UnitChoice, UnitsCertificate, certify_edits, verify
from smoothgen.certificates import certify_exhaustive, certify_units, read_certificate, to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity, require_distinct
from smoothgen.certificates.units import UnitsGoal, largest_probability, largest_size, most_altered
from smoothgen.certificates.units.score_claims import bound_of_best_runs
from smoothgen.errors import InvalidAlpha, InvalidClaim, InvalidDistances, InvalidKeep
from smoothgen.noise import Seed, Stream
from tests.support.certificates import edits as of_edits
from tests.support.certificates import units as of_units
from tests.unit.certificates.test_score_claims import FOUND, LENGTH

SHARE = AskedClaim(FOUND, of="share", at_most=0.5)
SHORT = AskedClaim(LENGTH, at_most=30.0)
LONG = AskedClaim(LENGTH, of="quantile:0.25", at_least=2.0)
CLAIMS = [SHARE, SHORT, LONG]
TEN = UnitChoice(10, size=2)


def table(runs: int) -> np.ndarray:
    """Scores of every run for CLAIMS: few matches, lengths of 4 to 8 words, one of them without a score."""
    scores = np.stack([np.arange(runs) % 9 == 0, 4.0 + np.arange(runs) % 5, 4.0 + np.arange(runs) % 5], axis=1).astype(
        float
    )
    scores[3, 1] = math.nan
    return scores


def units(claims=CLAIMS, runs: int = 45, **asked: Any) -> UnitsCertificate | Abstention:
    given = {"choice": TEN, "seed": None, "bound": 1.0, "diameter": 1.0, "two_valued": True, **asked}
    given = given if "tolerance" in given else {"keep": 0.5, **given}
    columns = [CLAIMS.index(claim) for claim in claims]
    return certify_units(np.zeros(runs), score_claims=claims, scores=table(runs)[:, columns], **given)


def whole(**asked: Any) -> UnitsCertificate | Abstention:
    """Every section filled in, so that all that it means is known."""
    return units(threat=of_units.THREAT, provenance=of_units.PROVENANCE, **asked)


def drawn(**asked: Any) -> UnitsCertificate | Abstention:
    choice, seed = UnitChoice(40, size=2), of_units.SEED
    plan = LookPlan.doubling(500, 1e-3)
    return units(choice=choice, seed=seed, alpha=1e-3, plan=plan, runs=250, **asked)


def edits(claims=CLAIMS, **asked: Any) -> EditsCertificate:
    n = of_edits.EDITS.size
    return certify_edits(
        np.zeros(n),
        size=n,
        singles=of_edits.EDITS.singles,
        sampled=False,
        diameter=1.0,
        tolerance=0.1,
        edit_set=of_edits.EDITS.identity,
        provenance=of_edits.PROVENANCE,
        score_claims=claims,
        scores=table(1 + n),
        **asked,
    )


def sample() -> EditsCertificate:
    made = of_edits.drawn(score_claims=CLAIMS, scores=sample_scores())
    assert isinstance(made, EditsCertificate)
    return made


def sample_scores() -> np.ndarray:
    """One row for the prompt, then one a draw; equal rows for equal texts."""
    from smoothgen.edits import EditSet

    pairs = EditSet(of_edits.PROMPT, kinds=("typo", "capitals"), at_once=2)
    drawn = np.array(pairs.sample(of_edits.SEED, 120))
    return np.concatenate([table(7)[:1], np.stack([drawn % 9 == 0, 4.0 + drawn % 5, 4.0 + drawn % 5], axis=1)])


MADE = {"units": whole, "asked": lambda: whole(altered=1), "drawn": drawn, "edits": edits, "sample": sample}
MADE["alone"] = lambda: whole(altered=1, tolerance=0.1, asks_shift=False)


@pytest.mark.parametrize("name", MADE)
def test_a_certificate_with_claims_is_read_back_and_verified(name):
    made = MADE[name]()
    assert not isinstance(made, Abstention), made
    document = to_document(made)
    verdict = verify(document)
    assert verdict, [check for check in verdict.checks if not check.passed]
    assert verdict.meaning == ("not checked" if name == "drawn" else "checked")
    read = read_certificate(json.loads(json.dumps(document)))
    assert read == made
    assert to_document(read) == document
    assert all(f"score {word}" not in document["statement"] for word in ("nan", "inf"))


@pytest.mark.parametrize("name", MADE)
def test_every_number_of_a_claim_that_is_nudged_is_refused(name):
    document = to_document(MADE[name]())
    for place, claim in enumerate(document["claims"]):
        for field, said in claim.items():
            if field in (
                "score",
                "evidence",
                "of",
                "at_most",
                "at_least",
            ):  # what is asked: another claim, and a true one
                continue
            forged = copy.deepcopy(document)
            if isinstance(said, list):
                if not said:
                    continue
                forged["claims"][place][field][-1][1] += 0.01
            else:
                forged["claims"][place][field] = (
                    1 if said is None else said + 1e-6 if isinstance(said, float) else said + 1
                )
            assert not verify({**forged, "digest": content_digest(forged)}), (name, place, field)


@pytest.mark.parametrize("name", MADE)
def test_a_series_that_is_changed_or_too_short_is_refused(name):
    document = to_document(MADE[name]())
    other = to_document(MADE[name]())["claims"][1]["evidence"]
    forged = copy.deepcopy(document)
    forged["claims"][0]["evidence"] = {**other, "sha256": document["claims"][0]["evidence"]["sha256"]}
    assert not verify({**forged, "digest": content_digest(forged)})
    short = copy.deepcopy(document)
    key = "series" if "edits" in document["method"] else "distances"
    short["claims"][0]["evidence"][key] = "AAAAAAAA8D8="
    assert not verify({**short, "digest": content_digest(short)})


@pytest.mark.parametrize("name", MADE)
def test_claims_that_ask_the_same_are_refused(name):
    document = to_document(MADE[name]())
    twice = {**document, "claims": [*document["claims"][:2], document["claims"][0]]}
    assert not verify({**twice, "digest": content_digest(twice)})
    with pytest.raises(InvalidClaim, match="claims 1 and 2 ask the same"):
        units([SHARE, SHARE])


# --- Units ---


def test_claims_cost_the_one_on_the_answer_its_share_of_alpha_and_nothing_where_all_is_run():
    alone = certify_units(np.zeros(45), choice=TEN, seed=None, bound=1.0, diameter=1.0, keep=0.5, two_valued=True)
    made = units()
    assert isinstance(alone, UnitsCertificate)
    assert isinstance(made, UnitsCertificate)
    assert alone.claims == made.claims
    sampled, bare = drawn(), drawn(claims=[])
    assert isinstance(sampled, UnitsCertificate)
    assert isinstance(bare, UnitsCertificate)
    assert sampled.claims.keeps is not None
    assert bare.claims.keeps is not None
    assert sampled.claims.keeps[1][1] < bare.claims.keeps[1][1]
    assert sampled.bound_for(1).share == sampled.claims.keeps[1][1]


def test_an_asked_number_of_altered_units_asks_for_every_claim():
    made = units(altered=1)
    assert isinstance(made, UnitsCertificate)
    assert [claim.bound for claim in made.score_claims] == [dict(claim.curve)[1] for claim in made.score_claims]
    missed = units(altered=2)
    assert isinstance(missed, Abstention)
    assert "with 2 of 10 units altered the claim on score 'length' (quantile:0.25) is proven to" in missed.detail
    assert "with 45 runs it is proven for 1" in missed.detail
    assert len(missed.score_claims) == 3
    own = units(altered=3)
    assert isinstance(own, Abstention)
    assert "the answer is proven to keep a share" in own.detail


def test_claims_may_be_all_that_is_asked():
    made = whole(altered=1, tolerance=0.1, asks_shift=False)
    assert isinstance(made, UnitsCertificate)
    assert (made.claims.radius, made.claims.w1_bound > 0.1) == (0, True)
    document = to_document(made)
    assert document["asks_shift"] is False
    assert "Only the claims on scores were asked for 1 altered" in document["statement"]
    assert verify(document)
    forged = {name: value for name, value in document.items() if name != "asks_shift"}
    assert not verify({**forged, "digest": content_digest(forged)})
    with pytest.raises(InvalidClaim, match="asks_shift=False"):
        units([], tolerance=0.1, asks_shift=False)
    with pytest.raises(InvalidClaim, match=r"keep=0\.5"):
        units(asks_shift=False)


def test_the_statement_says_what_holds_of_altered_units():
    said = to_document(whole())["statement"]
    assert "With any 2 of the 10 passages replaced by anything at all, the share of outputs with the score 1" in said
    assert "For scores too, passages that are deleted or inserted count as replaced ones" in said
    assert "One of its runs has no score and counts as the worst." in said
    hopeless = AskedClaim(LENGTH, at_most=5.0)
    told = certify_units(
        np.zeros(45), score_claims=[hopeless, AskedClaim(LENGTH, at_most=6.5)], scores=np.full((45, 2), 6.0),
        choice=TEN, seed=None, bound=1.0, diameter=1.0, keep=0.5, two_valued=True,
    )  # fmt: skip
    assert isinstance(told, UnitsCertificate)
    assert [claim.radius for claim in told.score_claims] == [None, 0]
    said = to_document(told)["statement"]
    assert "Not proven, even of unaltered units, is that the mean of" in said
    assert "is at most 6.0; with one unit altered what was asked is not proven." in said


def test_scores_of_another_shape_are_refused():
    with pytest.raises(InvalidDistances, match="a column for each of 1 claims"):
        certify_units(
            np.zeros(45),
            score_claims=[SHORT],
            choice=TEN,
            seed=None,
            bound=1.0,
            diameter=1.0,
            keep=0.5,
            two_valued=True,
        )
    with pytest.raises(InvalidDistances, match="a column for each of 1 claims"):
        certify_edits([0.0], size=1, sampled=False, diameter=1.0, tolerance=0.1, score_claims=[SHORT])
    with pytest.raises(InvalidDistances, match="a score of the prompt's own output and of each of 1 runs"):
        certify_edits([0.0], size=1, sampled=False, diameter=1.0, tolerance=0.1, score_claims=[SHORT], scores=[[1.0]])


def test_shares_of_alpha_that_are_too_small_are_refused():
    with pytest.raises(InvalidAlpha, match="3 claims on scores leave each"):
        units(choice=UnitChoice(40, size=2), seed=of_units.SEED, alpha=3e-12)
    with pytest.raises(InvalidAlpha, match="3 claims on scores leave each"):
        certify_edits(
            [0.0], size=9, sampled=True, seed=of_edits.SEED, alpha=3e-12, diameter=1.0, tolerance=0.1,
            score_claims=CLAIMS, scores=table(7)[:2],
        )  # fmt: skip


@pytest.mark.parametrize("samples", [45, 40, 500])
@pytest.mark.parametrize("claims", [[SHARE], [SHORT], [LONG], [SHARE, AskedClaim(FOUND, of="share", at_most=0.3)]])
def test_the_largest_size_is_the_largest_at_which_the_claims_can_be_proven(samples, claims):
    asked = {"samples": samples, "alpha": 1e-3, "tolerance": 0.1, "score_claims": claims, "asks_shift": False}
    size = largest_size(10, 1, **asked)
    for tried, possible in ((size, True), (size + 1, False)):
        if tried > 9:
            continue
        choice = UnitChoice(10, size=tried)
        enumerates = (choice.subsets or 0) <= samples
        runs = choice.subsets if enumerates else samples
        made = certify_units(
            np.zeros(runs or 0), choice=choice, seed=None if enumerates else of_units.SEED, bound=1.0, diameter=1.0,
            tolerance=0.1, alpha=0.0 if enumerates else 1e-3 * (1 + len(claims)), two_valued=True, altered=1,
            score_claims=claims, scores=np.tile([claim.best for claim in claims], (runs or 0, 1)), asks_shift=False,
        )  # fmt: skip
        assert isinstance(made, UnitsCertificate) is possible
    assert most_altered(UnitChoice(10, size=size), **asked) >= 1
    assert 0 < largest_probability(1, **asked) < 1
    assert UnitsGoal(**asked).most_touched == min(claim.room for claim in claims)


def test_the_bound_of_the_best_runs_is_that_of_a_certificate_of_them():
    for claim in CLAIMS:
        best = certify_units(
            np.zeros(45), score_claims=[claim], scores=np.full((45, 1), claim.best), choice=TEN, seed=None, bound=1.0,
            diameter=1.0, keep=0.5, two_valued=True,
        )  # fmt: skip
        assert isinstance(best, UnitsCertificate)
        for m, bound in best.score_claims[0].curve:
            assert bound_of_best_runs(claim, TEN, m, samples=45, alpha=None) == bound


def test_scores_are_those_of_the_runs_that_the_seed_draws():
    """Words: a run that keeps the third of thirty is long."""
    choice, seed = UnitChoice(30, probability=0.2), Seed.from_client(7)
    rows = choice.drawn(seed, Stream.UNITS_CERTIFICATION, range(200))
    made = certify_units(
        np.zeros(200), score_claims=[SHORT], scores=np.where(rows[:, 2], 40.0, 4.0)[:, None], choice=choice, seed=seed,
        alpha=0.05, bound=1.0, diameter=1.0, keep=0.5, two_valued=True,
    )  # fmt: skip
    assert isinstance(made, UnitsCertificate)
    [claim] = made.score_claims
    assert rows[:, 2].mean() * 36 + 4 < claim.curve[0][1] < claim.curve[1][1]
    assert verify(to_document(made))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"const": True}, {"const": 1}, False),
        ({"enum": [0, {"a": False}]}, {"enum": [0, {"a": 0}]}, False),
        ({"const": 1}, {"const": 1.0}, True),
        ({"enum": [True, "x"]}, {"enum": [True, "x"]}, True),
        ({"enum": [1]}, {"enum": [1, 2]}, False),
    ],
)
def test_options_are_compared_as_json_where_true_is_no_number(one, other, same):
    def asked(schema: dict[str, Any]) -> AskedClaim:
        score = ScoreIdentity("json_schema", 0.0, 1.0, two_valued=True, options={"must_meet": schema})
        return AskedClaim(score, of="share", at_least=0.9)

    assert asked(one).asks_the_same_as(asked(other)) is same
    if not same:
        require_distinct([asked(one), asked(other)])


# --- Keep, where nothing is drawn ---


def kept_whole(name: str, keep: float | None, distances: tuple[float, ...] = (0.0, 0.0, 1.0)):
    if name == "exhaustive":
        return certify_exhaustive([0.0, 0.5, 0.7], distances, diameter=1.0, tolerance=0.1, next_cost=0.9, keep=keep)
    return certify_edits(distances, size=3, sampled=False, diameter=1.0, tolerance=0.1, keep=keep)


@pytest.mark.parametrize("name", ["exhaustive", "edits"])
def test_an_asked_share_to_keep_is_recorded_and_verified(name):
    made, bare = kept_whole(name, 0.9), kept_whole(name, None)
    document = to_document(made)
    assert document["keep"] == 0.9
    assert "keep" not in to_document(bare)
    assert made.claims == bare.claims
    assert verify(document)
    assert read_certificate(json.loads(json.dumps(document))) == made
    for keep in (0.0, 1.0, 1.5):
        forged = {**document, "keep": keep}
        assert not verify({**forged, "digest": content_digest(forged)})
        with pytest.raises(InvalidKeep, match="strictly between 0 and 1"):
            kept_whole(name, keep)
    with pytest.raises(InvalidKeep, match="distances of answers are 0 or"):
        kept_whole(name, 0.9, (0.0, 0.5, 1.0))
    forged = {**to_document(kept_whole(name, None, (0.0, 0.5, 1.0))), "keep": 0.9}
    assert not verify({**forged, "digest": content_digest(forged)})


# --- Edits ---


def test_of_a_set_that_was_run_whole_the_claim_is_about_whoever_chooses():
    made = edits()
    [found, short, long] = made.score_claims
    assert (found.radius, found.bound, found.broken_by, found.share < 1) == (0, 1.0, 8, True)
    assert (short.radius, short.bound, short.broken_by) == (0, 50.0, 2)  # the run without a score
    assert (long.radius, long.share, long.kept) == (1, 1.0, of_edits.EDITS.size)
    said = to_document(made)["statement"]
    assert "Whoever chooses among the edits, the mean of the length" in said
    assert not found.holds_at(1)
    assert long.holds_at(1)


def test_of_a_sample_a_claim_is_a_share_and_no_defence():
    document = to_document(sample())
    for claim in document["claims"]:
        assert (claim["radius"], claim["bound"], claim["curve"]) == (None, None, [])
        assert 0 < claim["share"] < 1
    assert (
        "These shares of scores, too, are no claims against an adversary who chooses the edit." in document["statement"]
    )
    scores = sample_scores()
    asked = {"size": 7, "sampled": True, "seed": of_edits.SEED, "alpha": 0.05, "diameter": 1.0, "tolerance": 0.1}
    with pytest.raises(InvalidDistances, match="was drawn more than once and has the scores"):
        certify_edits(np.zeros(120), score_claims=[SHORT], scores=scores[:, 1:2], **asked)
