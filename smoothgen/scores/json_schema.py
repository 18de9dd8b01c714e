"""The score "the output is JSON that meets a schema"."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.format.canonical import canonical
from smoothgen.certificates.score_claims import ScoreIdentity
from smoothgen.errors import InvalidClaim, InvalidMetric
from smoothgen.labels import compiled_pattern

LONGEST_SCHEMA: Final = 20_000
"""Characters of a schema as canonical JSON."""
LARGEST_UNFOLDED: Final = 5_000
"""Values of a schema once every $ref is replaced by what it points to: how much one output can cost to check."""
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFUSED: Final = frozenset(
    {"$dynamicRef", "$recursiveRef", "$id", "$schema", "$anchor", "$dynamicAnchor"}
    | {"unevaluatedProperties", "unevaluatedItems"}
)
"""Keywords that lead out of the schema, or whose cost doubles with each level of nesting."""


class JsonSchema:
    """1 where the whole text is one JSON value that meets a schema of draft 2020-12, else 0.

    White space around it is allowed. A stranger's schema cannot hang a worker: patterns run on RE2, nothing is fetched,
    and a schema whose references recur or unfold to too much is refused.
    """

    def __init__(self, must_meet: Mapping[str, Any]) -> None:
        """Raises InvalidClaim for what is no schema of draft 2020-12, or none that is taken here."""
        schema = {name: value for name, value in must_meet.items() if name != "$schema"}
        if must_meet.get("$schema", DRAFT) != DRAFT:
            raise InvalidClaim(f"$schema must be {DRAFT!r}, got {must_meet['$schema']!r:.100}; leave it out")
        written = canonical(schema)
        if len(written) > LONGEST_SCHEMA:
            raise InvalidClaim(f"the schema has {len(written)} characters, more than {LONGEST_SCHEMA}; shorten it")
        _require_small(schema)
        self._validator = _validator(schema)
        self.identity = ScoreIdentity("json_schema", 0.0, 1.0, two_valued=True, options={"must_meet": schema})

    def values(self, contents: Sequence[str]) -> NDArray[np.float64]:
        """Returns 1 for each text that meets the schema, else 0."""
        return np.array([float(self._meets(text)) for text in contents])

    def _meets(self, text: str) -> bool:
        try:
            return bool(self._validator.is_valid(json.loads(text, parse_constant=_refuse)))
        except (ValueError, RecursionError, ArithmeticError):
            return False


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _validator(schema: dict[str, Any]) -> Any:
    """Returns the validator of a schema. Raises InvalidClaim for what is none."""
    from jsonschema import Draft202012Validator, SchemaError, ValidationError
    from jsonschema.validators import extend
    from referencing import Registry

    def pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[Any]:
        del schema
        if validator.is_type(instance, "string") and compiled_pattern(wanted).search(instance) is None:
            yield ValidationError(f"does not match {wanted!r}")

    def pattern_properties(validator: Any, wanted: Mapping[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
        del schema
        if not validator.is_type(instance, "object"):
            return
        for each, subschema in wanted.items():
            found = compiled_pattern(each).search
            for name, value in instance.items():
                if found(name) is not None:
                    yield from validator.descend(value, subschema, path=name, schema_path=each)

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path)) or "its top"
        raise InvalidClaim(f"must_meet is no JSON Schema of draft 2020-12: at {where}, {error.message:.300}") from error
    checked = extend(Draft202012Validator, {"pattern": pattern, "patternProperties": pattern_properties})
    return checked(schema, registry=Registry())  # an empty registry fetches nothing


def _require_small(schema: dict[str, Any]) -> None:
    """Raises InvalidClaim for references that leave the schema or recur, for a schema that unfolds to too much, and for
    patterns that RE2 does not take."""
    left = LARGEST_UNFOLDED
    stack: list[tuple[Any, tuple[str, ...]]] = [(schema, ())]
    while stack:
        node, within = stack.pop()
        left -= 1
        if left < 0:
            raise InvalidClaim(
                f"the schema unfolds to more than {LARGEST_UNFOLDED} values once each $ref is replaced by what it "
                "points to; use fewer references inside references"
            )
        if isinstance(node, list):
            stack += [(each, within) for each in node]
        if not isinstance(node, dict):
            continue
        for refused in _REFUSED & set(node):
            raise InvalidClaim(f"the schema says {refused!r}, which is not taken here; leave it out")
        stack += [(each, within) for each in node.values()]
        _require_patterns(node)
        if isinstance(pointer := node.get("$ref"), str):
            if pointer in within:
                raise InvalidClaim(
                    f"the schema's $ref {pointer!r:.100} leads back to itself; unfold it as deep as needed"
                )
            stack.append((_pointed(schema, pointer), (*within, pointer)))


def _require_patterns(node: Mapping[str, Any]) -> None:
    properties = node.get("patternProperties")
    for pattern in (node.get("pattern"), *(properties if isinstance(properties, Mapping) else ())):
        if isinstance(pattern, str):
            try:
                compiled_pattern(pattern)
            except InvalidMetric as error:
                raise InvalidClaim(f"in the schema, {error}") from error


def _pointed(schema: Mapping[str, Any], pointer: str) -> Any:
    """Returns what a JSON pointer such as "#/$defs/name" points to. Raises InvalidClaim."""
    node: Any = schema
    if pointer != "#" and not pointer.startswith("#/"):
        raise InvalidClaim(f"the schema's $ref {pointer!r:.100} leaves the schema; nothing is fetched. Use '#/$defs/…'")
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, Mapping) or name not in node:
            raise InvalidClaim(f"the schema's $ref {pointer!r:.100} points to nothing")
        node = node[name]
    return node
