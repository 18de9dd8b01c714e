"""A validator of JSON Schema draft 2020-12 that ends soon, whatever schema and text a stranger brings.

The keywords are those of the package jsonschema, with three changes: regular expressions run on RE2, references are
looked up among those that were measured, and the work that one text may take is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from smoothgen.errors import InvalidClaim, InvalidMetric
from smoothgen.labels import compiled_pattern
from smoothgen.scores.schema_limits import Unfolded

MOST_WORK: Final = 500_000
"""How much work one text may take. A unit is at most some microseconds: one member of a keyword's value compared with
one member of an object or array of the text."""

_Keyword = Callable[[Any, Any, Any, Any], Iterable[Any] | None]


class TooMuchWork(Exception):
    """A text would take too long to check against a schema."""


class _Work(threading.local):
    """The work that is left to the text at hand, in each thread by itself."""

    left: int = MOST_WORK

    def spend(self, work: int) -> None:
        self.left -= work
        if self.left < 0:
            raise TooMuchWork(f"checking this text takes more than {MOST_WORK} steps")


class Validator:
    """Says of JSON values whether they meet a schema."""

    def __init__(self, schema: Mapping[str, Any], unfolded: Unfolded) -> None:
        """unfolded: what `require_small` returned for the schema.

        Raises InvalidClaim for what is no schema of draft 2020-12 and for patterns that RE2 does not take.
        """
        from jsonschema import Draft202012Validator
        from jsonschema.validators import extend
        from referencing import Registry

        _require_schema(schema, "must_meet")
        for pointer, target in unfolded.targets.items():
            _require_schema(target, f"what $ref {pointer!r:.100} points to")
        searches = {pattern: _search(pattern) for pattern in unfolded.patterns}
        self._work = _Work()
        keywords = {**Draft202012Validator.VALIDATORS, **_own_keywords(searches, unfolded.targets)}
        checked = extend(
            Draft202012Validator, {name: _counted(name, keyword, self._work) for name, keyword in keywords.items()}
        )
        self._validator = checked(schema, registry=Registry())  # an empty registry fetches nothing

    def is_valid(self, value: Any) -> bool:
        """Returns whether a JSON value meets the schema.

        Raises TooMuchWork, RecursionError for a value nested too deep, ArithmeticError for numbers beyond doubles, and
        UnicodeError for text that RE2 cannot read.
        """
        self._work.left = MOST_WORK
        return bool(self._validator.is_valid(value))


def _require_schema(schema: Any, named: str) -> None:
    """Raises InvalidClaim for what is no schema of draft 2020-12."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(schema, format_checker=None)  # else patterns would have to suit Python too
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path)) or "its top"
        raise InvalidClaim(f"{named} is no JSON Schema of draft 2020-12: at {where}, {error.message:.300}") from error
    except RecursionError as error:
        raise InvalidClaim(f"{named} is nested too deep to be checked; make it flatter") from error


def _search(pattern: str) -> Callable[[str], Any]:
    try:
        search: Callable[[str], Any] = compiled_pattern(pattern).search
    except InvalidMetric as error:
        raise InvalidClaim(f"in the schema, {error}") from error
    return search


def _counted(name: str, keyword: _Keyword, work: _Work) -> _Keyword:
    """Returns the keyword's check, which first counts what it may take."""

    def check(validator: Any, wanted: Any, instance: Any, schema: Any) -> Iterable[Any] | None:
        members = _members(instance)
        work.spend((1 + _members(wanted)) * (1 + members) + (members * members // 2 if name == "uniqueItems" else 0))
        return keyword(validator, wanted, instance, schema)

    return check


def _members(value: Any) -> int:
    return len(value) if isinstance(value, list | dict) else 0


def _own_keywords(searches: Mapping[str, Callable[[str], Any]], targets: Mapping[str, Any]) -> dict[str, _Keyword]:
    """Returns the checks of the keywords that search for patterns or follow references."""
    from jsonschema import ValidationError

    def pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[Any]:
        del schema
        if validator.is_type(instance, "string") and searches[wanted](instance) is None:
            yield ValidationError(f"does not match {wanted!r}")

    def pattern_properties(validator: Any, wanted: Mapping[str, Any], instance: Any, schema: Any) -> Iterator[Any]:
        del schema
        if not validator.is_type(instance, "object"):
            return
        for each, subschema in wanted.items():
            for name, value in instance.items():
                if searches[each](name) is not None:
                    yield from validator.descend(value, subschema, path=name, schema_path=each)

    def additional_properties(validator: Any, wanted: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
        if not validator.is_type(instance, "object"):
            return
        named, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
        for name, value in instance.items():
            if name not in named and all(searches[each](name) is None for each in patterns):
                yield from validator.descend(value, wanted, path=name)

    def ref(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[Any]:
        del schema
        yield from validator.descend(instance, targets[wanted])

    return {
        "pattern": pattern,
        "patternProperties": pattern_properties,
        "additionalProperties": additional_properties,
        "$ref": ref,
    }
