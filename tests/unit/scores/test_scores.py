"""The scores in the box: what they say of outputs, and what they refuse."""

from __future__ import annotations

import time
from typing import Any

import pytest

from smoothgen.errors import InvalidClaim, UnknownName
from smoothgen.scores import identity_without_model, score_without_model


def values(name: str, contents: list[str], **options: Any) -> list[float]:
    score = score_without_model(name, options)
    assert score is not None
    return score.values(contents).tolist()


def test_a_pattern_is_found_anywhere() -> None:
    assert values("pattern", ["a refund now", "Refund", ""], pattern="refund") == [1, 0, 0]


def test_a_length_is_cut_at_its_cap() -> None:
    assert values("length", ["", "ab c", "x" * 90], unit="characters", cap=10) == [0, 4, 10]
    assert values("length", ["", " a  b\nc ", "w " * 90], unit="words", cap=10) == [0, 3, 10]


SCHEMA = {
    "type": "object",
    "properties": {"dose": {"type": "number", "maximum": 900}, "unit": {"$ref": "#/$defs/unit"}},
    "patternProperties": {"^x-": {"type": "string", "pattern": "^[a-z]+$"}},
    "required": ["dose"],
    "$defs": {"unit": {"enum": ["mg", "g"]}},
}


@pytest.mark.parametrize(
    ("text", "meets"),
    [
        ('{"dose": 5, "unit": "mg"}', True),
        (' {"dose": 5}\n', True),
        ('{"dose": 5, "x-note": "fine"}', True),
        ('{"dose": 5, "x-note": "NOT"}', False),
        ('{"dose": 5, "unit": "kg"}', False),
        ('{"dose": 901}', False),
        ('{"unit": "mg"}', False),
        ('Sure: {"dose": 5}', False),
        ('{"dose": NaN}', False),
        ("", False),
        ("[" * 100_000, False),
        ("9" * 10_000, False),
    ],
)
def test_a_schema_is_met_by_the_whole_text_or_not(text: str, meets: bool) -> None:
    assert values("json_schema", [text], must_meet=SCHEMA) == [float(meets)]


def nested(depth: int) -> dict[str, Any]:
    """A schema that doubles with each level of references."""
    levels = {f"d{k}": {"allOf": [{"$ref": f"#/$defs/d{k + 1}"}] * 2} for k in range(depth)}
    return {"$ref": "#/$defs/d0", "$defs": {**levels, f"d{depth}": {"type": "object"}}}


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "no such type"}, "no JSON Schema"),
        ({"pattern": "(?=a)"}, "RE2"),
        ({"patternProperties": {"(a)\\1": {}}}, "RE2"),
        ({"$ref": "https://example.com/schema.json"}, "leaves the schema"),
        ({"$ref": "#/$defs/none"}, "points to nothing"),
        ({"properties": {"child": {"$ref": "#"}}}, "leads back to itself"),
        ({"$dynamicRef": "#node"}, "not taken here"),
        ({"unevaluatedProperties": False}, "not taken here"),
        ({"items": {"$schema": "http://json-schema.org/draft-04/schema#"}}, "not taken here"),
        ({"$schema": "http://json-schema.org/draft-04/schema#"}, "must be"),
        (nested(14), "unfolds to more than"),
        ({"enum": ["x" * 30_000]}, "shorten it"),
    ],
)
def test_a_schema_that_is_none_or_too_dear_is_refused(schema: dict[str, Any], words: str) -> None:
    started = time.monotonic()
    with pytest.raises(InvalidClaim, match=words):
        score_without_model("json_schema", {"must_meet": schema})
    assert time.monotonic() - started < 5


def test_the_draft_may_be_named() -> None:
    draft = "https://json-schema.org/draft/2020-12/schema"
    assert values("json_schema", ["5", '"a"'], must_meet={"$schema": draft, "type": "number"}) == [1, 0]


@pytest.mark.parametrize("pattern", ["(?=a)", "(a)\\1", "("])
def test_a_pattern_that_re2_refuses_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidClaim, match="RE2"):
        score_without_model("pattern", {"pattern": pattern})


def test_scores_of_models_are_named_without_the_model() -> None:
    similar = identity_without_model("similarity", {"reference": "secret"})
    assert similar is not None
    assert (similar.least, similar.most, similar.two_valued) == (-1.0, 1.0, False)
    assert "secret" not in str(similar.options)
    assert identity_without_model("length", {}) is None
    assert score_without_model("similarity", {"reference": "secret"}) is None


def test_a_plug_in_that_is_not_installed_is_unknown() -> None:
    with pytest.raises(UnknownName, match="no-such"):
        score_without_model("plugin", {"plugin": "no-such", "options": {}})
