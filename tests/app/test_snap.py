"""What the gateway makes of requests for noise that is followed by the token snap."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from app.planning.plan import plan
from smoothgen.contracts import GenerateRequest, JobSpec, ModelCard, PartitionCard
from smoothgen.errors import InvalidInput
from tests.app.conftest import NUMBERS, PICTURES, image_card, model_card

PARTITION = PartitionCard(name="words", version="3", digest="sha256:" + "c" * 64, classes=2, words=5)
READS_TOKENS = model_card("words").model_copy(
    update={
        "mechanisms": ["tokens", "embedding", "edits"],
        "default_mechanism": "tokens",
        "default_snapped_sigma": 0.25,
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


def test_without_it_all_is_as_before() -> None:
    assert planned({}).mechanism == "tokens"
    raw = planned({"mechanism": "embedding"})
    assert (raw.sigma, raw.request.robustness.snap) == (READS_TOKENS.default_sigma, False)
    assert planned({"mechanism": "tokens", "snap": False}).sigma is None


@pytest.mark.parametrize(
    "asked", [{"synonyms": True}, {"tier": "universal"}, {"randomness": "fresh"}, {"epsilon": 0.1}]
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
        ({"tier": "fleet"}, "tier", "pools of the fleet"),
    ],
)
def test_it_is_refused_with(asked: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as error:
        planned({"snap": True, **asked})
    assert error.value.field == f"robustness.{field}"


@pytest.mark.parametrize("mechanism", ["embedding", "embedding-per-step", "latent-schedule"])
def test_a_model_that_reads_no_tokens_refuses_it(mechanism: str) -> None:
    card = image_card(PICTURES, smallest_side=64, largest_side=64)
    with pytest.raises(InvalidInput, match="snap=true") as error:
        planned({"snap": True, "mechanism": mechanism}, card)
    assert error.value.field == "robustness.snap"
    with pytest.raises(InvalidInput, match="does not read its prompt as tokens"):
        planned({"snap": True}, model_card(NUMBERS))


@pytest.mark.parametrize("value", [1, 0, "true", "", None, [], 0.2, {}])
def test_it_is_true_or_false(value: Any) -> None:
    with pytest.raises(ValidationError, match="snap"):
        planned({"snap": value})
