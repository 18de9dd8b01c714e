"""Certificates on all of the user's turns: what they say, and that documents which say otherwise are refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smoothgen import verify
from smoothgen.certificates import RequestIdentity, to_document
from smoothgen.certificates.exhaustive.threat import TOKEN_EMBEDDINGS
from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.meaning.turns import USER_TURNS, held_beside_turns
from tests.support.certificates import edits, units
from tests.support.certificates.exhaustive import PROVENANCE, THREAT, certified
from tests.support.certificates.served import TEXT, served

PROMPT, TEMPLATE, HISTORY = ("sha256:" + digit * 64 for digit in "3df")
ASKED: dict[str, Any] = {**TEXT, "chat": True, "history": HISTORY, "attacked_turns": "user"}
HELD = held_beside_turns((1, 2), 20, 1)
REQUEST = RequestIdentity(PROMPT, ASKED, TEMPLATE)
NOISE, RUNS = "noise", "runs"
COSTS, DISTANCES = [0.0, 0.5, 0.7], [0.0, 0.0, 1.0]


def document(kind: str) -> dict[str, Any]:
    """What a server writes of a conversation with two turns of the user's, three tokens together."""
    if kind == NOISE:
        return to_document(served("language, user's turns"))
    threat = replace(THREAT, attack_on=USER_TURNS, held_fixed=HELD)
    return to_document(certified(COSTS, DISTANCES, threat=threat, provenance=replace(PROVENANCE, request=REQUEST)))


def refused(changed: dict[str, Any]) -> set[str]:
    """The checks that fail of a document whose digest is right."""
    sealed = {**changed, "digest": content_digest(changed)}
    return {check.name for check in verify(sealed).checks if not check.passed}


def with_threat(made: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**made, "threat": {**made["threat"], **changes}}


def with_parameters(made: dict[str, Any], *without: str, **changes: Any) -> dict[str, Any]:
    kept = {name: value for name, value in made["request"]["parameters"].items() if name not in without}
    return {**made, "request": {**made["request"], "parameters": {**kept, **changes}}}


@pytest.mark.parametrize("kind", [NOISE, RUNS])
def test_what_a_server_writes_stands_and_says_who_is_covered(kind: str) -> None:
    made = document(kind)
    verdict = verify(made)
    assert (verdict.valid, verdict.meaning) == (True, "checked"), verdict
    said = made["statement"]
    assert "turns that are not the user's (1)" in said
    if kind == NOISE:
        assert "with the numbers that the model reads for any of the user's turns" in said
        assert "It covers no rewording of any turn, however close in meaning." in said
    else:
        assert said.startswith("Whoever changes the token embeddings of the user's turns by less than 0.7 (l2 norm)")
        assert "leaves the conversation's own answer as it is" in said
        assert "No turn of another token count is covered" in said
        assert "may know the conversation, the model" in said


COUNTS = "token counts of the user's turns"
OTHERWISE = {
    "the last turn alone": ("token count (3)", *HELD[1:]),
    "the earlier turns held fixed": ("token count (3)", HELD[1], HELD[2], "earlier turns of the conversation (2)"),
    "held fixed and attacked": (*HELD, "earlier turns of the conversation (2)"),
    "no counts": HELD[1:],
    "no mask": (HELD[0], *HELD[2:]),
    "no template": (*HELD[:2], HELD[3]),
    "no other turns": HELD[:3],
    "in another order": (HELD[0], HELD[1], HELD[3], HELD[2]),
    "twice": (*HELD, HELD[3]),
    "a turn without tokens": (f"{COUNTS} (0, 3)", *HELD[1:]),
    "no turn": (f"{COUNTS} ()", *HELD[1:]),
    "another number of tokens": (f"{COUNTS} (3, 2)", *HELD[1:]),
    "more turns than a request has": (f"{COUNTS} (1, 2)", *HELD[1:3], "turns that are not the user's (128)"),
    "one turn, and no other": (f"{COUNTS} (3)", *HELD[1:3], "turns that are not the user's (0)"),
    "nothing": (),
}


@pytest.mark.parametrize("kind", [NOISE, RUNS])
@pytest.mark.parametrize("name", OTHERWISE)
def test_a_document_whose_held_fixed_says_otherwise_is_refused(kind: str, name: str) -> None:
    assert "threat" in refused(with_threat(document(kind), held_fixed=[*OTHERWISE[name]]))


@pytest.mark.parametrize("kind", [NOISE, RUNS])
def test_a_document_whose_request_says_otherwise_is_refused(kind: str) -> None:
    made = document(kind)
    assert "threat" in refused(with_parameters(made, "attacked_turns"))
    assert "threat" in refused(with_parameters(made, "history"))
    assert "threat" in refused(with_parameters(made, chat=False)) | refused(with_parameters(made, chat=None))
    assert "threat" in refused(with_threat(made, attack_on=TOKEN_EMBEDDINGS))
    for value in ("last", "all", True, 1, ["user"]):
        assert "request" in refused(with_parameters(made, attacked_turns=value))
    empty = "sha256:40e6cf1f6a4360cf3bc45d9519221c24161d226523c2fb606af98828378ea211"
    assert "threat" in refused({**made, "request": {**made["request"], "template": empty}})


def test_a_certificate_of_the_last_turn_that_asks_for_all_is_refused() -> None:
    asked = {**TEXT, "chat": True, "history": HISTORY}
    held = ("token count (3)", HELD[1], HELD[2], "earlier turns of the conversation (2)")
    last = replace(PROVENANCE, request=RequestIdentity(PROMPT, asked, TEMPLATE))
    made = to_document(certified(COSTS, DISTANCES, threat=replace(THREAT, held_fixed=held), provenance=last))
    assert verify(made).valid
    assert "threat" in refused(with_parameters(made, attacked_turns="user"))


@pytest.mark.parametrize("made", [*edits.EXAMPLES.values(), *units.EXAMPLES.values()])
def test_methods_that_alter_the_last_turn_alone_cannot_claim_all(made: Any) -> None:
    stated = to_document(made())
    if "request" in stated and ("threat" in stated or "edit_set" in stated):
        assert {"turns", "threat"} & refused(with_parameters(stated, attacked_turns="user"))


def test_a_single_turn_has_no_other_turns_to_name() -> None:
    alone = held_beside_turns((3,), 20, None)
    asked = {name: value for name, value in ASKED.items() if name != "history"}
    one = replace(PROVENANCE, request=RequestIdentity(PROMPT, asked, TEMPLATE))
    made = to_document(
        certified(COSTS, DISTANCES, threat=replace(THREAT, attack_on=USER_TURNS, held_fixed=alone), provenance=one)
    )
    assert verify(made).meaning == "checked"
    assert "threat" in refused(with_threat(made, held_fixed=["token counts of the user's turns (1, 2)", *alone[1:]]))


def test_without_a_request_the_words_must_still_fit_each_other() -> None:
    held = replace(THREAT, attack_on=USER_TURNS, held_fixed=HELD)
    made = certified(COSTS, DISTANCES, threat=held, provenance=replace(PROVENANCE, request=None))
    assert verify(made).valid
    assert "threat" in refused(with_threat(to_document(made), held_fixed=[*HELD[:3]]))
    assert "threat" in refused(with_threat(to_document(made), tokens=4))
