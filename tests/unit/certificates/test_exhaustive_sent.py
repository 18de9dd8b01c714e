"""Exhaustive certificates of embeddings that a request brings in place of the prompt: what they call them."""

from __future__ import annotations

from dataclasses import replace

from smoothgen import verify
from smoothgen.certificates import RequestIdentity
from smoothgen.certificates.exhaustive.statement import statement
from smoothgen.certificates.exhaustive.threat import GIVEN_EMBEDDINGS
from tests.support.certificates.exhaustive import PROVENANCE, THREAT, certified


def test_embeddings_sent_in_place_of_the_prompt_are_called_so() -> None:
    assert PROVENANCE.request is not None
    embeds = {"shape": [3, 2], "data": "sha256:" + "4" * 64}
    sent = RequestIdentity("sha256:" + "3" * 64, {**PROVENANCE.request.parameters, "prompt_embeds": embeds})
    given = replace(THREAT, attack_on=GIVEN_EMBEDDINGS)
    made = certified([0.0, 0.5, 0.7], [0.0, 0.0, 1.0], threat=given, provenance=replace(PROVENANCE, request=sent))
    assert verify(made).meaning == "checked"
    words = statement(made)
    assert words.startswith(f"Whoever changes the {GIVEN_EMBEDDINGS} by less than 0.7 (l2 norm) leaves the answer to")
    before = statement(replace(made, wording=None))
    assert before.startswith(f"No attack on the {GIVEN_EMBEDDINGS} of l2 norm strictly less than 0.7")
    assert "lies at distance 0 from the output of the embeddings sent." in before
    assert "may know the embeddings sent, the model" in words
    assert verify(replace(made, provenance=replace(PROVENANCE, request=None))).valid
    without = certified([0.0, 0.5, 0.7], [0.0, 0.0, 1.0], threat=given, provenance=PROVENANCE)
    assert [check.name for check in verify(without).checks if not check.passed] == ["threat"]
    old = certified([0.0, 0.5], [0.0, 0.0], threat=THREAT, provenance=replace(PROVENANCE, request=sent))
    assert verify(old).meaning == "checked"  # as certificates were issued before
