"""What a request may claim of scores, and the problems that name value and remedy."""

from __future__ import annotations

import time
from typing import Any

import pytest
from pydantic import ValidationError

from app.planned import _takes_a_while
from smoothgen.contracts import GenerateRequest, JobSpec
from smoothgen.errors import InvalidAlpha, InvalidClaim, InvalidInput, UnknownName
from smoothgen.planning.plan import plan
from tests.app.conftest import model_card

CARD = model_card("numbers").model_copy(
    update={
        "mechanisms": ["embedding", "tokens", "edits"],
        "default_mechanism": "tokens",
        "scores": ["pattern", "json_schema", "length", "similarity", "plugin:polite"],
    }
)
PATTERN: dict[str, Any] = {"score": {"name": "pattern", "pattern": "refund"}, "of": "share", "at_most": 0.1}
LENGTH: dict[str, Any] = {"score": {"name": "length", "unit": "words", "cap": 50}, "at_most": 30}


def planned(*claims: dict[str, Any], **robustness: Any) -> JobSpec:
    body = {"model": CARD.id, "prompt": "0.5", "robustness": {"claims": list(claims), **robustness}}
    return plan(GenerateRequest.model_validate(body), CARD, max_samples=5000)


def test_claims_travel_with_the_job() -> None:
    spec = planned(PATTERN, LENGTH)
    assert (spec.mechanism, spec.scored) == ("tokens", 2)
    assert JobSpec.model_validate_json(spec.model_dump_json()) == spec
    assert planned(LENGTH, mechanism="embedding", sigma=1.0).scored == 1
    plugged = {"score": {"name": "plugin", "plugin": "polite", "options": {"tone": "kind"}}, "at_least": 0.5}
    assert planned(plugged, {"score": {"name": "similarity", "reference": "Paris"}, "at_least": 0.2}).scored == 2


@pytest.mark.parametrize(
    ("claim", "error", "words"),
    [
        ({**PATTERN, "score": {"name": "pattern", "pattern": "(?=a)"}}, InvalidClaim, "look-around"),
        ({"score": {"name": "json_schema", "must_meet": {"type": 7}}, "at_least": 0.9}, InvalidClaim, "no JSON Schema"),
        ({**LENGTH, "at_most": 50}, InvalidClaim, "at_most=50"),
        ({**LENGTH, "at_most": -1}, InvalidClaim, "at_most=-1"),
        ({**LENGTH, "of": "share", "at_most": 0.1}, InvalidClaim, "give above"),
        ({"score": {"name": "verdict", "verdict": "red sneaker"}, "at_least": 0.9}, UnknownName, "verdict"),
        ({"score": {"name": "plugin", "plugin": "rude"}, "at_least": 0.9}, UnknownName, "plugin:rude"),
    ],
)
def test_a_claim_that_cannot_be_served_is_a_clear_problem(
    claim: dict[str, Any], error: type[InvalidInput], words: str
) -> None:
    with pytest.raises(error, match=words) as raised:
        planned(PATTERN, claim)
    assert raised.value.field == "robustness.claims.1"


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        ({"mechanism": "edits", "confidence": 1 - 1.5e-12}, InvalidAlpha, "claims on scores leave each"),
        ({"tier": "universal"}, InvalidInput, "tier 'universal' draws none"),
        ({"tier": "fleet"}, InvalidInput, "tier 'fleet' draws none"),
        ({"mechanism": "embedding", "confidence": 1 - 1.5e-12}, InvalidAlpha, "claims on scores leave each"),
        (
            {"mechanism": "embedding", "confidence": 1 - 1.2e-11, "epsilon": 0.1},
            InvalidAlpha,
            "claims on scores leave each",
        ),
    ],
)
def test_where_claims_are_not_offered_the_problem_says_so(
    asked: dict[str, Any], error: type[InvalidInput], words: str
) -> None:
    with pytest.raises(error, match=words):
        planned(PATTERN, LENGTH, **asked)


@pytest.mark.parametrize(
    ("asked", "asks_shift"),
    [({}, False), ({"epsilon": 0.1}, False), ({"tolerance": 0.2, "epsilon": 0.1}, True), ({"keep": 0.9}, True)],
)
def test_a_tolerance_or_a_share_to_keep_asks_for_the_distribution_too(asked: dict[str, Any], asks_shift: bool) -> None:
    label = {"name": "label", "extract": {"kind": "first_line"}}
    assert planned(LENGTH, metric=label, **asked).request.robustness.asks_shift is asks_shift
    body = {"model": CARD.id, "prompt": "0.5", "robustness": {"metric": label, **asked}}
    assert plan(GenerateRequest.model_validate(body), CARD, max_samples=5000).request.robustness.asks_shift


def test_a_majority_asks_for_the_answer_too() -> None:
    asked = {"metric": {"name": "label", "extract": {"kind": "first_line"}}, "claims": [LENGTH], "sigma": 1.0}
    body = {"model": CARD.id, "prompt": "0.5", "output": "majority", "robustness": asked}
    assert plan(GenerateRequest.model_validate(body), CARD, max_samples=5000).request.robustness.asks_shift


def test_equal_claims_are_refused() -> None:
    with pytest.raises(InvalidClaim, match="claims 1 and 2 ask the same"):
        planned(PATTERN, {**PATTERN, "above": 0})
    with pytest.raises(InvalidClaim, match="claims 1 and 2 ask the same"):
        planned({**LENGTH, "of": "quantile:0.9"}, {**LENGTH, "of": "quantile:0.90"})
    with pytest.raises(InvalidClaim, match="claims 1 and 2 ask the same"):
        planned({**LENGTH, "of": "quantile:.9", "at_most": 30}, {**LENGTH, "of": "quantile:0.9", "at_most": 30.0})
    assert planned({**LENGTH, "of": "quantile:0.9"}, {**LENGTH, "of": "quantile:0.99"}).scored == 2


def of_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"score": {"name": "json_schema", "must_meet": schema}, "at_least": 0.9}


@pytest.mark.parametrize(
    ("schemas", "words"),
    [
        ([{"enum": [f"{k} {'x' * 9_000}"]} for k in range(3)], "3 schemas of the claims have together 27"),
        (
            [{"patternProperties": {rf"(\pL{{9}}){{3}}{k}-{n}": {} for n in range(8)}} for k in range(8)],
            "5 schemas of the claims have together 40 different patterns",
        ),
    ],
)
def test_large_schemas_are_refused_together_before_any_is_compiled(schemas: list[Any], words: str) -> None:
    started = time.monotonic()
    with pytest.raises(InvalidClaim, match=words):
        planned(*map(of_schema, schemas))
    assert time.monotonic() - started < 1


def test_a_reference_that_points_to_no_schema_is_a_clear_problem_of_its_claim() -> None:
    with pytest.raises(InvalidClaim, match="is no schema") as raised:
        planned(PATTERN, of_schema({"$comment": "x", "$vocabulary": {"x": True}, "$ref": "#/$comment"}))
    assert raised.value.field == "robustness.claims.1"


def test_claims_are_planned_off_the_event_loop() -> None:
    body: dict[str, Any] = {"model": CARD.id, "prompt": "0.5"}
    assert not _takes_a_while(GenerateRequest.model_validate(body))
    assert _takes_a_while(GenerateRequest.model_validate({**body, "robustness": {"claims": [of_schema({})]}}))


@pytest.mark.parametrize(
    "claims",
    [
        [],
        [LENGTH] * 9,
        [{**LENGTH, "at_least": 3}],
        [{"score": LENGTH["score"]}],
        [{**LENGTH, "of": "median"}],
        [{**LENGTH, "of": "quantile:1.5"}],
        [{**LENGTH, "score": {"name": "length", "cap": 0}}],
        [{**LENGTH, "score": {"name": "sentiment"}}],
        [{**LENGTH, "at_most": float("nan")}],
    ],
)
def test_what_is_no_list_of_claims_is_refused(claims: list[Any]) -> None:
    with pytest.raises(ValidationError):
        planned(*claims)
