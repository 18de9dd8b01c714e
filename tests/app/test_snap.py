"""What the gateway makes of requests for noise that is followed by the token snap."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from smoothgen.contracts import Calibration, GenerateRequest, JobSpec, ModelCard, PartitionCard
from smoothgen.errors import InvalidInput
from smoothgen.planning.plan import plan
from tests.app.conftest import NUMBERS, PICTURES, image_card, model_card

PARTITION = PartitionCard(name="words", version="3", digest="sha256:" + "c" * 64, classes=2, words=5)
READS_TOKENS = model_card("words").model_copy(
    update={
        "mechanisms": ["tokens", "embedding", "edits"],
        "default_mechanism": "tokens",
        "default_snapped_sigma": 0.25,
        "snap_table": "sha256:" + "d" * 64,
        "synonyms": PARTITION,
    }
)


def planned(robustness: dict[str, Any], card: ModelCard = READS_TOKENS) -> JobSpec:
    body = {"model": card.id, "prompt": "a hat", "robustness": robustness}
    return plan(GenerateRequest.model_validate(body), card, max_samples=5000)


def test_snap_asks_for_noise_at_a_level_of_its_own() -> None:
    job = planned({"snap": True})
    assert (job.mechanism, job.sigma, job.request.robustness.snap) == ("embedding", 0.25, True)
    assert planned({"snap": True, "mechanism": "embedding", "sigma": 0.5}).sigma == 0.5


@pytest.mark.parametrize(
    "asked",
    [
        {"mechanism": "embedding"},
        {"mechanism": "embedding", "epsilon": 0.1, "samples": 50},
        {"tier": "universal"},
        {"tier": "fleet"},
        {"synonyms": True},
        {"randomness": "fresh"},
    ],
)
def test_noise_is_snapped_where_nothing_asks_for_other_noise(asked: dict[str, Any]) -> None:
    job = planned(asked)
    assert (job.mechanism, job.sigma, job.request.robustness.snap) == ("embedding", 0.25, True)
    raw = planned({**asked, "snap": False, "mechanism": "embedding"})
    assert (raw.sigma, raw.request.robustness.snap) == (READS_TOKENS.default_sigma, False)


@pytest.mark.parametrize(
    ("asked", "sigma"),
    [
        ({"sigma": 0.5}, 0.5),
        ({"sigma": 0.5, "mechanism": "embedding", "tier": "universal"}, 0.5),
        ({"lipschitz_estimate": True}, 1.0),
        ({"lipschitz_estimate": "autodiff", "mechanism": "embedding"}, 1.0),
        ({"sigma": 0.5, "tier": "fleet"}, 0.5),
        ({"budget": 0.1, "mechanism": "embedding"}, 0.5),
        ({"budget": 0.1, "adapt": "prompt"}, 0.5),
    ],
)
def test_noise_stays_as_it_is_drawn_where_a_level_a_budget_or_an_estimate_is_asked_for(
    asked: dict[str, Any], sigma: float
) -> None:
    calibration = Calibration(
        metric="absolute", sigmas=[0.5, 1.0], displacements=[0.1, 0.2], prompts=1, probes=1, seed="0", parameters={}
    )
    card = READS_TOKENS.model_copy(update={"metrics": model_card("words", calibration).metrics})
    job = planned(asked, card)
    assert (job.mechanism, job.sigma, job.request.robustness.snap) == ("embedding", sigma, False)


def test_without_noise_nothing_is_snapped_after_it() -> None:
    for asked in ({}, {"mechanism": "tokens"}, {"mechanism": "tokens", "snap": False}, {"edits": {}}, {"snap": None}):
        job = planned(asked)
        assert (job.sigma, job.request.robustness.snap) == (None, False)


def test_a_model_that_reads_no_tokens_keeps_its_noise() -> None:
    job = planned({"mechanism": "embedding"}, model_card(NUMBERS))
    assert (job.sigma, job.request.robustness.snap) == (1.0, False)


@pytest.mark.parametrize(
    "asked", [{"synonyms": True}, {"tier": "universal"}, {"tier": "fleet"}, {"randomness": "fresh"}, {"epsilon": 0.1}]
)
def test_it_goes_with(asked: dict[str, Any]) -> None:
    assert planned({"snap": True, **asked}).sigma == 0.25


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"mechanism": "tokens"}, "snap", "draws none"),
        ({"mechanism": "edits"}, "snap", "draws none"),
        ({"edits": {}}, "snap", "draws none"),
        ({"budget": 0.1}, "budget", "calibrated for"),
        ({"budget": 0.1, "adapt": "prompt"}, "budget", "calibrated for"),
        ({"lipschitz_estimate": True}, "lipschitz_estimate", "not snapped"),
        ({"lipschitz_estimate": "autodiff"}, "lipschitz_estimate", "not snapped"),
    ],
)
def test_it_is_refused_with(asked: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as error:
        planned({"snap": True, **asked})
    assert error.value.field == f"robustness.{field}"


def test_pools_of_the_fleet_are_kept_apart_by_level_and_snap() -> None:
    asked = [{}, {"snap": True, "sigma": 0.5}, {"snap": False}, {"sigma": 0.5}, {"snap": True, "synonyms": True}]
    pools = [planned({"tier": "fleet", **each}).pool for each in asked]
    assert [(p.mechanism.get("sigma"), p.snap) for p in pools if p is not None] == [
        (0.25, READS_TOKENS.snap_table),
        (0.5, READS_TOKENS.snap_table),
        (1.0, None),
        (0.5, None),
        (None, READS_TOKENS.snap_table),
    ]
    assert len({p.id for p in pools if p is not None}) == len(asked)
    assert pools[0] == planned({"tier": "fleet", "snap": True}).pool


def test_a_pool_without_the_snap_is_written_as_it_always_was() -> None:
    pool = planned({"tier": "fleet", "snap": False}).pool
    assert pool is not None
    assert "snap" not in pool.model_dump_json()


def test_the_fleet_takes_no_snap_to_a_table_that_no_worker_names() -> None:
    silent = READS_TOKENS.model_copy(update={"snap_table": None})
    job = planned({"tier": "fleet"}, silent)
    assert (job.sigma, job.request.robustness.snap, job.pool and job.pool.snap) == (1.0, False, None)
    with pytest.raises(InvalidInput, match="do not say which it is") as error:
        planned({"tier": "fleet", "snap": True}, silent)
    assert error.value.field == "robustness.snap"


@pytest.mark.parametrize("mechanism", ["embedding", "embedding-per-step", "latent-schedule"])
def test_a_model_that_reads_no_tokens_refuses_it(mechanism: str) -> None:
    card = image_card(PICTURES, smallest_side=64, largest_side=64)
    with pytest.raises(InvalidInput, match="snap=true") as error:
        planned({"snap": True, "mechanism": mechanism}, card)
    assert error.value.field == "robustness.snap"
    with pytest.raises(InvalidInput, match="does not read its prompt as tokens"):
        planned({"snap": True}, model_card(NUMBERS))


@pytest.mark.parametrize("value", [1, 0, "true", "", [], 0.2, {}])
def test_it_is_true_false_or_left_open(value: Any) -> None:
    with pytest.raises(ValidationError, match="snap"):
        planned({"snap": value})
