"""The schemas of server-sent events. OpenAPI 3.1 has no word for a stream: a schema is that of each event in it."""

from __future__ import annotations

from typing import Any, Final

_SCHEMAS: Final = "#/components/schemas/"
_DATA: Final[dict[str, Any]] = {
    "queued": {
        "type": "object",
        "required": ["id", "status"],
        "properties": {
            "id": {"type": "string"},
            "status": {"type": "string", "enum": ["queued", "running", "succeeded", "failed", "cancelled"]},
        },
    },
    "output": {"oneOf": [{"$ref": f"{_SCHEMAS}TextOutput"}, {"$ref": f"{_SCHEMAS}ImageOutput"}]},
    "progress": {"$ref": f"{_SCHEMAS}Progress"},
    **{name: {"$ref": f"{_SCHEMAS}JobView"} for name in ("certificate", "abstention", "failed", "cancelled")},
}
"""The data of each event of a job."""
JOB_EVENT: Final = {"$ref": f"{_SCHEMAS}JobEvent"}
STREAMED_CHUNK: Final = {
    "description": "With `stream`: the data of each event is a chunk of OpenAI's with the object `smoothgen`, and of "
    "the last one the text [DONE].",
    "type": "object",
    "required": ["data"],
    "properties": {"data": {"type": "string"}},
}


def event_schemas() -> dict[str, Any]:
    """Returns the schemas by their names: JobEvent, as it is sent, and JobEvents, what its data is once it is read."""
    sent = [
        {
            "type": "object",
            "required": ["event", "data"],
            "properties": {
                "event": {"const": name},
                "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": schema},
            },
        }
        for name, schema in _DATA.items()
    ]
    return {
        "JobEvent": {"description": "One event of a job; the last one has the whole job.", "oneOf": sent},
        "JobEvents": {
            "description": "The data of each event of a job, by the event's name, as it is read.",
            "type": "object",
            "properties": _DATA,
        },
    }
