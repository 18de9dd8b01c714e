"""Every part of a prompt that is taken reaches the text encoder; what it would cut is counted, and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline

from smoothgen.errors import InvalidPrompt
from smoothgen.noise import Seed, Stream
from tests.support.workers import tiny_diffusion as tiny
from tests.support.workers.settings import CPU
from workers.features.sentence_encoder import SentenceEncoder
from workers.generators import Draw, Smoothing, load_generator
from workers.generators.diffusion import DiffusionModel

SMOOTHING = Smoothing("embedding", 0.5, Draw(Seed(1, "server"), Stream.GENERATOR_COMMON, 0))
VECTORS = 13
FEW = 5
"""So many times "<cat>" fit: 5 · 13 vectors, start and end."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("inversion")
    return tiny.save(place, **tiny.with_inversion(place / "words", VECTORS))


@pytest.fixture(scope="module")
def model(folder: Path) -> DiffusionModel:
    return tiny.load(folder)


@pytest.fixture(scope="module")
def bare(folder: Path) -> StableDiffusionPipeline:
    return tiny.bare(folder)


def x_of(model: DiffusionModel, prompt: str) -> np.ndarray:
    return model.condition(prompt, tiny.parameters(), SMOOTHING).embedding


def expected_x(bare: StableDiffusionPipeline, words: list[str]) -> np.ndarray:
    """The text encoder's states for these tokens, one by one."""
    end = bare.tokenizer.eos_token_id
    ids = [bare.tokenizer.bos_token_id, *bare.tokenizer.convert_tokens_to_ids(words), end]
    padded = torch.tensor([ids + [end] * (tiny.LONGEST - len(ids))])
    with torch.inference_mode():
        return bare.text_encoder(padded).last_hidden_state[0].numpy()


CAT = ["<cat>", *(f"<cat>_{k}" for k in range(1, VECTORS))]


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("<cat>", CAT),
        ("ab <cat>", ["ab</w>", *CAT]),
        ("ab<cat>ab", ["ab</w>", *CAT, "ab</w>"]),
        ("<cat><cat>", [*CAT, *CAT]),
        ("<cat>_3", ["<cat>_3"]),
    ],
)
def test_a_textual_inversion_is_read_with_all_its_vectors(
    prompt: str, words: list[str], model: DiffusionModel, bare: StableDiffusionPipeline
):
    assert np.allclose(x_of(model, prompt), expected_x(bare, words), atol=1e-6)


@pytest.mark.parametrize("field", ["prompt", "parameters.negative_prompt"])
@pytest.mark.parametrize(
    ("text", "count", "written"),
    [
        ("<cat> " * (FEW + 1), 80, 8),
        ("<cat> " * 7, 93, 9),
        ("<cat>" * (FEW + 1), 80, 8),
        ("x" * 11 + "<cat>" * FEW, 78, 18),
        ("x" * 76, 78, None),
    ],
    ids=["six", "seven", "without-spaces", "with-a-word", "plain"],
)
def test_a_text_is_counted_after_expansion_and_refused_beyond_the_window(
    text: str, count: int, written: int | None, field: str, model: DiffusionModel
):
    asked = tiny.parameters(negative_prompt=text) if field != "prompt" else tiny.parameters()
    before = "" if written is None else rf" \({written} before textual inversions are expanded\)"
    with pytest.raises(InvalidPrompt, match=rf"{field} has {count} tokens{before} and the text encoder reads 77") as e:
        model.condition(text if field == "prompt" else "ab", asked, SMOOTHING)
    assert e.value.field == field


def test_x_changes_with_every_part_of_a_prompt_that_is_taken(model: DiffusionModel):
    parts = ["<cat>"] * FEW + ["a"] * 10
    whole = x_of(model, " ".join(parts))
    for k in range(len(parts)):
        changed = [*parts[:k], "b", *parts[k + 1 :]]
        assert np.abs(x_of(model, " ".join(changed)) - whole).max() > 1e-3


@pytest.mark.parametrize("prompt", ["<CAT>", "a <Cat> here", "<cat> <cat>_1", "<cat>_1<cat>"])
def test_a_spelling_that_would_lose_vectors_is_refused(prompt: str, model: DiffusionModel):
    # diffusers replaces text: it finds no "<CAT>" to expand, and expands the "<cat>" inside "<cat>_1".
    with pytest.raises(InvalidPrompt, match="the prompt spells a textual inversion so that not all its vectors"):
        model.condition(prompt, tiny.parameters(), SMOOTHING)
    with pytest.raises(InvalidPrompt, match="negative_prompt spells a textual inversion"):
        model.condition("a", tiny.parameters(negative_prompt=prompt), SMOOTHING)


def test_tokens_beyond_the_text_encoders_embedding_are_refused_at_load(tmp_path: Path):
    folder = tiny.save(tmp_path, **tiny.with_inversion(tmp_path / "words", 2, grown=False))
    with pytest.raises(
        OSError, match=r"writes '<cat>_1' as token 516, and its text encoder knows the tokens below 515"
    ):
        tiny.load(folder)


def test_another_models_larger_tokenizer_is_refused_at_load(tmp_path: Path):
    words = tiny.tokenizer(tmp_path / "words")
    with pytest.raises(OSError, match="text encoder knows the tokens below 300: it is not this model's"):
        tiny.load(tiny.save(tmp_path, tokenizer=words, text_encoder=tiny.text_encoder(300)))


@pytest.mark.parametrize("name", ["fashion-32", "fashion-lipschitz-32", "fashion-gan-32"])
def test_a_shipped_picture_model_reads_the_whole_prompt_or_refuses_it(name: str):
    model = load_generator(name, CPU)
    asked = tiny.parameters(
        **({"num_inference_steps": 1, "guidance_scale": 1.0} if name != "fashion-32" else {}),
        width=32,
        height=32,
        scheduler=model.image.scheduler,
    )
    fits, beyond = "red " * 253 + "bag", "red " * 254 + "bag"
    assert np.any(
        model.condition(fits, asked, SMOOTHING).embedding != model.condition("red " * 254, asked, SMOOTHING).embedding
    )
    with pytest.raises(InvalidPrompt, match="the prompt has 257 tokens and the text encoder reads 256; shorten it"):
        model.condition(beyond, asked, SMOOTHING)
    assert model.longest_prompt_tokens == 256


def test_the_sentence_encoder_counts_what_it_reads():
    encoder = SentenceEncoder.packaged()
    assert encoder.tokens("red bag") == 4
    assert encoder.tokens("red " * 300) == 302
