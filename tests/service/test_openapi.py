"""The OpenAPI document against the server that publishes it."""

from __future__ import annotations

from typing import Any

import hypothesis
import jsonschema
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.examples import GENERATE
from tests.service.conftest import finished, submit
from tests.support.processes import TANH, Serve

OPERATIONS = [
    ("POST", "/generate"),
    ("POST", "/plans"),
    ("GET", "/fleet"),
    ("GET", "/jobs"),
    ("GET", "/jobs/{job_id}/events"),
    ("GET", "/jobs/{job_id}"),
    ("DELETE", "/jobs/{job_id}"),
    ("DELETE", "/jobs/{job_id}/content"),
    ("GET", "/jobs/{job_id}/output"),
    ("GET", "/jobs/{job_id}/outputs"),
    ("GET", "/jobs/{job_id}/samples"),
    ("GET", "/certificates/{certificate_id}"),
    ("POST", "/certificates/verify"),
    ("POST", "/certificates/{certificate_id}/covers"),
    ("GET", "/certificates/{certificate_id}/neighbours"),
    ("GET", "/certificates/{certificate_id}/neighbours/{rank}/picture"),
    ("GET", "/models"),
    ("GET", "/v1/models"),
    ("GET", "/v1/models/{model}"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/images/generations"),
    ("POST", "/v1/responses"),
    ("GET", "/v1/responses/{response_id}"),
    ("POST", "/v1/responses/{response_id}/cancel"),
    ("DELETE", "/v1/responses/{response_id}"),
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
]


@pytest.fixture(scope="module")
def document(served: Serve) -> dict[str, Any]:
    return dict(served.http.get("/openapi.json").json())


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == set(OPERATIONS)


def test_the_request_examples_fit_their_schema(document: dict[str, Any]) -> None:
    media = document["paths"]["/generate"]["post"]["requestBody"]["content"]["application/json"]
    assert set(media["examples"]) == set(GENERATE)
    validator = jsonschema.Draft202012Validator(media["schema"] | {"components": document["components"]})
    for example in media["examples"].values():
        validator.validate(example["value"])


@pytest.mark.parametrize("name", ["closed form", "picture"])
def test_an_example_runs_as_it_stands(served: Serve, document: dict[str, Any], name: str) -> None:
    media = document["paths"]["/generate"]["post"]["requestBody"]["content"]["application/json"]
    view = finished(served.http, submit(served.http, media["examples"][name]["value"]))
    assert view["status"] == "succeeded", view
    assert view["certificate"]["radius"] > 0


def not_a_fault_of_the_server(ctx: Any, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """Checks that no answer is a 5xx, except the one that a request with a tiny deadline asks for: its own has passed.

    ctx, response, case: what schemathesis gives a check.
    """
    if response.status_code == 504 and response.json()["type"] == "urn:smoothgen:problem:deadline-passed":
        assert case.body["robustness"]["deadline_s"] < 20, case.body
        return
    not_a_server_error(ctx, response, case)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_no_generated_request_breaks_the_server_or_its_description(served: Serve, method: str, path: str) -> None:
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")

    @hypothesis.seed(20)
    @hypothesis.settings(
        max_examples=120, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    @hypothesis.given(case=schema[path][method].as_strategy())
    def conforms(case: schemathesis.Case) -> None:
        if path in ("/generate", "/plans") and isinstance(case.body, dict):
            case.body |= {"model": TANH, "prompt": "0.5"}  # so that some get as far as the worker
        case.call_and_validate(
            checks=[
                not_a_fault_of_the_server,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ],
            headers={"prefer": "respond-async"},
            timeout=20,
        )

    conforms()
    assert "Traceback" not in served.log
