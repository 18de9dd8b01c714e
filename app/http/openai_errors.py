"""Problems in the form of OpenAI's errors: what its clients under /v1 read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from smoothgen.contracts import Problem

OPENAI_PATHS: Final = "/v1/"
"""How the paths of OpenAI's interface begin."""
_TYPES: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
_AGAIN: Final = frozenset({429, 503, 504})
"""Statuses after which the same request may do better. OpenAI's clients repeat any 5xx where nothing is said."""


class OpenAIError(BaseModel):
    """An error as OpenAI's clients read it."""

    message: str
    type: str
    param: str | None = Field(description="The field at fault, with dots.")
    code: str = Field(description="The kind of problem: the last part of its type elsewhere.")


def openai_error(problem: Problem, headers: Mapping[str, str]) -> JSONResponse:
    """Returns a problem as an OpenAI client expects an error."""
    again = "true" if problem.status in _AGAIN else "false"
    return JSONResponse(error_of(problem), problem.status, {**headers, "x-should-retry": again})


def error_of(problem: Problem) -> dict[str, Any]:
    """Returns {"error": {message, type, param, code}}. param: the field at fault, with dots; code: the problem's."""
    field = next((error.pointer for error in problem.errors or () if error.pointer), None)
    other = "invalid_request_error" if problem.status < 500 else "server_error"
    error = OpenAIError(
        message=problem.detail,
        type=_TYPES.get(problem.status, other),
        param=field and field.removeprefix("/").replace("/", "."),
        code=problem.type.rpartition(":")[2],
    )
    return {"error": error.model_dump()}
