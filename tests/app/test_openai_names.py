"""Under /v1 an error names the field that its client sent, in `param` and in its message."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

from app.openai.naming import told
from app.openai.requests import ChatRequest, ImagesRequest, ResponsesRequest
from smoothgen.contracts import FieldError, Problem
from tests.app.conftest import NUMBERS, PICTURES

CHAT: dict[str, Any] = {"model": NUMBERS, "messages": [{"role": "user", "content": "0.5"}]}
RESPONSE: dict[str, Any] = {"model": NUMBERS, "input": "0.5"}
PICTURE: dict[str, Any] = {"model": PICTURES, "prompt": "a hat"}


def ours(**fields: Any) -> dict[str, Any]:
    return {"smoothgen": fields}


def error_of(api: TestClient, path: str, body: dict[str, Any], status: int = 422) -> dict[str, Any]:
    response = api.post(f"/v1/{path}", json=body)
    assert response.status_code == status, response.text
    return dict(response.json()["error"])


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"max_tokens": -4}, "max_tokens"),
        ({"max_completion_tokens": -4}, "max_completion_tokens"),
        ({"max_tokens": 100_000}, "max_tokens"),
        ({"seed": -1}, "seed"),
        ({"temperature": -0.5}, "temperature"),
        ({"top_p": 2.0}, "top_p"),
        ({"stop": ["x" * 5_000]}, "stop.0"),
        ({"messages": [{"role": "user", "content": " "}]}, "messages"),
        (ours(robustness={"samples": 100_000}), "smoothgen.robustness.samples"),
        (ours(robustness={"mechanism": "nope"}), "smoothgen.robustness.mechanism"),
        (ours(robustness={"metric": "nope"}), "smoothgen.robustness.metric"),
        (ours(robustness={"budget": 0.5}), "smoothgen.robustness.budget"),
        (ours(context=["one", "two"]), "smoothgen.context"),
        (ours(output="nope"), "smoothgen.output"),
        (ours(attacked_turns="all"), "smoothgen.attacked_turns"),
    ],
    ids=str,
)
def test_of_a_chat_completion(api: TestClient, changes: dict[str, Any], param: str) -> None:
    error = error_of(api, "chat/completions", CHAT | changes)
    assert error["param"] == param
    assert "max_new_tokens" not in error["message"]
    assert "/parameters" not in error["message"]
    assert "got None" not in error["message"]


def test_the_message_names_the_field_and_the_value_that_were_sent(api: TestClient) -> None:
    said = error_of(api, "chat/completions", CHAT | {"max_tokens": -4})["message"]
    assert said.startswith("/max_tokens: ")
    assert said.endswith("(got -4)")
    said = error_of(api, "images/generations", PICTURE | {"size": "9x4096"})["message"]
    assert "9" in said


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"temperature": -1.0}, "temperature"),
        ({"input": " "}, "input"),
    ],
    ids=str,
)
def test_of_a_response(api: TestClient, changes: dict[str, Any], param: str) -> None:
    error = error_of(api, "responses", RESPONSE | changes)
    assert error["param"] == param
    assert "/parameters" not in error["message"]


@pytest.mark.parametrize("size", ["4x4", "0x0", "99999x99999", "wide"])
def test_of_a_size(api: TestClient, size: str) -> None:
    error = error_of(api, "images/generations", PICTURE | {"size": size})
    assert error["param"] == "size"
    assert "/parameters" not in error["message"]


@pytest.mark.parametrize(
    ("path", "body"), [("chat/completions", CHAT), ("responses", RESPONSE), ("images/generations", PICTURE)]
)
def test_of_an_unknown_model(api: TestClient, path: str, body: dict[str, Any]) -> None:
    assert error_of(api, path, body | {"model": "nobody"}, 404)["param"] == "model"
    assert api.get("/v1/models/nobody").json()["error"]["param"] == "model"


@pytest.mark.parametrize(
    ("asked", "pointer", "named", "most"),
    [
        (ChatRequest(**CHAT, max_tokens=5), "/parameters/max_new_tokens", "/max_tokens", "max_tokens"),
        (ChatRequest(**CHAT), "/parameters/history/0/content", "/messages", "max_completion_tokens"),
        (ResponsesRequest(**RESPONSE), "/prompt", "/input", "max_output_tokens"),
        (ImagesRequest(**PICTURE), "/prompt", "/prompt", "max_new_tokens"),
        (ImagesRequest(**PICTURE), "/robustness/metric", "/smoothgen/robustness/metric", "max_new_tokens"),
    ],
)
def test_of_a_job_that_its_worker_refuses(asked: Any, pointer: str, named: str, most: str) -> None:
    error = FieldError(pointer=pointer, detail="max_new_tokens is 5")
    problem = told(Problem.of("invalid-request", "No", 422, "max_new_tokens is 5", errors=[error]), asked)
    assert problem.errors == [FieldError(pointer=named, detail=f"{most} is 5")]
    assert problem.detail == f"{most} is 5"
