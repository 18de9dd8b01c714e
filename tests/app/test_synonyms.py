"""Planning a job on synonym classes: what it is certified as, and what is refused at the door."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from smoothgen.contracts import GenerateRequest, JobSpec, ModelCard, PartitionCard
from smoothgen.errors import InvalidInput
from smoothgen.mechanisms import Gaussian, SynonymClasses, mechanism_from_dict
from smoothgen.planning.plan import plan
from tests.app.conftest import NUMBERS, PICTURES, image_card, model_card

PARTITION = PartitionCard(name="words", version="3", digest="sha256:" + "c" * 64, classes=2, words=5)


def card(name: str = NUMBERS, synonyms: PartitionCard | None = PARTITION) -> ModelCard:
    plain = image_card(name, smallest_side=64, largest_side=64) if name == PICTURES else model_card(name)
    return plain.model_copy(update={"synonyms": synonyms})


def planned(of: ModelCard, **robustness: Any) -> JobSpec:
    body = {"model": of.id, "prompt": "a red car", "robustness": {"tolerance": 0.1, "synonyms": True, **robustness}}
    return plan(GenerateRequest.model_validate(body), of, max_samples=1000)


@pytest.mark.parametrize("tier", ["request", "universal", "fleet"])
@pytest.mark.parametrize("name", [NUMBERS, PICTURES])
def test_a_job_names_the_partition_its_worker_announced(name: str, tier: str):
    job = planned(card(name), tier=tier)
    assert job.partition == PARTITION.digest
    assert planned(card(name), synonyms=False).partition is None


def test_a_fleet_pools_requests_of_one_partition():
    pool = planned(card(), tier="fleet", sigma=0.5).pool
    assert pool is not None
    assert mechanism_from_dict(pool.mechanism) == SynonymClasses("words", "3", PARTITION.digest, Gaussian(0.5))
    other = PARTITION.model_copy(update={"version": "4", "digest": "sha256:" + "d" * 64})
    pools = [planned(card(), tier="fleet", sigma=0.5, synonyms=s).pool for s in (True, False)]
    pools.append(planned(card(synonyms=other), tier="fleet", sigma=0.5).pool)
    assert len({p.id for p in pools if p is not None}) == 3


@pytest.mark.parametrize("mechanism", ["embedding-per-step", "latent-schedule"])
def test_noise_elsewhere_is_refused_by_name(mechanism: str):
    with pytest.raises(InvalidInput, match=f"synonyms=true .* mechanism '{mechanism}'") as error:
        planned(card(PICTURES), mechanism=mechanism)
    assert error.value.field == "robustness.synonyms"


def test_a_level_chosen_at_one_text_is_refused():
    of = card()
    with pytest.raises(InvalidInput, match="adapt='prompt'"):
        planned(of, adapt="prompt", budget=0.1)


def test_a_model_without_words_is_refused():
    with pytest.raises(InvalidInput, match="takes no words as its prompt"):
        planned(card(synonyms=None))


@pytest.mark.parametrize("value", ["true", 1, None, "wordnet-synonyms"])
def test_the_field_is_a_boolean(value: Any):
    with pytest.raises(ValidationError):
        planned(card(), synonyms=value)
