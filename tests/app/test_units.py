"""What the gateway makes of requests for mechanisms passages and words, and what it says of other units."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from smoothgen.certificates import ModelIdentity, Provenance, UnitsCertificate, certify_units, to_document
from smoothgen.certificates.units import UnitChoice, UnitsThreat
from smoothgen.contracts import GenerateRequest, JobSpec, ModelCard, NeighboursView, RunWords, Units
from smoothgen.errors import InvalidInput
from smoothgen.noise import Seed, Stream
from smoothgen.planning.plan import plan
from tests.app.conftest import NUMBERS, model_card, problem_of, register
from tests.app.test_neighbours import stored
from tests.support.processes import Lab, Redis

LABEL = {"name": "label", "extract": {"kind": "regex", "pattern": "[0-9]+"}}
CONTEXT = [f"Passage {letter} says 5." for letter in "abcdefghij"]
WORDS = model_card("words").model_copy(
    update={
        "mechanisms": ["tokens", "embedding", "edits", "passages", "words"],
        "default_mechanism": "tokens",
        "metrics": [
            model_card("words").metrics[0],
            model_card("words").metrics[0].model_copy(update={"name": "label", "diameter": 1.0}),
        ],
    }
)


def body(robustness: dict[str, Any] | None = None, **top: Any) -> dict[str, Any]:
    return {
        "model": "words",
        "prompt": "What is the dose?",
        "context": CONTEXT,
        "robustness": {"metric": LABEL, **(robustness or {})},
        **top,
    }


def planned(robustness: dict[str, Any] | None = None, card: ModelCard = WORDS, **top: Any) -> JobSpec:
    given = {name: value for name, value in body(robustness, **top).items() if value is not None}
    return plan(GenerateRequest.model_validate(given), card, max_samples=5000)


def test_a_context_asks_for_passages_and_the_majority() -> None:
    job = planned()
    assert (job.mechanism, job.noised, job.sigma, job.request.robustness.keep) == ("passages", False, None, 0.5)
    units = job.units
    assert units is not None
    # With 4 of 10 a passage reaches 210·4/10 of 210 runs, 0.4; with 5 it is one half, which leaves no majority.
    assert (units.units, units.size, units.subsets, units.draws, units.chosen) == (10, 4, 210, None, "server")
    assert units.choice == UnitChoice(10, size=4)
    assert (job.samples_to_draw, job.certification_samples) == (32, 210)


def test_the_default_size_falls_with_what_is_asked() -> None:
    sizes = [planned({"units": {"altered": m}}).units for m in (1, 2, 3)]
    assert [None if units is None else units.size for units in sizes] == [4, 2, 1]


def test_more_subsets_than_samples_are_drawn() -> None:
    units = planned({"units": {"size": 5}, "samples": 251}).units
    assert units is not None
    assert (units.subsets, units.draws, units.enumerated, units.chosen) == (252, 251, False, "request")
    units = planned({"units": {"size": 5}, "samples": 252}).units
    assert units is not None
    assert (units.draws, units.enumerated) == (None, True)


def test_astronomically_many_subsets_are_not_counted() -> None:
    units = planned(context=["a"] * 1000).units
    assert units is not None
    assert (units.subsets, units.draws, units.size) == (None, 500, 486)


def test_words_are_kept_by_a_probability_that_their_number_does_not_change() -> None:
    one = planned({"mechanism": "words"}, context=None, prompt="a b c d e f").units
    other = planned({"mechanism": "words"}, context=None, prompt="a b c").units
    assert one is not None
    assert other is not None
    assert (one.units, one.size, other.units, other.probability) == (6, None, 3, one.probability)
    assert one.probability is not None
    assert 0.4 < one.probability < 0.5
    in_context = planned({"mechanism": "words"}).units
    assert in_context is not None
    assert in_context.units == 4 * len(CONTEXT)


def test_a_tolerance_asks_for_w1() -> None:
    job = planned({"tolerance": 0.4})
    assert job.request.robustness.keep is None
    assert job.tolerance == 0.4
    assert job.units is not None
    assert job.units.size == 4
    assert planned({"metric": "absolute"}).request.robustness.keep is None


@pytest.mark.parametrize(
    ("robustness", "top", "field", "words"),
    [
        ({"mechanism": "tokens"}, {}, "context", "mechanism 'tokens' reads the prompt alone"),
        ({"sigma": 0.1, "mechanism": "embedding"}, {}, "context", "reads the prompt alone"),
        ({"mechanism": "tokens", "units": {"size": 2}}, {"context": None}, "robustness.units", "the prompt alone"),
        ({"units": {"size": 2}}, {"context": None}, "robustness.units", "send context"),
        ({"mechanism": "passages"}, {"context": None}, "context", "the request has none; send context"),
        ({"edits": {}}, {}, "context", "mechanism 'edits' reads the prompt alone"),
        ({"units": {"size": 10}}, {}, "robustness.units.size", "ask for a size of at most 9"),
        ({"units": {"size": 3, "altered": 8}}, {}, "robustness.units.altered", "ask for at most 7"),
        ({"units": {"probability": 0.3, "altered": 11}}, {}, "robustness.units.altered", "ask for at most 10"),
        ({"units": {"altered": 10}}, {}, "context", "send at least 21 passages, or ask for fewer altered units"),
        ({}, {"context": ["only one"]}, "context", "by any number of runs, even at size 1; send at least 3 passages"),
        ({"samples": 8, "units": {"altered": 4}}, {}, "robustness.units.altered", "or allow more runs"),
        ({"sigma": 0.1}, {}, "robustness.sigma", "some of the passages at a time"),
        ({"budget": 0.1}, {}, "robustness.budget", "units.size or units.probability"),
        ({"epsilon": 0.5}, {}, "robustness.epsilon", "units.altered asks for a number"),
        ({"radius_tolerance": 0.5}, {}, "robustness.radius_tolerance", "counts passages"),
        ({"tier": "fleet"}, {}, "robustness.tier", "is about noise"),
        ({"synonyms": True}, {}, "robustness.synonyms", "is about noise"),
        ({"snap": True}, {}, "robustness.snap", "is about noise"),
        ({"keep": 0.5, "metric": "absolute"}, {}, "robustness.keep", "compares none"),
        (
            {"randomness": "fresh"},
            {"parameters": {"temperature": 0.5}},
            "robustness.randomness",
            "mechanism 'passages' compares runs",
        ),
        ({}, {"prompt": "{context} and {context}"}, "prompt", "says {context} 2 times"),
        ({}, {"output": "sample"}, "output", "leave output out"),
        ({}, {"output": "majority"}, "output", "the answer that most selection runs give"),
        ({"mechanism": "words"}, {"context": None, "prompt": "a " * 1001}, "prompt", "has 1001 words"),
        ({"mechanism": "words"}, {"context": ["a " * 1001]}, "context", "has 1001 words"),
    ],
)
def test_what_a_request_may_not_say(robustness: dict[str, Any], top: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        planned(robustness, **top)
    assert words in str(refused.value)
    assert refused.value.field == field


def test_a_model_that_reads_no_words_offers_none() -> None:
    with pytest.raises(InvalidInput, match="reads no passages: it offers mechanisms embedding") as refused:
        planned(card=model_card(NUMBERS))
    assert refused.value.field == "context"
    with pytest.raises(InvalidInput, match="unknown mechanism 'words'; known: embedding"):
        planned({"mechanism": "words"}, card=model_card(NUMBERS), context=None)


def test_a_place_in_the_prompt_is_a_place_only_where_there_is_a_context() -> None:
    assert planned({"mechanism": "words"}, context=None, prompt="{context} {context} a").units is not None


# Over HTTP


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    lab = Lab(tmp_path_factory.mktemp("units"))
    with closing(lab):
        register(lab.redis, model_card(NUMBERS), WORDS)
        yield lab.redis


@pytest.fixture(scope="module")
def api(redis: Redis) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(redis_url=redis.url, default_wait_s=0)), base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"context": []}, "/context", "at least 1"),
        ({"context": ["a", " "]}, "/context/1", "the passage is empty"),
        ({"context": ["a", ""]}, "/context/1", "the passage is empty"),
        ({"context": ["a\0b"]}, "/context/0", "NUL"),
        ({"context": ["x" * 32_769]}, "/context/0", "32768"),
        ({"context": ["a"] * 1001}, "/context", "1000"),
        ({"context": "a passage"}, "/context", "list"),
        ({"context": [1, 2]}, "/context/0", "string"),
        ({"robustness": {"units": {"size": 2, "probability": 0.5}}}, "/robustness/units", "give one"),
        ({"robustness": {"units": {"size": 0}}}, "/robustness/units/size", "greater than or equal to 1"),
        ({"robustness": {"units": {"size": 2.5}}}, "/robustness/units/size", "integer"),
        ({"robustness": {"units": {"probability": 0.0}}}, "/robustness/units/probability", "greater than 0"),
        ({"robustness": {"units": {"probability": 1.0}}}, "/robustness/units/probability", "less than 1"),
        ({"robustness": {"units": {"altered": 0}}}, "/robustness/units/altered", "greater than or equal to 1"),
        ({"robustness": {"units": {"count": 2}}}, "/robustness/units/count", "unknown field"),
        ({"robustness": {"units": 3}}, "/robustness/units", "object"),
        ({"robustness": {"keep": 1.0, "metric": LABEL}}, "/robustness/keep", "less than 1"),
        ({"robustness": {"units": {"size": 10}, "metric": LABEL}}, "/robustness/units/size", "at most 9"),
    ],
)
def test_bad_input_is_named(api: TestClient, changes: dict[str, Any], pointer: str, words: str) -> None:
    problem = problem_of(api.post("/generate", json={**body(), **changes}), 422)
    assert pointer in {error["pointer"] for error in problem["errors"]}, problem
    assert words in json.dumps(problem)


def test_ten_thousand_passages_are_refused_before_they_are_read(api: TestClient) -> None:
    problem = problem_of(api.post("/generate", json=body(context=["a"] * 10_000)), 422)
    assert "values" in problem["detail"]


def test_a_good_context_is_taken(api: TestClient) -> None:
    assert api.post("/generate", json=body()).status_code == 202
    assert api.post("/generate", json=body(context=CONTEXT * 100)).status_code == 202
    assert Units(size=2).altered is None
    assert np.array_equal(UnitChoice(3, size=1).enumerated(), np.eye(3, dtype=bool))


def certificate(seed: Seed | None, **asked: Any) -> UnitsCertificate:
    """Of three passages, one a run or each with one half, where the second is a lie."""
    choice = UnitChoice(3, size=1) if seed is None else UnitChoice(3, probability=0.5)
    kept = choice.enumerated() if seed is None else choice.drawn(seed, Stream.UNITS_CERTIFICATION, range(12))
    made = certify_units(
        kept[:, 1].astype(float),
        choice=choice,
        seed=seed,
        bound=1.0,
        diameter=1.0,
        alpha=0.0 if seed is None else 0.1,
        two_valued=True,
        threat=UnitsThreat("passages"),
        provenance=Provenance(model=ModelIdentity(NUMBERS, "v1", "sha256:" + "0" * 64)),
        **asked,
    )
    assert isinstance(made, UnitsCertificate)
    return made


def listed(api: TestClient, job: str, **query: Any) -> NeighboursView:
    response = api.get(f"/certificates/{job}/neighbours", params=query)
    assert response.status_code == 200, response.text
    return NeighboursView.model_validate_json(response.content)


def outputs(count: int) -> list[RunWords]:
    return [RunWords(text=None, writable=True, output=f"output {k}") for k in range(count)]


def test_all_subsets_are_listed_with_the_units_they_kept(api: TestClient, redis: Redis) -> None:
    job = stored(redis, to_document(certificate(None, keep=0.5)), outputs(3))
    view = listed(api, job)
    assert (view.mechanism, view.runs, view.changed, view.tolerance, view.radius) == ("passages", 3, 1, 0.0, 0.0)
    rows = [(each.rank, each.cost, each.text, each.changed, each.writable, each.output) for each in view.neighbours]
    assert rows == [
        (1, 2.0, "1", False, None, "output 0"),
        (2, 2.0, "2", True, None, "output 1"),
        (3, 2.0, "3", False, None, "output 2"),
    ]
    assert [each.text for each in listed(api, job, changed="true").neighbours] == ["2"]


def test_a_subset_that_was_drawn_twice_is_one_run_with_its_own_words(api: TestClient, redis: Redis) -> None:
    seed = Seed(5, "server")
    made = certificate(seed, tolerance=0.5)
    drawn = made.choice.drawn(seed, Stream.UNITS_CERTIFICATION, range(12)).tolist()
    in_turn = list(dict.fromkeys(map(tuple, drawn)))
    assert 1 < len(in_turn) < 12
    view = listed(api, stored(redis, to_document(made), outputs(len(in_turn))))
    numbers = [", ".join(str(k + 1) for k in range(3) if kept[k]) for kept in in_turn]
    assert [each.text for each in view.neighbours] == numbers
    assert [each.output for each in view.neighbours] == [f"output {k}" for k in range(len(in_turn))]
    assert [each.changed for each in view.neighbours] == [kept[1] for kept in in_turn]
    assert [each.cost for each in view.neighbours] == [3.0 - sum(kept) for kept in in_turn]


def test_a_certificate_of_many_units_is_verified_over_http(api: TestClient) -> None:
    choice = UnitChoice(1000, size=2)
    made = certify_units(
        np.zeros(500), choice=choice, seed=Seed(5, "client"), bound=1.0, diameter=1.0, alpha=0.001, two_valued=True,
        keep=0.5,
    )  # fmt: skip
    assert isinstance(made, UnitsCertificate)
    assert len(made.claims.curve) > 256
    verdict = api.post("/certificates/verify", json=to_document(made)).json()
    assert verdict["valid"], verdict
