"""Certificates on all of the user's turns, from a real gateway and a real worker: asked for, compared with, refused."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import openai
import pytest

import smoothgen
from smoothgen.certificates.meaning.turns import USER_TURNS
from tests.service.conftest import finished, submit
from tests.support.processes import TANH, Gateway, Lab
from tests.support.workers import tiny

HISTORY = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "7 cats"},
    {"role": "assistant", "content": "yes"},
]
PARAMETERS = {"max_new_tokens": 4, "chat": True, "history": HISTORY, "attacked_turns": "user"}
TOKENS = {"samples": 16, "metric": "edit", "tolerance": 0.3}
NOISE = {"mechanism": "embedding", "sigma": 0.1, "snap": False, "samples": 60, "metric": "edit", "tolerance": 0.5}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tiny.save(tiny.llama(), tmp_path_factory.mktemp("llama"))
    lab = Lab(tmp_path_factory.mktemp("turns"))
    with closing(lab):
        lab.worker(TANH, f"tiny={folder}")
        yield lab.gateway()


def body(robustness: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return {"model": "tiny", "prompt": "no", "parameters": {**PARAMETERS, **parameters}, "robustness": robustness}


@pytest.mark.parametrize("robustness", [TOKENS, NOISE], ids=["tokens", "noise"])
def test_a_certificate_names_the_turns_and_compares_other_prompts(gateway: Gateway, robustness: dict[str, Any]) -> None:
    view = finished(gateway.http, submit(gateway.http, body(robustness)))
    assert view["status"] == "succeeded", view
    certificate = view["certificate"]
    assert certificate["threat"]["attack_on"] == USER_TURNS
    assert certificate["threat"]["held_fixed"][-1] == "turns that are not the user's (2)"
    assert smoothgen.verify(certificate).meaning == "checked"
    assert gateway.http.post("/certificates/verify", json=certificate).json()["valid"]
    asked = {"prompts": ["no", "nk", "no, not at all"]}
    same, near, longer = gateway.http.post(f"/certificates/{certificate['id']}/covers", json=asked).json()["answers"]
    assert (same["comparable"], same["distance"]) == (True, 0.0)
    assert near["comparable"]
    assert near["distance"] > 0
    assert not longer["comparable"]


def test_openais_client_asks_for_all_turns(gateway: Gateway) -> None:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="any", max_retries=0) as client:
        answer = client.chat.completions.create(
            model="tiny",
            messages=[*HISTORY, {"role": "user", "content": "no"}],  # type: ignore[list-item]
            max_tokens=4,
            extra_body={"smoothgen": {"attacked_turns": "user", "robustness": TOKENS}},
        )
    said = (answer.model_extra or {})["smoothgen"]
    assert said["status"] == "certified"
    assert said["statement"].startswith(f"Whoever changes the {USER_TURNS} by less than")


@pytest.mark.parametrize(
    ("robustness", "parameters", "pointer", "detail"),
    [
        ({"mechanism": "edits"}, {}, "/parameters/attacked_turns", "or attacked_turns 'last'"),
        (TOKENS, {"attacked_turns": "assistant"}, "/parameters/attacked_turns", ""),
        (TOKENS, {"chat": False, "history": None}, "/parameters", "send chat=true"),
    ],
)
def test_what_cannot_be_is_refused_at_the_door(
    gateway: Gateway, robustness: dict[str, Any], parameters: dict[str, Any], pointer: str, detail: str
) -> None:
    response = gateway.http.post("/generate", json=body(robustness, **parameters))
    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert error["pointer"] == pointer
    assert detail in response.text


def test_a_turn_without_tokens_is_refused_by_the_worker(gateway: Gateway) -> None:
    empty = [*HISTORY, {"role": "user", "content": ""}, {"role": "assistant", "content": "yes"}]
    view = finished(gateway.http, submit(gateway.http, body(TOKENS, history=empty)))
    assert view["status"] == "failed"
    [error] = view["error"]["errors"]
    assert error["pointer"] == "/parameters/history/3/content"
    assert "has no tokens that could be attacked" in view["error"]["detail"]
