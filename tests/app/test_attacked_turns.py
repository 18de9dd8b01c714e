"""What the gateway makes of requests for attacks on all of the user's turns, on its own interface and on OpenAI's."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.openai.requests import ChatRequest, ImagesRequest, ResponsesRequest
from smoothgen.contracts import Extension, GenerateRequest, JobSpec, TextParameters
from smoothgen.errors import InvalidInput, InvalidParameters
from smoothgen.planning.plan import plan
from tests.app.conftest import image_card, model_card
from tests.app.test_snap import PARTITION

CHAT = model_card("words").model_copy(
    update={
        "mechanisms": ["tokens", "embedding", "edits", "passages", "words"],
        "default_mechanism": "tokens",
        "chat": True,
        "synonyms": PARTITION,
    }
)
NO_CHAT = CHAT.model_copy(update={"chat": False})
HISTORY = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Yes?"}]
TALK: dict[str, Any] = {"chat": True, "history": HISTORY, "attacked_turns": "user"}
MESSAGES = [*HISTORY, {"role": "user", "content": "a hat"}]
USER = Extension(attacked_turns="user")


def planned(robustness: dict[str, Any], *, parameters: dict[str, Any] = TALK, **asked: Any) -> JobSpec:
    body = {"model": CHAT.id, "prompt": "a hat", "parameters": parameters, "robustness": robustness, **asked}
    return plan(GenerateRequest.model_validate(body), CHAT, max_samples=5000)


@pytest.mark.parametrize("robustness", [{}, {"mechanism": "tokens"}, {"sigma": 0.5}, {"sigma": 0.5, "snap": False}])
def test_tokens_and_noise_take_all_turns(robustness: dict[str, Any]) -> None:
    parameters = planned(robustness).parameters
    assert isinstance(parameters, TextParameters)
    assert parameters.for_certificate()["attacked_turns"] == "user"


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "edits": ({"mechanism": "edits"}, {}, "mechanism 'edits', which alters the prompt or its context"),
    "words": ({"mechanism": "words"}, {}, "mechanism 'words', which alters"),
    "passages": ({"tolerance": 0.9}, {"context": ["one", "two", "three"]}, "mechanism 'passages', which alters"),
    "synonyms": ({"synonyms": True}, {}, "leave synonyms out"),
    "fleet": ({"tier": "fleet"}, {}, "use tier 'request'"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_alters_the_last_turn_alone_is_refused_with_a_remedy(kind: str) -> None:
    robustness, asked, message = REFUSED[kind]
    with pytest.raises(InvalidInput, match=message) as refused:
        planned(robustness, **asked)
    assert refused.value.field == "parameters.attacked_turns"
    assert "attacked_turns 'last'" in str(refused.value)
    planned(robustness, parameters={**TALK, "attacked_turns": "last"}, **asked)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"attacked_turns": "user"}, "send chat=true, or leave attacked_turns out"),
        ({**TALK, "prompt_embeds": {"shape": [1, 1], "data": "AACAPw=="}}, "leave one of the two out"),
        ({**TALK, "attacked_turns": "all"}, "'last' or 'user'"),
        ({**TALK, "attacked_turns": None}, "'last' or 'user'"),
        ({**TALK, "attacked_turns": ["user"]}, "'last' or 'user'"),
    ],
)
def test_nonsense_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TextParameters.model_validate(given)


def test_the_last_turn_alone_is_recorded_as_it_always_was() -> None:
    assert "attacked_turns" not in TextParameters(chat=True).for_certificate()
    assert TextParameters(chat=True, attacked_turns="last") == TextParameters(chat=True)


def asked(parameters: dict[str, Any]) -> object:
    return parameters.get("attacked_turns")


def test_openais_clients_ask_through_the_object_smoothgen() -> None:
    body = {"model": CHAT.id, "messages": MESSAGES, "smoothgen": {"attacked_turns": "user"}}
    request = ChatRequest.model_validate(body).generate(CHAT, Extension())
    assert asked(request.parameters) == "user"
    assert [turn.content for turn in request.parameters["history"]] == ["Hello", "Yes?"]
    response = {"model": CHAT.id, "input": "a hat", "instructions": "Be kind.", "smoothgen": {"attacked_turns": "user"}}
    assert asked(ResponsesRequest.model_validate(response).generate(CHAT, Extension()).parameters) == "user"


def test_the_servers_defaults_hold_where_a_request_says_nothing() -> None:
    body = {"model": CHAT.id, "messages": MESSAGES}
    assert asked(ChatRequest.model_validate(body).generate(CHAT, USER).parameters) == "user"
    assert asked(ChatRequest.model_validate(body).generate(CHAT, Extension()).parameters) is None
    last = ChatRequest.model_validate({**body, "smoothgen": {"attacked_turns": "last"}})
    assert asked(last.generate(CHAT, USER).parameters) == "last"


def test_a_model_without_a_template_reads_one_message_which_is_all_the_user_says() -> None:
    one = {"model": CHAT.id, "messages": MESSAGES[-1:], "smoothgen": {"attacked_turns": "user"}}
    assert asked(ChatRequest.model_validate(one).generate(NO_CHAT, USER).parameters) is None


def test_a_picture_has_one_prompt() -> None:
    card, body = image_card("pictures", smallest_side=32, largest_side=32), {"model": "pictures", "prompt": "a hat"}
    assert asked(ImagesRequest.model_validate(body).generate(card, USER).parameters) is None
    given = ImagesRequest.model_validate({**body, "smoothgen": {"attacked_turns": "user"}})
    with pytest.raises(InvalidParameters, match="a picture has one prompt; leave it out"):
        given.generate(card, Extension())
