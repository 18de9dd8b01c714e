"""Every path from the prompt to the output passes through the noise, or is named in the certificate."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from smoothgen.contracts import TextParameters
from smoothgen.errors import InvalidParameters, InvalidPrompt
from tests.support.workers import tiny
from tests.support.workers.jobs import ON_EMBEDDING, run, spec
from workers.generators import Condition, Text
from workers.generators.language.adapter import LanguageModel

PROMPT = "The capital of France is"
GREEDY = TextParameters(max_new_tokens=8)
CHAT = TextParameters(max_new_tokens=8, chat=True)


@contextmanager
def seen_by(model: LanguageModel) -> Iterator[list[dict[str, Any]]]:
    """What the network itself is called with, call by call."""
    calls: list[dict[str, Any]] = []

    def keep(module: torch.nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        assert not positional
        calls.append(dict(named))

    handle = model._model.register_forward_pre_hook(keep, with_kwargs=True)
    try:
        yield calls
    finally:
        handle.remove()


def noise_for(condition: Condition, rows: int = 3) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (rows, *condition.embedding.shape)).astype(np.float32)


@pytest.mark.parametrize("chat", [False, True])
def test_noise_changes_the_prompts_embeddings_and_nothing_else(chat: bool, llama: LanguageModel):
    parameters = TextParameters(max_new_tokens=3, chat=chat)
    condition = llama.condition(PROMPT, parameters, ON_EMBEDDING)
    noise = noise_for(condition)
    with seen_by(llama) as calls:
        llama.generate(condition, noise, [], parameters)

    before, after = 0, 0
    if chat:
        text = llama._tokenizer.apply_chat_template(
            [{"role": "user", "content": PROMPT}], tokenize=False, add_generation_prompt=True
        )
        before, after = (len(llama._tokenizer(part)["input_ids"]) for part in text.split(PROMPT))
        assert before > 0 < after
    embeddings = calls[0]["inputs_embeds"].numpy()
    prompt = slice(before, embeddings.shape[1] - after)
    assert np.array_equal(embeddings[:, prompt], condition.noisy(noise).astype(np.float32))
    template = np.delete(embeddings, np.r_[prompt], axis=1)
    assert template.shape[1] == before + after
    assert (template == template[0]).all()


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_the_network_is_told_nothing_else_about_the_prompt(kind: str, request: pytest.FixtureRequest):
    model: LanguageModel = request.getfixturevalue(kind)
    conditions = [model.condition(prompt, GREEDY, ON_EMBEDDING) for prompt in ("abc", "xyz")]
    assert conditions[0].embedding.shape == conditions[1].embedding.shape
    noise = noise_for(conditions[0], rows=2)
    # The same noisy embedding, reached from two prompts: whatever else comes from the prompt would show.
    noises = [noise, conditions[0].mechanism.noisy(conditions[0].embedding, noise) - conditions[1].embedding]
    told = []
    for condition, row in zip(conditions, noises, strict=True):
        with seen_by(model) as calls:
            model.generate(condition, row, [], TextParameters(max_new_tokens=1))
        told.append(calls[0])
    assert told[0].keys() == told[1].keys()
    for name in told[0].keys() - {"past_key_values"}:
        one, other = told[0][name], told[1][name]
        if not isinstance(one, torch.Tensor):
            assert one == other, name
        elif name == "inputs_embeds":
            assert torch.allclose(one, other, atol=1e-6)
        else:
            assert torch.equal(one, other), name
    assert told[0].get("input_ids") is None


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_without_noise_greedy_is_plain_generate(kind: str, request: pytest.FixtureRequest):
    model: LanguageModel = request.getfixturevalue(kind)
    folder = request.getfixturevalue(f"{kind}_folder")
    tokenizer, plain = tiny.tokenizer(), AutoModelForCausalLM.from_pretrained(folder)
    for prompt in (PROMPT, "x", "Water boils at one hundred degrees. A triangle"):
        condition = model.condition(prompt, GREEDY, ON_EMBEDDING)
        ids = torch.tensor([tokenizer(prompt)["input_ids"]])
        tokens = plain.generate(ids, max_new_tokens=8, do_sample=False, pad_token_id=2)[0, ids.shape[1] :]
        expected = Text(tokenizer.decode(tokens, skip_special_tokens=True))
        assert model.generate(condition, 0 * condition.embedding[None], [], GREEDY) == [expected]


def test_without_noise_chat_is_the_models_own_template(llama: LanguageModel, llama_folder):
    tokenizer, plain = tiny.tokenizer(), AutoModelForCausalLM.from_pretrained(llama_folder)
    messages = [{"role": "user", "content": PROMPT}]
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    tokens = plain.generate(ids, max_new_tokens=8, do_sample=False, pad_token_id=2)[0, ids.shape[1] :]
    condition = llama.condition(PROMPT, CHAT, ON_EMBEDDING)
    served = llama.generate(condition, 0 * condition.embedding[None], [], CHAT)
    assert served == [Text(tokenizer.decode(tokens, skip_special_tokens=True))]


def test_what_is_held_fixed_is_named(llama: LanguageModel):
    count = len(tiny.tokenizer()(PROMPT)["input_ids"])
    assert llama.condition(PROMPT, GREEDY, ON_EMBEDDING).held_fixed == (
        f"token count ({count})",
        "attention mask and positions",
    )
    template = len(tiny.tokenizer()("<|im_start|>user\n<|im_end|>\n<|im_start|>assistant\n")["input_ids"])
    assert llama.condition(PROMPT, CHAT, ON_EMBEDDING).held_fixed[2] == f"chat template ({template} tokens)"


def test_the_certificate_names_what_is_held_fixed(llama: LanguageModel):
    job = spec(PROMPT, sigma=0.05, metric="edit", samples=20, parameters={"max_new_tokens": 2, "chat": True})
    certificate = run(job, llama).certificate
    assert certificate is not None
    assert certificate["threat"]["held_fixed"] == list(llama.condition(PROMPT, CHAT, ON_EMBEDDING).held_fixed)
    assert "chat template" in certificate["statement"]


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("special", tiny.SPECIAL)
def test_a_prompt_that_spells_a_special_token_means_its_characters(special: str, chat: bool, llama: LanguageModel):
    # Else a prompt could end its own turn and speak as the system.
    parameters = TextParameters(chat=chat)
    embedding = llama.condition(f"a{special}b", parameters, ON_EMBEDDING).embedding
    token = llama._model.get_input_embeddings().weight[tiny.SPECIAL.index(special)].detach().numpy()
    assert len(embedding) > 5
    assert not (embedding == token).all(axis=1).any()


def test_the_chat_templates_own_special_tokens_stay_special(llama: LanguageModel):
    template = llama.condition("a", CHAT, ON_EMBEDDING).template
    assert template is not None
    assert template.before[0] == tiny.SPECIAL.index("<|im_start|>")


def test_a_prompt_that_is_too_long_is_refused_with_its_counts(llama: LanguageModel):
    prompt = "x" * 125
    with pytest.raises(InvalidPrompt, match=rf"prompt has 125 tokens and max_new_tokens is 8; .* {tiny.LONGEST}"):
        llama.condition(prompt, GREEDY, ON_EMBEDDING)
    llama.condition("x" * 120, GREEDY, ON_EMBEDDING)  # exactly full
    with pytest.raises(InvalidPrompt, match="shorten the prompt or lower max_new_tokens"):
        llama.condition("x" * 120, CHAT, ON_EMBEDDING)


def test_the_longest_prompt_can_be_generated_from(llama: LanguageModel):
    condition = llama.condition("x" * 120, GREEDY, ON_EMBEDDING)
    [output] = llama.generate(condition, 0 * condition.embedding[None], [], GREEDY)
    assert isinstance(output, Text)


def test_chat_without_a_template_is_refused(gpt2: LanguageModel):
    with pytest.raises(InvalidParameters, match="no chat template; send chat=false"):
        gpt2.condition(PROMPT, CHAT, ON_EMBEDDING)


def test_a_template_that_repeats_the_prompt_is_refused(llama_folder, tmp_path):
    # The second copy would reach the network without noise.
    from tests.support.workers.settings import CPU
    from workers.generators.language.loading import load_language_model

    echo = "{% for m in messages %}{{ m['content'] }} again: {{ m['content'] }}{% endfor %}"
    folder = tiny.save(tiny.llama(), tmp_path, chat_template=echo)
    with pytest.raises(InvalidParameters, match=r"uses the prompt .* other than once"):
        load_language_model("echo", str(folder), CPU).condition(PROMPT, CHAT, ON_EMBEDDING)


def test_logits_that_are_not_finite_are_a_failed_sample(llama: LanguageModel):
    condition = llama.condition(PROMPT, GREEDY, ON_EMBEDDING)
    noise = noise_for(condition, rows=4)
    noise[2] = np.nan
    outputs = llama.generate(condition, noise, [], GREEDY)
    assert [isinstance(o, Text) for o in outputs] == [True, True, False, True]
