"""What statements and decisions call a score: a plug-in by its options and code, an output by its property."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smoothgen import verify
from smoothgen.certificates import to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.meaning.scores import decision_in_words
from smoothgen.certificates.score_claims import AskedClaim, ScoreIdentity
from tests.unit.certificates.test_score_claims import FOUND, LENGTH, SCORES, certified, changed, failed_checks


def of_plug_in(**identity):
    score = ScoreIdentity("plugin:polite", 0.0, 1.0, digest="sha256:05ff8ceb1234" + 52 * "1", **identity)
    return to_document(certified(claims=(AskedClaim(score, at_least=0.5),), scores=SCORES[:, 2:]))


def test_the_statement_names_the_options_of_a_plug_in_and_the_first_digits_of_its_code():
    options = [{"distribution": "polite 1.0", "options": {"words": [word]}} for word in ("thank", "please")]
    made = [of_plug_in(options=each, wording="plugin/v1") for each in options]
    assert (
        "the mean of what this document calls score 'plugin:polite' with options '{\"words\": [\"thank\"]}' and code "
        "sha256:05ff8ceb1234… is at least"
    ) in made[0]["statement"]
    assert made[0]["statement"] != made[1]["statement"]
    assert all(verify(each).valid for each in made)
    without = of_plug_in(options={"distribution": "polite 1.0"}, wording="plugin/v1")
    assert "score 'plugin:polite' with code sha256:05ff8ceb1234… is at least" in without["statement"]
    long = of_plug_in(options={"options": {"words": 100 * ["thank"]}}, wording="plugin/v1")
    assert "(the first 64 of " in long["statement"]
    assert verify(long).valid


def test_a_certificate_from_before_scores_had_a_wording_verifies_in_the_words_it_was_issued_with():
    older = of_plug_in(options={"distribution": "polite 1.0", "options": {"words": ["thank"]}})
    assert "wording" not in older["claims"][0]["score"]
    assert "what this document calls score 'plugin:polite' of 'sha256:05ff8ceb1234111" in older["statement"]
    assert "(the first 64 of 71 characters, sha256:" in older["statement"]
    assert verify(older).valid
    score = {**older["claims"][0]["score"], "wording": "plugin/v1"}
    claims = [{**older["claims"][0], "score": score}]
    forged = {**older, "claims": claims}
    assert failed_checks({**forged, "digest": content_digest(forged)}) == ["statement"]
    assert failed_checks(changed(older, score=score)) == []
    unread = {**older, "claims": [{**claims[0], "score": {**score, "wording": "plain/v1"}}]}
    assert failed_checks(unread) == ["document"]


def test_a_claim_with_another_wording_asks_the_same():
    score = ScoreIdentity("plugin:polite", 0.0, 1.0, wording="plugin/v1")
    assert AskedClaim(score, at_least=0.5).asks_the_same_as(AskedClaim(replace(score, wording=None), at_least=0.5))


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (
            AskedClaim(FOUND, of="share", at_most=0.0),
            "the share of outputs in which the RE2 pattern 'refund' is found is at most 0.0",
        ),
        (
            AskedClaim(FOUND, at_least=0.5),
            "the share of outputs in which the RE2 pattern 'refund' is found is at least 0.5",
        ),
        (
            AskedClaim(LENGTH, at_most=30.0),
            "the mean of the length in words, counted up to 50, is at most 30.0",
        ),
        (
            AskedClaim(replace(FOUND, digest="sha256:" + 64 * "0"), of="share", at_most=0.1),
            "the share of outputs with what this document calls score 'pattern' of 'sha256:",
        ),
    ],
)
def test_a_decision_says_in_plain_words_which_outputs_are_counted(claim, words):
    assert decision_in_words(claim).startswith(words)
