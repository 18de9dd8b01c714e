"""The problems of a route, as FastAPI's argument `responses`."""

from __future__ import annotations

from typing import Any, Final

from app.description.problem_kinds import KINDS, OF_EVERY_KEY, OF_EVERY_ROUTE, URN

PROBLEM_JSON: Final = "application/problem+json"
Responses = dict[int | str, dict[str, Any]]


def problems(*kinds: str, key: bool = True) -> Responses:
    """Returns one response a status for these kinds of problem and those of every route.

    kinds: by their names in `KINDS`. key: whether the route asks for a key.
    """
    return {
        status: {
            "description": _when(names),
            "content": {
                PROBLEM_JSON: {"schema": _of("Problem", {"type": [URN + n for n in names]}, {"status": status})}
            },
        }
        for status, names in _by_status(*kinds, key=key).items()
    }


def openai_errors(*kinds: str) -> Responses:
    """Returns the same in OpenAI's form. kinds: by their names in `KINDS`, which are the error's `code` there."""
    return {
        status: {
            "description": _when(names),
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["error"],
                        "properties": {"error": _of("OpenAIError", {"code": names}, {})},
                    }
                }
            },
        }
        for status, names in _by_status(*kinds, key=True).items()
    }


def _by_status(*kinds: str, key: bool) -> dict[int, list[str]]:
    every = (*OF_EVERY_ROUTE, *(OF_EVERY_KEY if key else ()), *kinds)
    found: dict[int, list[str]] = {}
    for name in KINDS:  # in the table's order, each once
        if name in every:
            found.setdefault(KINDS[name].status, []).append(name)
    return found


def _when(names: list[str]) -> str:
    return "\n".join(f"- `{name}`: {KINDS[name].when}." for name in names)


def _of(schema: str, enums: dict[str, list[str]], constants: dict[str, Any]) -> dict[str, Any]:
    """Returns the schema of this name, narrowed to the values that this answer may have."""
    narrowed: dict[str, Any] = {name: {"type": "string", "enum": values} for name, values in enums.items()}
    narrowed |= {name: {"type": "integer", "const": value} for name, value in constants.items()}
    return {
        "allOf": [
            {"$ref": f"#/components/schemas/{schema}"},
            {"type": "object", "required": list(narrowed), "properties": narrowed},
        ]
    }
