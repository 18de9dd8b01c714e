"""The JSON schema of certificates (docs/certificate-v2.schema.json) as schemas of the OpenAPI document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

_SCHEMA: Final = Path(__file__).parents[2] / "docs" / "certificate-v2.schema.json"
_PREFIX: Final = "Certificate"
_KINDS: Final = ("noise", "exhaustive", "edits", "units")
"""The definitions that are whole certificates; each has one method."""
_COMPONENTS: Final = "#/components/schemas/"
CERTIFICATE: Final = {"$ref": f"{_COMPONENTS}{_PREFIX}"}
"""A reference to the schema of all certificates."""


def certificate_schemas() -> dict[str, Any]:
    """Returns the schemas by their names: Certificate, told apart by `method`, and all that it refers to."""
    definitions = json.loads(_SCHEMA.read_text("utf-8"))["$defs"]
    kinds = {definitions[kind]["properties"]["method"]["const"]: _COMPONENTS + _name(kind) for kind in _KINDS}
    whole = {
        "description": "A certificate document, schema smoothgen/certificate/v2. Whether it is valid only verifying it "
        "tells: every number must follow from the evidence that it carries.",
        "oneOf": [{"$ref": reference} for reference in kinds.values()],
        "discriminator": {"propertyName": "method", "mapping": kinds},
    }
    return {_PREFIX: whole, **{_name(name): _referring(schema) for name, schema in definitions.items()}}


def _name(definition: str) -> str:
    return _PREFIX + "".join(word.capitalize() for word in definition.split("_"))


def _referring(schema: Any) -> Any:
    """Returns a schema whose references are to schemas of the OpenAPI document."""
    if isinstance(schema, list):
        return [_referring(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    local = "#/$defs/"
    return {
        key: _COMPONENTS + _name(value.removeprefix(local)) if key == "$ref" else _referring(value)
        for key, value in schema.items()
    }
