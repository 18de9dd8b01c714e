"""Values that no server takes are noticed by the client and named by their keywords; answers repeat what was asked."""

from __future__ import annotations

from typing import Any

import pytest

from app.openai.requests import ResponsesRequest
from smoothgen.client import AsyncClient, Client
from smoothgen.client.asking import covers_request, request_of
from smoothgen.errors import InvalidInput


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        (
            {"claims": [{"score": {"name": "nope"}, "at_most": 1.0}]},
            "claims.0.score",
            "no 'nope'; give one of 'pattern'",
        ),
        ({"claims": [{"score": {"name": "length"}}]}, "claims.0.score.cap", "{'name': 'length'} has no 'cap'"),
        (
            {"metric": "label"},
            "metric.extract",
            "{'name': 'label'} has no 'extract', which is required; give an object",
        ),
        ({"metric": "nope"}, "metric", "give one of 'sentence-chord'"),
        ({"samples": 0}, "samples", "greater than or equal to 1 (got 0)"),
        ({"max_new_tokens": 0}, "max_new_tokens", "greater than or equal to 1 (got 0)"),
        ({"context": ["one", ""]}, "context.1", "the passage is empty; leave it out"),
        ({"lipschitz_estimate": "x"}, "lipschitz_estimate", "'finite-differences' or 'autodiff' (got 'x')"),
        ({"output": "all"}, "output", "(got 'all')"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_that_no_server_takes_is_an_error_of_ours(given: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        request_of("x", "m", given)
    assert refused.value.field == field
    assert str(refused.value).startswith(f"{field}: ")
    assert words in str(refused.value)


def test_a_comparison_that_no_server_takes_is_an_error_of_ours() -> None:
    with pytest.raises(InvalidInput, match=r"^confidence: .*\(got 2.0\)"):
        covers_request(["x"], 2.0, None)


def test_a_response_repeats_instructions_and_the_defaults_that_were_used() -> None:
    asked = ResponsesRequest.model_validate({"model": "m", "input": "x", "instructions": "Be brief.", "top_p": 0.5})
    assert asked.echo == {
        "background": False,
        "instructions": "Be brief.",
        "max_output_tokens": 32,
        "temperature": 0.0,
        "top_p": 0.5,
    }


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("url", ["127.0.0.1:8077", "ftp://x", "nonsense", "localhost:8000", "http://", ""])
def test_what_is_no_url_of_a_server_is_refused_when_the_client_is_made(kind: type, url: str) -> None:
    with pytest.raises(InvalidInput, match="must begin with http:// or https:// and name a host") as refused:
        kind(url)
    assert repr(url) in str(refused.value)
    with pytest.raises(InvalidInput, match="is not an address"):
        kind("http://[::1")
