"""Tasks of fidelity on the models that come with the project: which rows, and what must be equal in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from smoothgen.errors import InvalidParameters
from smoothgen.studies import FidelityRow, Task, measures
from smoothgen.studies.measures import PLAIN
from tests.support.workers.settings import CPU
from workers.evaluation.fidelity.task import fidelity
from workers.generators import load_generator
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings


@dataclass(frozen=True)
class One:
    """The one model of a test."""

    loaded: LoadedModel
    settings: Settings = CPU

    def model_of(self, task: Task) -> LoadedModel:
        return self.loaded


@pytest.fixture(scope="module")
def fashion() -> One:
    return One(LoadedModel(load_generator("fashion-32", CPU), Encoders(CPU), CPU))


@pytest.fixture(scope="module")
def smollm2() -> One:
    return One(LoadedModel(load_generator("smollm2-135m", CPU), Encoders(CPU), CPU))


def measured(models: One, setting: str, prompts: list[str], **settings: Any) -> dict[str, FidelityRow]:
    """The rows over all prompts by measure, and those of one prompt by measure and prompt."""
    whole = {"parameters": {}, "robustness": {}, "options": {"samples": 8}, "seed": 1, "prompts": prompts, **settings}
    task = Task(kind="fidelity", study="fidelity", model="m", setting=setting, settings=whole)
    rows = fidelity(models, task)
    assert all(isinstance(row, FidelityRow) and (row.model, row.setting) == ("m", setting) for row in rows)
    return {row.measure if row.prompt is None else f"{row.measure}: {row.prompt}": row for row in rows}


PICTURES = ["a red t-shirt", "a blue coat"]
FAST = {"num_inference_steps": 4}


def test_plain_pictures_agree_with_themselves_and_show_the_floor(fashion: One):
    found = measured(fashion, PLAIN, PICTURES, parameters=FAST, options={"samples": 8})
    assert found[measures.AGREEMENT].value == 1.0
    assert 0 < found[measures.FRECHET].value < found[measures.FRECHET_OF_PROMPTS].value
    assert found[measures.ACCURACY].value > 0.5
    assert found[measures.ACCURACY].samples == 16
    assert not any(name.startswith(measures.EMPIRICAL_W1) for name in found)


def test_much_noise_moves_pictures_further_than_little(fashion: One):
    little, much = (
        measured(fashion, str(sigma), PICTURES, parameters=FAST, robustness={"sigma": sigma}, options={"samples": 8})
        for sigma in (0.01, 2.0)
    )
    assert little[measures.AGREEMENT].value > 0.9 > much[measures.AGREEMENT].value
    assert little[measures.FRECHET].value < much[measures.FRECHET].value
    w1 = much[f"{measures.EMPIRICAL_W1}: a red t-shirt"]
    assert "attack of norm 1" in w1.unit
    assert w1.value < w1.high
    assert much[f"{measures.EMPIRICAL_W1_FLOOR}: a red t-shirt"].value > 0


TEXTS = ["The capital of France is", "Two plus two is"]
SHORT = {"max_new_tokens": 3}


def test_by_exhaustion_perplexity_does_not_rise_and_every_output_agrees(smollm2: One):
    found = measured(smollm2, "tokens", TEXTS, parameters=SHORT, robustness={"mechanism": "tokens"})
    assert found[measures.PERPLEXITY_INCREASE].value == 0.0
    assert found[measures.AGREEMENT].value == 1.0
    assert found[measures.BLEU_PLAIN].value == pytest.approx(100)


def test_noise_costs_perplexity_and_paraphrases_are_references(smollm2: One):
    options = {"samples": 6, "paraphrases": {TEXTS[0]: ["France's capital is"]}, "references": {TEXTS[1]: [" four"]}}
    noise = {"mechanism": "embedding", "sigma": 0.5, "snap": False}
    found = measured(smollm2, "sigma 0.5", TEXTS, parameters=SHORT, robustness=noise, options=options)
    assert found[measures.PERPLEXITY_INCREASE].value > 5
    assert found[measures.BLEU].samples == 12
    assert found[measures.AGREEMENT].value < 1
    assert found[measures.OVERHEAD].value > 0


def test_tasks_that_cannot_be_measured_are_refused(smollm2: One):
    task = {"kind": "fidelity", "study": "f", "model": "m", "setting": "s"}
    common = {"parameters": {}, "robustness": {}, "options": {}, "seed": 1}
    with pytest.raises(InvalidParameters, match="per_prompt = false"):
        fidelity(smollm2, Task(**task, prompt="a", settings=common))
    edits = {**common, "robustness": {"mechanism": "edits"}, "prompts": ["a b"]}
    with pytest.raises(InvalidParameters, match="not under mechanism 'edits'"):
        fidelity(smollm2, Task(**task, settings=edits))
