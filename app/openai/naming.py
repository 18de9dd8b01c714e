"""What is wrong with a request, told under the names that its fields have under /v1."""

from __future__ import annotations

import re
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.openai.requests import ChatRequest, ImagesRequest, ResponsesRequest
from smoothgen.contracts import Extension, Problem
from smoothgen.errors import InvalidInput

Asked = ChatRequest | ImagesRequest | ResponsesRequest
Location = tuple[int | str, ...]


def place_of(location: Location, asked: Asked) -> Location:
    """Returns where a field of a request to POST /generate stands in the request under /v1 that was sent."""
    for ours, theirs in asked.names.items():
        parts = tuple(ours.split("."))
        if location[: len(parts)] == parts:
            return tuple(theirs.split("."))
    if location and location[0] in Extension.model_fields:
        return ("smoothgen", *location)
    return location[1:] if location[:1] == ("parameters",) else location


def with_clients_names(error: InvalidInput, asked: Asked) -> InvalidInput:
    """Returns the error, its field and its words changed to the client's names."""
    if error.field is not None:
        error.field = ".".join(str(part) for part in place_of(tuple(error.field.split(".")), asked))
    error.args = (_words(str(error), asked),)
    return error


def invalid(error: RequestValidationError | ValidationError, asked: Asked) -> RequestValidationError:
    """Returns the error of values that only POST /generate looks at, by the names they have under /v1."""
    body, found = asked.model_dump(mode="json", exclude_unset=True), []
    for each in error.errors():
        location = tuple(each["loc"])
        place = place_of(location[1:] if location[:1] == ("body",) else location, asked)
        sent: Any = body.get("size") if place == ("size",) else each["input"]
        found.append({**each, "loc": ("body", *place), "msg": _words(each["msg"], asked), "input": sent})
    return RequestValidationError(found, body=body)


def told(problem: Problem, asked: Asked) -> Problem:
    """Returns the problem of a job by the names that its request's fields have under /v1."""
    errors = [
        each.model_copy(
            update={
                "pointer": "".join(f"/{part}" for part in place_of(tuple(each.pointer.split("/")[1:]), asked)),
                "detail": _words(each.detail, asked),
            }
        )
        for each in problem.errors or ()
    ]
    return problem.model_copy(update={"detail": _words(problem.detail, asked), "errors": errors or None})


def _words(text: str, asked: Asked) -> str:
    most = asked.names.get("parameters.max_new_tokens", "max_new_tokens")
    return re.sub(r"\bmax_new_tokens\b", most, text)
