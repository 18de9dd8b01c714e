"""POST /certificates/verify: a verdict for every document, whatever a stranger makes of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from smoothgen import Certificate, Gaussian, UnitChoice, UnitsCertificate, certify, certify_units
from smoothgen.certificates import AskedClaim, ScoreIdentity, to_document
from smoothgen.noise import Seed
from tests.app.conftest import problem_of


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    distances = np.abs(np.random.default_rng(1).normal(0, 0.05, 500)).clip(0, 1)
    outcome = certify(distances, bound=1.0, diameter=1.0, mechanism=Gaussian(sigma=0.5), alpha=1e-3, tolerance=0.3)
    assert isinstance(outcome, Certificate)
    return to_document(outcome)


def verdict(api: TestClient, body: Any) -> dict[str, Any]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = api.post("/certificates/verify", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 200, response.text
    return dict(response.json())


def test_a_true_certificate_is_valid(api: TestClient, document: dict[str, Any]) -> None:
    answer = verdict(api, document)
    assert answer["valid"], answer
    assert {"digest", "evidence", "radius"} <= {check["name"] for check in answer["checks"]}


@pytest.mark.parametrize("field", ["radius", "w1_bound", "tolerance", "alpha", "samples", "bound", "diameter"])
def test_a_changed_number_is_rejected(api: TestClient, document: dict[str, Any], field: str) -> None:
    changed = document | {field: document[field] * 1.5 if isinstance(document[field], float) else document[field] + 1}
    assert not verdict(api, changed)["valid"]


@pytest.mark.parametrize(
    "change",
    [
        {"radius": 1e308},
        {"radius": 10**400},
        {"radius": None},
        {"radius": []},
        {"samples": 10**30},
        {"samples": -1},
        {"alpha": 0},
        {"alpha": 2},
        {"schema": "smoothgen/certificate/v9"},
        {"method": "magic/v1"},
        {"band": "magic/v1"},
        {"band": 3},
        {"mechanism": {"name": "gaussian", "sigma": -1.0}},
        {"mechanism": {"name": "magic"}},
        {"mechanism": []},
        {"evidence": None},
        {"evidence": {}},
        {"curve": [[1]]},
        {"curve": [[1, 2, 3]] * 10},
        {"statement": "trust me"},
        {"digest": "sha256:0"},
        {"colour": "red"},
        {"model": {"name": "x"}},
        {"deviation": [{}]},
        {"half \ud83d": 1},
        {"schema": "\ud83d"},
        {"statement": {"half \ud83d": {"\ud83d": []}}},
        {"statement": "\0"},
    ],
    ids=lambda change: next(iter(change)).encode("ascii", "replace").decode(),
)
def test_a_document_out_of_shape_is_rejected_with_the_reason(
    api: TestClient, document: dict[str, Any], change: dict[str, Any]
) -> None:
    answer = verdict(api, document | change)
    assert not answer["valid"]
    assert any(not check["passed"] and check["detail"] for check in answer["checks"])


@pytest.mark.parametrize("body", [{}, [], "text", 3, None, [[[[]]]]])
def test_json_that_is_no_certificate_is_rejected(api: TestClient, body: Any) -> None:
    [check] = verdict(api, body)["checks"]
    assert check["name"] == "document"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "not JSON"),
        (b"garbage", "not JSON"),
        (b'{"radius": NaN}', "finite numbers only"),
        (b'{"radius": -Infinity}', "finite numbers only"),
        (b'{"radius": 1, "radius": 2}', "'radius' is stated more than once"),
        (b"[" * 15_000, "not JSON"),
        (b'{"samples": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_what_is_not_json_is_a_problem(api: TestClient, body: bytes, words: str) -> None:
    response = api.post("/certificates/verify", content=body, headers={"content-type": "application/json"})
    assert words in problem_of(response, 400)["detail"]


def test_a_number_beyond_a_double_is_rejected(api: TestClient, document: dict[str, Any]) -> None:
    body = json.dumps(document | {"radius": 0.125}).replace("0.125", "1e400").encode()
    assert not verdict(api, body)["valid"]


def test_verifying_needs_no_queue_and_leaves_nothing_in_it(
    api: TestClient, document: dict[str, Any], shared_redis: Any
) -> None:
    before = shared_redis.client.dbsize()
    verdict(api, document)
    assert shared_redis.client.dbsize() == before


def test_many_words_have_a_row_for_each_number_of_altered_ones_in_the_curve_of_a_claim_too(api: TestClient) -> None:
    score = ScoreIdentity("pattern", 0.0, 1.0, two_valued=True, options={"pattern": "x"})
    made = certify_units(
        np.zeros(300),
        choice=UnitChoice(2_000, probability=0.005),
        seed=Seed.from_client(1),
        alpha=0.05,
        bound=1.0,
        diameter=1.0,
        keep=0.1,
        two_valued=True,
        score_claims=[AskedClaim(score, of="share", at_most=0.9)],
        scores=np.zeros((300, 1)),
    )
    assert isinstance(made, UnitsCertificate)
    assert len(made.score_claims[0].curve) > 256
    assert verdict(api, to_document(made))["valid"]
