"""What the gateway makes of requests for mechanism edits, and the table of a certificate's runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from smoothgen.certificates import EditsCertificate, ModelIdentity, Provenance, certify_edits, to_document
from smoothgen.certificates.edits import KINDS, drawn_indices
from smoothgen.contracts import Edits, GenerateRequest, JobSpec, ModelCard, NeighboursView, RunWords
from smoothgen.errors import InvalidInput
from smoothgen.noise import Seed
from smoothgen.planning.plan import plan
from tests.app.conftest import NUMBERS, model_card, problem_of, register
from tests.app.test_neighbours import stored
from tests.support.processes import Lab, Redis

WORDS = model_card("words").model_copy(
    update={"mechanisms": ["embedding", "tokens", "edits"], "default_mechanism": "tokens"}
)


def body(robustness: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    return {"model": "words", "prompt": "a hat", "robustness": robustness, "parameters": parameters}


def planned(robustness: dict[str, Any], card: ModelCard = WORDS, **parameters: Any) -> JobSpec:
    return plan(GenerateRequest.model_validate(body(robustness, **parameters)), card, max_samples=5000)


def test_the_mechanism_alone_asks_for_one_edit_of_any_kind() -> None:
    job = planned({"mechanism": "edits"})
    assert job.request.robustness.edits == Edits()
    assert (list(KINDS), 1, []) == (Edits().kinds, Edits().at_once, Edits().variants)
    assert (job.mechanism, job.sigma, job.noised, job.samples_to_draw) == ("edits", None, False, 1)


def test_edits_alone_ask_for_their_mechanism() -> None:
    job = planned({"edits": {"kinds": ["typo"]}, "budget": 0.1, "confidence": 0.9})
    assert (job.mechanism, job.request.robustness.edits) == ("edits", Edits(kinds=["typo"]))
    assert planned({}).request.robustness.edits is None


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"sigma": 0.1}, "sigma", "is about noise"),
        ({"synonyms": True}, "synonyms", "it runs the model on edits of the prompt"),
        ({"adapt": "prompt", "budget": 0.1}, "adapt", "is about noise"),
        ({"lipschitz_estimate": True}, "lipschitz_estimate", "is about noise"),
        ({"tier": "fleet"}, "tier", "is about noise"),
        ({"tier": "universal"}, "tier", "is about noise"),
        ({"epsilon": 0.5}, "epsilon", "is about attacks of some l2 norm"),
        ({"radius_tolerance": 0.5}, "radius_tolerance", "edits.at_once says how many together"),
    ],
)
@pytest.mark.parametrize("how", [{"mechanism": "edits"}, {"edits": {}}])
def test_what_is_about_noise_or_norms_is_refused(
    asked: dict[str, Any], field: str, words: str, how: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        planned({**how, **asked})
    assert refused.value.field == f"robustness.{field}"


def test_fresh_randomness_is_refused_where_there_is_any() -> None:
    with pytest.raises(InvalidInput, match="mechanism 'edits' compares runs"):
        planned({"mechanism": "edits", "randomness": "fresh"}, temperature=0.5)
    assert planned({"mechanism": "edits", "randomness": "fresh"}).mechanism == "edits"


@pytest.mark.parametrize("mechanism", ["embedding", "tokens"])
def test_edits_under_another_mechanism_are_refused(mechanism: str) -> None:
    with pytest.raises(InvalidInput, match=f"edits are run under mechanism 'edits', and mechanism is '{mechanism}'"):
        planned({"mechanism": mechanism, "edits": {}})


def test_a_model_that_reads_no_words_offers_none() -> None:
    with pytest.raises(InvalidInput, match="unknown mechanism 'edits'; known: embedding"):
        planned({"edits": {}}, model_card(NUMBERS))


# Over HTTP


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    lab = Lab(tmp_path_factory.mktemp("edits"))
    with closing(lab):
        register(lab.redis, model_card(NUMBERS), WORDS)
        yield lab.redis


@pytest.fixture(scope="module")
def api(redis: Redis) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(redis_url=redis.url, default_wait_s=0)), base_url="http://localhost") as client:
        yield client


@pytest.mark.parametrize(
    ("edits", "pointer", "words"),
    [
        ({"kinds": ["slang"]}, "/robustness/edits/kinds/0", "'typo'"),
        ({"kinds": []}, "/robustness/edits", "the set of edits is empty"),
        ({"at_once": 3}, "/robustness/edits/at_once", "less than or equal to 2"),
        ({"at_once": 0}, "/robustness/edits/at_once", "greater than or equal to 1"),
        ({"at_once": True}, "/robustness/edits/at_once", "integer"),
        ({"variants": "a cap"}, "/robustness/edits/variants", "list"),
        ({"variants": ["a cap", " "]}, "/robustness/edits/variants/1", "blank"),
        ({"variants": ["a\0b"]}, "/robustness/edits/variants/0", "NUL"),
        ({"variants": ["x" * 32_769]}, "/robustness/edits/variants/0", "32768"),
        ({"variants": ["a cap"] * 1001}, "/robustness/edits/variants", "1000"),
        ({"variant": ["a cap"]}, "/robustness/edits/variant", "unknown field"),
        ("typo", "/robustness/edits", "object"),
    ],
)
def test_a_bad_set_is_named(api: TestClient, edits: Any, pointer: str, words: str) -> None:
    problem = problem_of(api.post("/generate", json=body({"edits": edits})), 422)
    assert pointer in {error["pointer"] for error in problem["errors"]}, problem
    assert words in str(problem)


def test_a_good_set_is_taken(api: TestClient) -> None:
    assert api.post("/generate", json=body({"edits": {"kinds": [], "variants": ["a cap"]}})).status_code == 202


def certificate(distances: list[float], seed: Seed | None = None) -> EditsCertificate:
    return certify_edits(
        distances,
        size=5,
        singles=3,
        sampled=seed is not None,
        seed=seed,
        alpha=0.0 if seed is None else 0.01,
        diameter=1.0,
        tolerance=0.1,
        provenance=Provenance(model=ModelIdentity(NUMBERS, "v1", "sha256:" + "0" * 64)),
    )


def said(count: int) -> list[RunWords]:
    return [RunWords(text=f"text {k}", writable=True, output=f"output {k}") for k in range(count)]


def listed(api: TestClient, job: str, **query: Any) -> NeighboursView:
    response = api.get(f"/certificates/{job}/neighbours", params=query)
    assert response.status_code == 200, response.text
    return NeighboursView.model_validate_json(response.content)


def test_a_set_run_whole_is_listed_in_its_order(api: TestClient, redis: Redis) -> None:
    made = certificate([0.0, 0.1, float("nan"), 0.0, 0.5])
    job = stored(redis, to_document(made), said(5))
    view = listed(api, job)
    assert (view.mechanism, view.radius, view.next_cost, view.runs, view.changed) == ("edits", 0.0, None, 5, 2)
    rows = [(each.rank, each.cost, each.distance, each.changed, each.text) for each in view.neighbours]
    assert rows == [
        (1, 1.0, 0.0, False, "text 0"),
        (2, 1.0, 0.1, False, "text 1"),
        (3, 1.0, None, True, "text 2"),
        (4, 2.0, 0.0, False, "text 3"),
        (5, 2.0, 0.5, True, "text 4"),
    ]
    assert [each.rank for each in listed(api, job, changed="true").neighbours] == [3, 5]
    assert [each.rank for each in listed(api, job, changed="true", limit=1).neighbours] == [
        made.claims.broken_by[0].index + 1
    ]
    problem = problem_of(api.post(f"/certificates/{job}/covers", json={"prompts": ["a cap"]}), 409)
    assert "comparing is not offered" in problem["detail"]


def test_a_text_that_was_drawn_twice_is_one_run_with_its_own_words(api: TestClient, redis: Redis) -> None:
    truth, seed = [0.0, 0.05, 1.0, 0.25, 0.0], Seed(5, "server")

    drawn = drawn_indices(seed, 5, 6).tolist()
    in_turn = list(dict.fromkeys(drawn))
    assert 1 < len(in_turn) < 6
    assert in_turn != sorted(in_turn)
    made = certificate([truth[number] for number in drawn], seed)
    view = listed(api, stored(redis, to_document(made), said(len(in_turn))))
    assert [each.rank - 1 for each in view.neighbours] == sorted(in_turn)
    for each in view.neighbours:
        assert each.distance == truth[each.rank - 1]
        assert each.text == f"text {in_turn.index(each.rank - 1)}"
    assert (view.radius, view.runs) == (None, len(in_turn))
    assert view.next_cost == (1.0 if np.setdiff1d(range(3), in_turn).size else 2.0)
