"""What a request may claim of scores, and the problems that name value and remedy."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from app.planned import _takes_a_while
from smoothgen import Gaussian, certify, certify_units, verify
from smoothgen.certificates.score_claims import AskedClaim
from smoothgen.certificates.stored import to_document
from smoothgen.certificates.units.choice import UnitChoice
from smoothgen.contracts import GenerateRequest, JobSpec
from smoothgen.errors import InvalidAlpha, InvalidCertificate, InvalidClaim, InvalidInput, UnknownName
from smoothgen.planning.plan import plan
from smoothgen.scores.json_schema import JsonSchema
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


def deep(levels: int) -> dict[str, Any]:
    inside: dict[str, Any] = {}
    for _ in range(levels):
        inside = {"not": inside}
    return inside


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"minimum": 10**20}, "minimum must be a finite number that fits in 64 bits"),
        ({"enum": [[-(2**63)]]}, "enum must be a finite number that fits in 64 bits"),
        ({"minimum": math.inf}, "finite"),
        (deep(65), "is nested deeper than 64 levels"),
    ],
)
def test_what_no_document_can_hold_is_refused_at_the_door(options: dict[str, Any], words: str) -> None:
    schema = {"score": {"name": "json_schema", "must_meet": options}, "at_most": 0.5}
    score = {"score": {"name": "plugin", "plugin": "polite", "options": options}, "at_most": 0.5}
    metric = {"name": "plugin", "plugin": "gap", "options": options}
    for robustness, place in (
        ({"claims": [schema]}, ("claims", 0, "score", "json_schema", "must_meet")),
        ({"claims": [score]}, ("claims", 0, "score", "plugin", "options")),
        ({"metric": metric}, ("metric", "plugin", "options")),
    ):
        with pytest.raises(ValidationError, match=words) as raised:
            GenerateRequest.model_validate({"model": CARD.id, "prompt": "0.5", "robustness": robustness})
        assert raised.value.errors()[0]["loc"][1 : 1 + len(place)] == place


def test_a_certificate_holds_the_deepest_schema_and_number_that_the_door_takes() -> None:
    claim = planned({"score": {"name": "json_schema", "must_meet": deep(60)}, "at_most": 0.5})
    assert claim.scored == 1
    identity = JsonSchema({**deep(59), "minimum": 2**63 - 1}).identity
    asked = AskedClaim(identity, of="mean", at_most=0.5)
    certificate = certify(
        np.zeros(50),
        bound=1.0,
        diameter=1.0,
        mechanism=Gaussian(1.0),
        alpha=0.01,
        tolerance=0.1,
        score_claims=[asked],
        scores=np.zeros((50, 1)),
    )
    assert verify(to_document(certificate)).valid


def test_the_library_writes_no_document_that_its_readers_refuse() -> None:
    asked = AskedClaim(JsonSchema({"minimum": 10**20}).identity, of="mean", at_most=0.5)
    certificate = certify_units(
        np.zeros(10),
        choice=UnitChoice(10, size=1),
        seed=None,
        bound=1.0,
        diameter=1.0,
        keep=0.5,
        two_valued=True,
        score_claims=[asked],
        scores=np.zeros((10, 1)),
    )
    with pytest.raises(InvalidCertificate, match="64 bits"):
        to_document(certificate)


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
