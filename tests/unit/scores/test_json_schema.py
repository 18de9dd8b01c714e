"""A stranger's JSON schema neither hangs nor ends a worker: what is refused, and what evaluation does with the rest."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest

from smoothgen.errors import InvalidClaim
from smoothgen.scores import json_schema, schema_validator
from smoothgen.scores.json_schema import JsonSchema
from smoothgen.scores.schema_limits import DEEPEST, MOST_PATTERNS, Unfolded
from smoothgen.scores.schema_validator import MOST_WORK, TooMuchWork, Validator


def encoded_decoys(depth: int) -> dict[str, Any]:
    """References that a URI reads as "ai", which doubles with each i, beside empty schemas named as it is written."""
    levels = {f"a{i}": {"allOf": [{"$ref": f"#/$defs/%61{i + 1}"}] * 2} for i in range(depth)}
    decoys = {f"%61{i}": {} for i in range(depth + 1)}
    return {"$ref": "#/$defs/%610", "$defs": {**levels, f"a{depth}": {}, **decoys}}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (encoded_decoys(18), "percent sign"),
        ({"$ref": "#/$defs/a%62", "$defs": {"a%62": {}}}, "percent sign"),
        ({"$comment": "x", "$vocabulary": {"x": True}, "$ref": "#/$comment"}, "is no schema"),
        ({"$ref": "#/required", "required": ["a"]}, "is no schema"),
        ({"$ref": "#/$defs/a/0", "$defs": {"a": {"allOf": [{}]}}}, "points to nothing"),
        ({"$ref": "#a"}, "leaves the schema"),
        ({"$ref": ""}, "leaves the schema"),
        ({"$ref": "#/x", "x": {"type": 7}}, "what \\$ref '#/x' points to is no JSON Schema"),
        ({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"not": {"$ref": "#/$defs/a"}}}}, "leads back"),
    ],
)
def test_a_reference_that_is_no_plain_pointer_to_a_schema_is_refused_at_once(schema: Any, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(InvalidClaim, match=words):
        JsonSchema(schema)
    assert time.monotonic() - started < 1


def test_a_reference_is_evaluated_as_it_was_measured() -> None:
    odd = {"a/b": {"type": "number"}, "a~b": {"type": "string"}, "~1": {"type": "null"}, "": False}
    for name, meets in (("a~1b", "1"), ("a~0b", '"x"'), ("~01", "null"), ("", "")):
        score = JsonSchema({"$ref": f"#/$defs/{name}", "$defs": odd})
        assert [text for text in ("1", '"x"', "null") if score.values([text])[0]] == ([meets] if meets else [])


def test_a_name_with_a_percent_sign_is_a_name_like_any_other() -> None:
    score = JsonSchema({"properties": {"50%": {"const": 1}}, "$defs": {"a%62": {}}})
    assert score.values(['{"50%": 1}', '{"50%": 2}']).tolist() == [1, 0]


def test_nesting_is_limited_where_the_validator_still_follows() -> None:
    def nested(depth: int) -> dict[str, Any]:
        levels: dict[str, Any] = {f"d{k}": {"$ref": f"#/$defs/d{k + 1}"} for k in range(depth)}
        return {"$ref": "#/$defs/d0", "$defs": {**levels, f"d{depth}": {"const": 1}}}

    assert JsonSchema(nested(DEEPEST - 5)).values(["1", "2"]).tolist() == [1, 0]
    with pytest.raises(InvalidClaim, match="levels deep"):
        JsonSchema(nested(2 * DEEPEST))
    inside: dict[str, Any] = {}
    for _ in range(DEEPEST):
        inside = {"not": inside}
    assert JsonSchema(inside).values(["1"]).tolist() == [1]
    with pytest.raises(InvalidClaim, match="levels deep"):
        JsonSchema({"not": inside})


def test_a_pattern_is_compiled_once_wherever_it_is_referred_to(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def counted(pattern: str) -> Any:
        compiled.append(pattern)
        return real(pattern)

    real = schema_validator.compiled_pattern
    monkeypatch.setattr(schema_validator, "compiled_pattern", counted)
    many = {f"p{k}": {"pattern": f"^{k}$"} for k in range(20)}
    score = JsonSchema({"allOf": [{"$ref": "#/$defs/all"}] * 9, "$defs": {"all": {"properties": many}}})
    assert sorted(compiled) == sorted(f"^{k}$" for k in range(20))
    assert score.values(['{"p3": "3"}', '{"p3": "4"}'] * 3).tolist() == [1, 0] * 3
    assert len(compiled) == 20


def test_there_is_a_most_of_patterns() -> None:
    with pytest.raises(InvalidClaim, match=f"{MOST_PATTERNS + 1} different patterns"):
        JsonSchema({"patternProperties": {f"^{k}$": {} for k in range(MOST_PATTERNS + 1)}})


def test_additional_properties_are_told_apart_by_the_same_patterns() -> None:
    """Python's own regular expressions would take ever longer on the first text, and do not know the second pattern."""
    slow = JsonSchema({"patternProperties": {"^(a+)+$": {}}, "additionalProperties": False})
    started = time.monotonic()
    assert slow.values([json.dumps({"a" * 40 + "b": 1}), '{"aa": 1}']).tolist() == [0, 1]
    assert time.monotonic() - started < 1
    letters = JsonSchema({"patternProperties": {r"^\pL+$": {}}, "additionalProperties": {"type": "number"}})
    assert letters.values(['{"é": "x", "1": 1}', '{"1": "x"}']).tolist() == [1, 0]
    named = JsonSchema({"properties": {"a": {}}, "additionalProperties": False})
    assert named.values(['{"a": 1}', '{"b": 1}', "[]"]).tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"items": {"anyOf": [{"const": k} for k in range(900)]}}, [899] * 2_000),
        ({"items": {"enum": list(range(2_000))}}, [1_999] * 2_000),
        ({"uniqueItems": True}, [{"k": k} if k % 2 else k for k in range(4_000)]),
    ],
)
def test_a_text_that_takes_too_long_has_no_score(schema: Any, value: Any) -> None:
    score = JsonSchema(schema)
    started = time.monotonic()
    [found] = score.values([json.dumps(value)])
    assert math.isnan(found)
    assert time.monotonic() - started < 10
    assert score.values(["1"]).tolist() == [1]  # the count begins again with each text


def test_the_count_of_work_is_on_every_keyword() -> None:
    validator = Validator({"items": {"type": "number"}}, Unfolded())
    assert validator.is_valid([1] * 1_000)
    with pytest.raises(TooMuchWork, match=str(MOST_WORK)):
        validator.is_valid([1] * MOST_WORK)


def test_whatever_the_validator_raises_is_a_text_without_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __init__(self, *_: Any) -> None:
            pass

        def is_valid(self, _: Any) -> bool:
            raise AttributeError("no such attribute")

    monkeypatch.setattr(json_schema, "Validator", Broken)
    found = JsonSchema({}).values(["1", "no JSON"])
    assert math.isnan(found[0])
    assert found[1] == 0
