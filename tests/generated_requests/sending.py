"""Generates requests to one operation, valid and invalid, sends them, and holds every answer to the document."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import hypothesis
import schemathesis
from hypothesis import strategies
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.support.processes import FASHION, TANH

_OF_JOBS: Final = ("job_id", "certificate_id")
_STREAMED: Final = "/jobs/{job_id}/events"
_PREFERENCES: Final = ("respond-async", "wait=1")


@dataclass
class Sent:
    """What was sent and answered. operations: by operation and status."""

    operations: dict[str, Counter[int]] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        """Returns how many requests were answered as the document says."""
        return sum(sum(counted.values()) for counted in self.operations.values())


def conforming(
    schema: OpenApiSchema, method: str, path: str, *, jobs: list[str], cases: int, seed: int, sent: Sent
) -> None:
    """Sends requests to an operation and raises where an answer is not as the document says.

    schema: of a running service. jobs: ids of jobs that ended, which half of the requests about a job are about. cases:
    how many requests at most; half of them break the document on purpose, where anything in it can be broken.
    """
    operation = schema[path][method]
    valid = operation.as_strategy(GenerationMode.POSITIVE)
    can_be_broken = bool(operation.definition.raw.get("parameters") or "requestBody" in operation.definition.raw)
    invalid = operation.as_strategy(GenerationMode.NEGATIVE) if can_be_broken else valid
    counted = sent.operations.setdefault(f"{method} {path}", Counter())

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    )
    @hypothesis.given(
        case=strategies.one_of(valid, invalid),
        job=strategies.one_of(strategies.none(), strategies.sampled_from(jobs)),
        preference=strategies.sampled_from(_PREFERENCES),
    )
    def send(case: schemathesis.Case, job: str | None, preference: str) -> None:
        _make_it_reach(case, path, job)
        response = case.call(headers={"prefer": preference}, timeout=60)
        counted[response.status_code] += 1
        case.validate_response(response, checks=_CHECKS)

    send()


def _make_it_reach(case: schemathesis.Case, path: str, job: str | None) -> None:
    """Has some requests reach a worker or a job: of the model that is served, about a job that there is."""
    if path in ("/generate", "/plans", "/v1/chat/completions", "/v1/responses") and isinstance(case.body, dict):
        case.body["model"] = TANH
        if isinstance(case.body.get("prompt"), str):
            case.body["prompt"] = "0.5"
    if path == "/v1/images/generations" and isinstance(case.body, dict):
        case.body |= {"model": FASHION, "smoothgen": {"robustness": {"tier": "universal"}}}  # one draw, no samples
    if path == "/v1/models/{model}" and job is not None:
        case.path_parameters["model"] = TANH
    if job is not None:
        for name in _OF_JOBS:
            if name in (case.path_parameters or {}):
                case.path_parameters[name] = job
        if "response_id" in (case.path_parameters or {}):
            case.path_parameters["response_id"] = f"resp_{job}"


def not_a_fault_of_the_server(ctx: Any, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """Checks that no answer is a 5xx, except the one that a request with a tiny deadline asks for: its own has passed.

    ctx, response, case: what schemathesis gives a check.
    """
    if response.status_code == 504 and "deadline-passed" in response.text:
        return
    not_a_server_error(ctx, response, case)


_CHECKS: Final = [
    not_a_fault_of_the_server,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
