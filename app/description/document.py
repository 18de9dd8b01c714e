"""What the OpenAPI document says beyond the routes: keys, certificates, events, and names of operations."""

from __future__ import annotations

from typing import Any, Final

from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from app.description.certificates import CERTIFICATE, certificate_schemas
from app.description.events import event_schemas
from app.http.admission import OPEN_PATHS
from app.http.openai_errors import OpenAIError
from smoothgen.contracts import Problem

_DESCRIPTION: Final = """\
Certified generation: every output comes with a proof of how far an attack on what the model reads can move it, or with
the reason why there is none.

A **certificate** states what no attack within its `radius` can do, in its `statement` and in numbers; its `threat` says
what is attacked, and what is held fixed and so outside of it. It does not say that an output is right. Anyone can
recompute one with `smoothgen verify` or `POST /certificates/verify`.

Errors are problem documents (RFC 9457): `type` is stable, `detail` names the value and the remedy. Under `/v1` the same
problems are told in the form of OpenAI's errors.
"""
_KEY: Final = "key"
_SCHEMAS: Final = "#/components/schemas/"
_TAGS: Final = {
    "generate": "Generate an output with its certificate, or plan one.",
    "jobs": "Jobs as they stand and as they go; their outputs.",
    "certificates": "Read, verify and compare certificates.",
    "webhooks": "Receivers that are told when jobs end.",
    "ledger": "What was recorded of jobs that ended.",
    "fleet": "What is certified of the average request.",
    "models": "The models served.",
    "OpenAI": "OpenAI's interface, for its clients as they are.",
    "operations": "Liveness, readiness, metrics. No key is asked for.",
}


def operation_id(route: APIRoute) -> str:
    """Returns the name of a route's operation, by which clients are generated: `get_job` is getJob."""
    first, *others = route.name.split("_")
    return first + "".join(word.capitalize() for word in others)


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """Returns FastAPI's document, completed in place."""
    document["info"]["description"] = _DESCRIPTION
    document["tags"] = [{"name": tag, "description": described} for tag, described in _TAGS.items()]
    _say_where_keys_are_asked_for(document)
    _leave_out_errors_of_the_framework(document)
    schemas = document["components"]["schemas"]
    schemas |= certificate_schemas() | _schemas_of_problems() | event_schemas()
    schemas["JobView"]["properties"]["certificate"] = {"anyOf": [CERTIFICATE, {"type": "null"}]}
    return document


def _say_where_keys_are_asked_for(document: dict[str, Any]) -> None:
    """`Admission` asks for a key before any route is found, so that no route's code says so."""
    document["components"]["securitySchemes"] = {
        _KEY: {
            "type": "http",
            "scheme": "bearer",
            "description": "A key of the gateway's. A gateway without keys (`smoothgen serve`) asks for none.",
        }
    }
    document["security"] = [{_KEY: []}, {}]
    for path in OPEN_PATHS & document["paths"].keys():
        for operation in document["paths"][path].values():
            operation["security"] = []


def _leave_out_errors_of_the_framework(document: dict[str, Any]) -> None:
    """FastAPI lists its own 422 for every route with a parameter; ours are problems, listed where they are answered."""
    for operation in _operations(document):
        answer = operation["responses"].get("422", {})
        schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
        if schema.get("$ref") == f"{_SCHEMAS}HTTPValidationError":
            del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def _schemas_of_problems() -> dict[str, Any]:
    """Returns the schemas that `app.description.responses` refers to."""
    _, schemas = models_json_schema(
        [(Problem, "serialization"), (OpenAIError, "serialization")], ref_template=_SCHEMAS + "{model}"
    )
    found: dict[str, Any] = schemas["$defs"]
    return found
