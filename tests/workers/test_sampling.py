"""Temperature sampling: an exact draw from the model's own distribution, with numbers that belong to the sample."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import AutoModelForCausalLM

from smoothgen.contracts import TextParameters
from smoothgen.noise import Seed, Stream
from tests.support.workers import tiny
from tests.support.workers.jobs import ON_EMBEDDING
from workers.generators import Draw, Text
from workers.generators.language.adapter import LanguageModel

PROMPT = "Water boils at"
SEED = Seed(7, "server")
DRAWS = 4000
ONE_IN_A_MILLION = 1e-6


def fresh(count: int, start: int = 0) -> list[Draw]:
    return [Draw(SEED, Stream.GENERATOR, i) for i in range(start, start + count)]


def common(count: int) -> list[Draw]:
    return [Draw(SEED, Stream.GENERATOR_COMMON, 0)] * count


def texts(model: LanguageModel, draws: Sequence[Draw], **asked: Any) -> list[str]:
    """Outputs without noise, one for each draw."""
    parameters = TextParameters(**asked)
    condition = model.condition(PROMPT, parameters, ON_EMBEDDING)
    noise = np.zeros((len(draws), *condition.embedding.shape), dtype=np.float32)
    outputs = model.generate(condition, noise, draws, parameters)
    return [o.text for o in outputs if isinstance(o, Text)]


@pytest.fixture(scope="module")
def logits(llama_folder) -> np.ndarray:
    """The first new token's, from transformers itself."""
    plain = AutoModelForCausalLM.from_pretrained(llama_folder)
    with torch.inference_mode():
        return plain(torch.tensor([tiny.tokenizer()(PROMPT)["input_ids"]])).logits[0, -1].double().numpy()


def softmax(logits: np.ndarray) -> np.ndarray:
    weights = np.exp(logits - logits.max())
    return weights / weights.sum()


def by_text(probabilities: np.ndarray) -> Counter[str]:
    """Probability of each first text: several tokens may read the same."""
    tokenizer, law = tiny.tokenizer(), Counter[str]()
    for token, probability in enumerate(probabilities):
        law[tokenizer.decode([token], skip_special_tokens=True)] += probability
    return law


def p_value(drawn: list[str], law: Counter[str]) -> float:
    """Chi-square test of counts against a law, cells expected fewer than ten times taken together."""
    counts, n = Counter(drawn), len(drawn)
    cells = [text for text in law if n * law[text] >= 10]
    expected = [n * law[text] for text in cells]
    observed = [counts[text] for text in cells]
    rest = n - sum(expected)
    if rest > 1e-6 * n:
        expected, observed = [*expected, rest], [*observed, n - sum(observed)]
    assert sum(observed) == n
    return float(chisquare(observed, np.array(expected) * n / sum(expected)).pvalue)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_sample_is_an_exact_draw_from_the_softmax(temperature: float, llama: LanguageModel, logits: np.ndarray):
    drawn = texts(llama, fresh(DRAWS), temperature=temperature, max_new_tokens=1)
    assert len(set(drawn)) > 3
    assert p_value(drawn, by_text(softmax(logits / temperature))) > ONE_IN_A_MILLION


def test_the_test_tells_temperatures_apart(llama: LanguageModel, logits: np.ndarray):
    drawn = texts(llama, fresh(DRAWS), temperature=1.0, max_new_tokens=1)
    assert p_value(drawn, by_text(softmax(logits / 1.3))) < ONE_IN_A_MILLION


def test_top_k_draws_among_the_k_likeliest(llama: LanguageModel, logits: np.ndarray):
    kept = np.where(logits >= np.sort(logits)[-3], logits, -np.inf)
    drawn = texts(llama, fresh(DRAWS), temperature=2.0, top_k=3, max_new_tokens=1)
    assert p_value(drawn, by_text(softmax(kept / 2.0))) > ONE_IN_A_MILLION


def test_top_p_draws_among_the_likeliest_of_mass_p(llama: LanguageModel, logits: np.ndarray):
    order = np.argsort(-logits)
    mass = np.cumsum(softmax(logits / 2.0)[order])
    nucleus = order[: int(np.searchsorted(mass, 0.6)) + 1]
    kept = np.full_like(logits, -np.inf)
    kept[nucleus] = logits[nucleus]
    assert 1 < len(nucleus) < len(logits) / 2
    drawn = texts(llama, fresh(DRAWS), temperature=2.0, top_p=0.6, max_new_tokens=1)
    assert p_value(drawn, by_text(softmax(kept / 2.0))) > ONE_IN_A_MILLION


@pytest.mark.parametrize("temperature", [1e-300, 1e-9])
def test_a_temperature_near_zero_is_greedy(temperature: float, llama: LanguageModel):
    greedy = texts(llama, fresh(1), max_new_tokens=6)
    assert texts(llama, fresh(5), temperature=temperature, max_new_tokens=6) == 5 * greedy


def test_common_randomness_shares_the_numbers_and_fresh_does_not(llama: LanguageModel):
    asked = {"temperature": 1.5, "max_new_tokens": 6}
    assert len(set(texts(llama, common(8), **asked))) == 1
    assert len(set(texts(llama, fresh(8), **asked))) > 4


def test_another_seed_shares_other_numbers(llama: LanguageModel):
    other = [Draw(Seed(8, "server"), Stream.GENERATOR_COMMON, 0)]
    asked = {"temperature": 1.5, "max_new_tokens": 6}
    assert texts(llama, other, **asked) != texts(llama, common(1), **asked)


def test_every_token_has_its_own_numbers(llama: LanguageModel):
    # Reused ones would couple the tokens of a text, and the draw would not be the model's.
    shown = texts(llama, fresh(400), temperature=10.0, max_new_tokens=4)
    # A few per cent show the same character four times: every lone byte beyond ASCII reads as U+FFFD.
    assert sum(text == 4 * text[: len(text) // 4] for text in shown) < 100


@pytest.mark.parametrize("batch", [1, 3, 20])
def test_a_draw_is_the_same_in_any_batch(batch: int, llama: LanguageModel):
    asked = {"temperature": 1.0, "max_new_tokens": 6}
    parts = [texts(llama, fresh(batch, start), **asked) for start in range(0, 60, batch)]
    assert [text for part in parts for text in part] == texts(llama, fresh(60), **asked)
