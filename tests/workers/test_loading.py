"""Where language models come from: folders of safetensors, GGUF files, hub names; and what is refused, in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import GenerationConfig, T5Config, T5ForConditionalGeneration

from smoothgen.contracts import TextParameters
from smoothgen.errors import InvalidParameters, UnknownName
from tests.support.workers import tiny
from tests.support.workers.jobs import ON_EMBEDDING
from tests.support.workers.settings import CPU
from tests.support.workers.tiny_gguf import write_gguf
from workers.generators import Text
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.loading import load_language_model
from workers.generators.registry import load_generator
from workers.settings import Settings


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_a_folder_of_safetensors_is_served(kind: str, request: pytest.FixtureRequest):
    model: LanguageModel = request.getfixturevalue(kind)
    assert model.identity.name == f"tiny-{kind}"
    assert model.identity.revision == "local"
    assert model.identity.digest.startswith("sha256:")
    assert model.longest_prompt_tokens == tiny.LONGEST


def test_a_name_and_its_source_are_told_apart(llama_folder: Path):
    assert load_generator(f"mine={llama_folder}", CPU).identity.name == "mine"
    assert load_generator(str(llama_folder), CPU).identity.name == str(llama_folder)


def test_the_digest_is_the_weights(llama: LanguageModel, llama_folder: Path, tmp_path: Path):
    assert load_language_model("again", str(llama_folder), CPU).identity.digest == llama.identity.digest
    altered = tiny.llama()
    with torch.no_grad():
        altered.model.norm.weight[3] += 1e-6
    folder = tiny.save(altered, tmp_path)
    assert load_language_model("altered", str(folder), CPU).identity.digest != llama.identity.digest


def test_half_precision_rounds_the_noisy_embedding_once(llama_folder: Path):
    # The sum is on the noise's grid before it is cast: the cast is post-processing, no further channel.
    model = load_language_model("half", str(llama_folder), CPU.model_copy(update={"dtype": "bfloat16"}))
    parameters = TextParameters(max_new_tokens=3)
    condition = model.condition("A triangle has", parameters, ON_EMBEDDING)
    noise = np.random.default_rng(0).normal(0, 0.1, (2, *condition.embedding.shape)).astype(np.float32)
    seen: list[torch.Tensor] = []
    handle = model._model.register_forward_pre_hook(
        lambda module, positional, named: seen.append(named["inputs_embeds"]), with_kwargs=True
    )
    outputs = model.generate(condition, noise, [], TextParameters(max_new_tokens=1))
    handle.remove()
    assert torch.equal(
        seen[0], torch.from_numpy(condition.mechanism.noisy(condition.embedding, noise)).to(torch.bfloat16)
    )
    assert all(isinstance(output, Text) for output in outputs)


def test_a_gguf_file_is_the_model_it_was_written_from(llama: LanguageModel, tmp_path: Path):
    file = write_gguf(tiny.llama(), tiny.tokenizer(), tmp_path / "tiny.gguf")
    from_gguf = load_language_model("tiny-gguf", str(file), CPU)
    parameters = TextParameters(max_new_tokens=5)
    prompt = "The capital of France is"
    ours, theirs = (model.condition(prompt, parameters, ON_EMBEDDING) for model in (llama, from_gguf))
    assert torch.equal(torch.from_numpy(ours.embedding), torch.from_numpy(theirs.embedding))
    noise = 0 * ours.embedding[None]
    assert from_gguf.generate(theirs, noise, [], parameters) == llama.generate(ours, noise, [], parameters)


def test_pickled_weights_are_refused(tmp_path: Path):
    # A pickle can run any code as it is read.
    model = tiny.llama()
    model.config.save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(OSError, match="safetensors"):
        load_language_model("pickled", str(tmp_path), CPU)


def test_a_model_that_takes_only_token_ids_is_refused(tmp_path: Path):
    width = {"d_model": 8, "d_kv": 4, "d_ff": 8, "num_layers": 1, "num_heads": 2, "vocab_size": len(tiny.tokenizer())}
    folder = tiny.save(T5ForConditionalGeneration(T5Config(**width, decoder_start_token_id=0)), tmp_path)
    with pytest.raises((OSError, InvalidParameters), match="encoder-decoder"):
        load_language_model("encoder-decoder", str(folder), CPU)


@pytest.mark.parametrize("source", ["/no/such/folder", "/no/such/file.gguf"])
def test_a_source_that_is_not_there_is_one_clear_line(source: str):
    with pytest.raises(OSError, match="cannot be loaded from") as caught:
        load_language_model("missing", source, CPU)
    assert "\n" not in str(caught.value)
    assert "safetensors" in str(caught.value)


def test_a_worker_that_cannot_reach_its_model_exits_with_one_line():
    environment = {
        **os.environ,
        "SMOOTHGEN_MODELS": '["no-such-folder/no-such-model"]',
        "SMOOTHGEN_LOG_FORMAT": "json",
        "HF_HUB_OFFLINE": "1",  # else the hub's client tries for 23 s before it gives up
    }
    worker = subprocess.run(
        [sys.executable, "-m", "workers"], env=environment, capture_output=True, text=True, timeout=90, check=False
    )
    assert worker.returncode == 1
    lines = [line for line in (worker.stdout + worker.stderr).splitlines() if "worker_cannot_start" in line]
    assert len(lines) == 1
    assert "no-such-folder/no-such-model" in lines[0]
    assert "Traceback" not in worker.stdout + worker.stderr


def test_a_checkpoints_own_generation_defaults_are_not_served(llama: LanguageModel, tmp_path: Path):
    # They would be a mechanism that no certificate names, and greedy would not be greedy.
    model = tiny.llama()
    model.generation_config = GenerationConfig(
        eos_token_id=2, repetition_penalty=3.0, num_beams=3, no_repeat_ngram_size=1, do_sample=True, temperature=9.0
    )
    opinionated = load_language_model("opinionated", str(tiny.save(model, tmp_path)), CPU)
    parameters = TextParameters(max_new_tokens=12)
    prompt = "A triangle has"
    plain, same = (
        m.generate(c := m.condition(prompt, parameters, ON_EMBEDDING), 0 * c.embedding[None], [], parameters)
        for m in (llama, opinionated)
    )
    assert same == plain


def test_a_misspelt_closed_form_model_is_refused_at_once_with_the_known_ones(tmp_path: Path):
    with pytest.raises(UnknownName, match=r"'closed-form-tan'; known: .*closed-form-tanh"):
        load_generator("closed-form-tan", Settings(cache=tmp_path))
