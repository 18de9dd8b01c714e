"""Which JSON schemas are taken of a stranger: small ones whose references stay inside and do not recur.

Nothing is compiled or evaluated here, so that a schema that would cost too much is refused before it costs anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from smoothgen.certificates.format.canonical import canonical
from smoothgen.errors import InvalidClaim

LONGEST_SCHEMA: Final = 20_000
"""Characters as canonical JSON, of all schemas of a request together."""
MOST_PATTERNS: Final = 32
"""Different regular expressions, of all schemas of a request together. One takes up to 30 ms and 1 MB to compile."""
LARGEST_UNFOLDED: Final = 5_000
"""Values of a schema once every $ref is replaced by what it points to: how much one value of JSON can cost to check."""
DEEPEST: Final = 60
"""Levels of nesting, references followed. The validator calls itself about ten times a level, and Python stops at 1000
calls."""
_REFUSED: Final = frozenset(
    {"$dynamicRef", "$recursiveRef", "$id", "$schema", "$anchor", "$dynamicAnchor"}
    | {"unevaluatedProperties", "unevaluatedItems"}
)
"""Keywords that lead out of the schema, or whose cost doubles with each level of nesting."""


@dataclass(frozen=True)
class Unfolded:
    """What a schema refers to.

    targets: from each $ref to the schema it points to. Evaluation looks references up here and nowhere else, so what
    was measured is what is run. patterns: its regular expressions, each once, in no particular order.
    """

    targets: dict[str, Any] = field(default_factory=dict)
    patterns: set[str] = field(default_factory=set)


def require_small(schemas: Sequence[Mapping[str, Any]]) -> list[Unfolded]:
    """Returns what each schema of a request refers to.

    Raises InvalidClaim for references that leave a schema, recur or point to no schema, for a schema that unfolds to
    too much, and for schemas that are together too long or have too many patterns.
    """
    unfolded = [_unfolded(schema) for schema in schemas]
    one = len(schemas) == 1
    together = "the schema has" if one else f"the {len(schemas)} schemas of the claims have together"
    characters = sum(len(canonical(schema)) for schema in schemas)
    if characters > LONGEST_SCHEMA:
        remedy = "shorten it" if one else "shorten them or claim less"
        raise InvalidClaim(f"{together} {characters} characters, more than {LONGEST_SCHEMA}; {remedy}")
    patterns = len(set().union(*(each.patterns for each in unfolded)))
    if patterns > MOST_PATTERNS:
        raise InvalidClaim(
            f"{together} {patterns} different patterns, more than {MOST_PATTERNS}; join some of them with '|'"
        )
    return unfolded


def _unfolded(schema: Mapping[str, Any]) -> Unfolded:
    """Returns what a schema refers to. Visits every value, also where no schema is expected. Raises InvalidClaim."""
    found = Unfolded()
    left = LARGEST_UNFOLDED
    stack: list[tuple[Any, int, tuple[str, ...]]] = [(schema, 0, ())]
    while stack:
        node, depth, within = stack.pop()
        left -= 1
        if left < 0:
            raise InvalidClaim(
                f"the schema unfolds to more than {LARGEST_UNFOLDED} values once each $ref is replaced by what it "
                "points to; use fewer references inside references"
            )
        if depth > DEEPEST:
            raise InvalidClaim(
                f"the schema is nested more than {DEEPEST} levels deep once each $ref is replaced by what it points "
                "to; make it flatter"
            )
        if isinstance(node, list):
            stack += [(each, depth + 1, within) for each in node]
        if not isinstance(node, Mapping):
            continue
        for refused in sorted(_REFUSED & set(node)):
            raise InvalidClaim(f"the schema says {refused!r}, which is not taken here; leave it out")
        stack += [(each, depth + 1, within) for each in node.values()]
        found.patterns.update(_patterns(node))
        if isinstance(pointer := node.get("$ref"), str):
            if pointer in within:
                raise InvalidClaim(
                    f"the schema's $ref {pointer!r:.100} leads back to itself; unfold it as deep as needed"
                )
            if pointer not in found.targets:
                found.targets[pointer] = _pointed(schema, pointer)
            stack.append((found.targets[pointer], depth + 1, (*within, pointer)))
    return found


def _patterns(node: Mapping[str, Any]) -> list[str]:
    """Returns the regular expressions that a schema itself names."""
    properties = node.get("patternProperties")
    named = (node.get("pattern"), *(properties if isinstance(properties, Mapping) else ()))
    return [pattern for pattern in named if isinstance(pattern, str)]


def _pointed(schema: Mapping[str, Any], pointer: str) -> Any:
    """Returns the schema that a JSON pointer such as "#/$defs/name" points to, through objects only (RFC 6901).

    Raises InvalidClaim, also for a pointer with a percent sign, which a URI decodes and a plain pointer does not.
    """
    if "%" in pointer:
        raise InvalidClaim(
            f"the schema's $ref {pointer!r:.100} has a percent sign, which is not taken here; rename what it points to"
        )
    if pointer != "#" and not pointer.startswith("#/"):
        raise InvalidClaim(f"the schema's $ref {pointer!r:.100} leaves the schema; nothing is fetched. Use '#/$defs/…'")
    node: Any = schema
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(node, Mapping) or name not in node:
            raise InvalidClaim(f"the schema's $ref {pointer!r:.100} points to nothing; write it as '#/$defs/…'")
        node = node[name]
    if not isinstance(node, Mapping | bool):
        raise InvalidClaim(
            f"the schema's $ref {pointer!r:.100} points to {node!r:.100}, which is no schema; point it to an object"
        )
    return node
