"""The plain statement of exhaustive certificates, and the answer it names: what holds comes first, W1 later."""

import json
import math
from dataclasses import replace

import pytest

from smoothgen import certify_exhaustive, verify
from smoothgen.certificates import read_certificate, to_document
from smoothgen.certificates.exhaustive.statement import statement
from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.score_claims import AskedClaim
from tests.support.certificates.edits import EXAMPLES as OF_EDITS
from tests.support.certificates.exhaustive import COSTS, EXAMPLES, PROVENANCE, THREAT, certified
from tests.unit.certificates.test_score_claims import FOUND

NAMED = EXAMPLES["answer"]().provenance
KEPT = [0.0, 0.0, 0.0, 1.0, 0.0, math.nan]


def with_centre(centre):
    return replace(PROVENANCE, metric=replace(PROVENANCE.metric, centre=centre))


def said(made) -> str:
    verdict = verify(made)
    assert verdict, [check for check in verdict.checks if not check.passed]
    return str(to_document(made)["statement"])


def labelled(costs=COSTS, distances=KEPT, **asked):
    return said(certified(costs, distances, **{"threat": THREAT, "provenance": NAMED, **asked}))


def test_the_answer_comes_first_and_w1_after_what_is_outside():
    words = said(EXAMPLES["answer"]())
    assert words.startswith(
        "Whoever changes the token embeddings of the prompt by less than 0.878432109 (l2 norm) leaves the answer "
        "'Paris' as it is, whatever he knows. No probability is involved: nothing is sampled, so alpha is 0. What ends "
        "the claim is run 3: it reads 'capital of Germany', costs 0.8784321098765432 and gives another "
        "answer: 'It\\'s Berlin'"
    )
    order = ("Whoever", "alpha is 0", "What ends", "Held fixed", "No text of another token count", "in Wasserstein-1")
    places = [words.index(each) for each in order]
    assert places == sorted(places)
    assert "it is not claimed that the answer is right" in words
    assert "a share of 1.0" not in words


@pytest.mark.parametrize(
    ("asked", "begins"),
    [
        (
            {"epsilon": 0.75},
            "by at most 0.75 (l2 norm) leaves the answer 'Paris' as it is, whatever he knows. The same holds for "
            "changes by less than 0.878432109 (l2 norm).",
        ),
        (
            {"costs": COSTS[:3], "distances": KEPT[:3], "next_cost": None},
            "by however much leaves the answer 'Paris' as it is, whatever he knows.",
        ),
        (
            {"costs": COSTS[:3], "distances": KEPT[:3], "next_cost": None, "epsilon": 0.6},
            "by at most 0.6 (l2 norm) leaves the answer 'Paris' as it is, whatever he knows. The same holds for "
            "changes by however much.",
        ),
        (
            {"provenance": with_centre({"kind": "label", "label": None})},
            "by less than 0.878432109 (l2 norm) leaves the absence of an answer (the extraction rule finds none) "
            "as it is",
        ),
        ({"provenance": PROVENANCE}, "by less than 0.878432109 (l2 norm) leaves the prompt's own answer as it is"),
    ],
)
def test_how_far_and_which_answer(asked, begins):
    assert labelled(**asked).startswith(f"Whoever changes the token embeddings of the prompt {begins}")


def test_where_no_run_breaks_the_claim_it_says_what_ends_it():
    assert "No run breaks the claim: it ends where the runs end." in labelled(COSTS[:3], KEPT[:3], next_cost=0.8)
    whole = labelled(COSTS[:3], KEPT[:3], next_cost=None)
    assert "No run breaks the claim. Held fixed" in whole
    assert "stated to be all there are" in whole


def test_a_radius_of_zero_claims_nothing():
    words = labelled([0.0, 0.0], [0.0, 1.0])
    assert words.startswith(
        "Nothing is claimed of the answer 'Paris': at no norm at all, what the snap of the token embeddings of the "
        "prompt cannot tell apart may give another."
    )
    assert "Whoever" not in words
    assert "Wasserstein" not in words
    other = said(EXAMPLES["nothing"]())
    assert other.startswith("Nothing is claimed at the tolerance 0.1: at no norm at all, what the snap of the")
    assert "may give outputs that differ by more." in other


def test_other_metrics_keep_within_the_tolerance():
    words = said(EXAMPLES["bare"]())
    assert words.startswith(
        "Whoever changes the token embeddings of the prompt by less than 0.878432109 (l2 norm) leaves the output "
        "within 0.1 of the prompt's own, whatever he knows."
    )
    assert "gives an output at distance 0.30000000000000004" in words
    assert "(l2 norm) move the distribution of outputs by no more than 0.05 in Wasserstein-1" in words
    assert "Changes by less than 0.71 (l2 norm) leave the output at distance 0 from the prompt's own." in words
    assert "it is not claimed that the output is right" in words


def scored(column, asked, epsilon=None):
    made = certify_exhaustive(
        COSTS[:3],
        [0.0, 0.0, 0.0],
        diameter=1.0,
        tolerance=0.1,
        next_cost=0.8,
        score_claims=[asked],
        scores=[[value] for value in column],
        epsilon=epsilon,
    )
    return said(made)


@pytest.mark.parametrize(
    ("asked", "column", "epsilon", "sentence"),
    [
        (
            AskedClaim(FOUND, of="share", at_most=0.0),
            [0.0, 0.0, 1.0],
            None,
            "Under any change by less than 0.71 (l2 norm) no output contains a match of the RE2 pattern 'refund'.",
        ),
        (
            AskedClaim(FOUND, of="mean", at_least=1.0),
            [1.0, 1.0, math.nan],
            0.6,
            "Under any change by at most 0.6 (l2 norm) every output contains a match of the RE2 pattern 'refund'. 1 of "
            "its runs have no score and count as the worst.",
        ),
        (
            AskedClaim(FOUND, of="share", at_most=0.0),
            [1.0, 0.0, 0.0],
            None,
            "Not so, even without an attack, is that the share of outputs",
        ),
        (
            AskedClaim(FOUND, of="share", at_least=0.5),
            [0.0, 1.0, 1.0],
            None,
            "Not so, even without an attack, is that the share of outputs",
        ),
        (
            AskedClaim(replace(FOUND, name="plugin:found"), of="share", at_most=0.0),
            [0.0, 0.0, 0.0],
            None,
            "Under any attack of l2 norm strictly less than 0.8, the share of outputs with what this document calls",
        ),
    ],
)
def test_a_pattern_that_no_output_or_every_output_has_is_said_so(asked, column, epsilon, sentence):
    words = scored(column, asked, epsilon)
    assert sentence in words
    assert words.index(sentence) < words.index("No probability is involved")


@pytest.mark.parametrize(
    ("distances", "begins"),
    [
        (
            [0.0, 1.0, 0.0],
            "Whoever changes the token embeddings of the prompt by less than 0.571067811 (l2 norm) leaves",
        ),
        (
            [0.0, 0.0, 0.0],
            "Whoever changes the token embeddings of the prompt by at most 0.6 (l2 norm) leaves the output",
        ),
    ],
)
def test_an_epsilon_for_scores_alone_claims_no_answer_beyond_its_radius(distances, begins):
    asked = {"score_claims": [AskedClaim(FOUND, of="share", at_most=0.0)], "scores": [[0.0]] * 3}
    words = said(certified(COSTS[:3], distances, epsilon=0.6, asks_shift=False, next_cost=0.8, **asked))
    assert words.startswith(begins)
    assert "by at most 0.6 (l2 norm) no output contains a match" in words
    assert f"by no more than {max(distances[:2])!r} in Wasserstein-1" in words


def resealed(document):
    """With the digest of what it says."""
    return {**document, "digest": content_digest(document)}


def refused_by(document) -> set[str]:
    return {check.name for check in verify(json.dumps(document)).checks if not check.passed}


def renamed(label):
    document = to_document(EXAMPLES["answer"]())
    return {**document, "metric": {**document["metric"], "centre": {"kind": "label", "label": label}}}


def test_another_answer_than_that_of_the_statement_is_refused():
    assert refused_by(renamed("Rome")) == {"digest", "statement"}
    assert refused_by(resealed(renamed("Rome"))) == {"statement"}
    assert refused_by(resealed({**renamed("Paris"), "metric": to_document(EXAMPLES["full"]())["metric"]})) == {
        "statement"
    }


def test_an_answer_that_is_named_wrongly_throughout_is_not_seen_and_the_statement_says_so():
    """The document holds the digest of the output and not its text: who has the output sees it."""
    forged = renamed("Rome")
    forged = resealed({**forged, "statement": statement(read_certificate(forged))})
    assert verify(json.dumps(forged))
    assert "that the prompt's own output gives the answer named, is not checked here" in forged["statement"]
    assert "the answer named" not in said(EXAMPLES["full"]())


@pytest.mark.parametrize(
    "centre", [{"label": "Paris"}, {"kind": "label", "label": 7}, {"kind": "label", "label": "a", "of": "b"}]
)
def test_a_centre_that_is_no_answer_is_refused(centre):
    document = to_document(certified(distances=KEPT, threat=THREAT, provenance=with_centre(centre)))
    assert refused_by(document) == {"metric"}


def test_only_metrics_that_compare_answers_name_one():
    metric = replace(
        PROVENANCE.metric,
        name="edit",
        description="normalised edit distance over words (0 to 1)",
        options={"tokens": "words"},
        centre={"kind": "label", "label": "Paris"},
    )
    document = to_document(certified(threat=THREAT, provenance=replace(PROVENANCE, metric=metric)))
    assert refused_by(document) == {"metric"}


def test_other_words_than_those_of_the_version_are_refused():
    document = to_document(EXAMPLES["answer"]())
    without = {name: value for name, value in document.items() if name != "wording"}
    older = to_document(replace(EXAMPLES["answer"](), wording=None))
    assert refused_by(resealed(without)) == {"statement"}
    for wording in ("plain/v2", None):
        assert refused_by(resealed({**document, "wording": wording}))
    assert older["statement"].startswith(
        "No attack on the token embeddings of the prompt of l2 norm strictly less than"
    )
    assert verify(json.dumps(older))
    assert refused_by(resealed({**older, "wording": "plain/v1"})) == {"statement"}


def test_a_certificate_of_edits_names_the_answer_where_its_document_does():
    made = OF_EDITS["full"]()
    named = replace(made, provenance=replace(made.provenance, metric=NAMED.metric))
    assert "The prompt's own output gives the answer 'Paris'." in said(named)
    assert "The prompt's own output gives" not in said(made)
