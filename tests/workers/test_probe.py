"""What is checked of a network when it is loaded, on networks built to break each rule; and what 16 bits do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from smoothgen.contracts import TextParameters
from smoothgen.errors import InvalidParameters
from tests.support.workers import tiny, tiny_decoders
from tests.support.workers.jobs import ON_EMBEDDING
from tests.support.workers.settings import CPU
from workers.generators.language.loading import SMOLLM2_SIGMA, SMOLLM2_SIZE
from workers.generators.language.network_probe import batch_sensitivity, require_sound
from workers.generators.registry import load_generator
from workers.serving.loaded_model import Encoders, LoadedModel


class Altered(LlamaForCausalLM):
    """A tiny Llama whose input embeddings, (rows, tokens, width), are altered before it reads them."""

    alter: Callable[[torch.Tensor], torch.Tensor]

    def forward(self, input_ids=None, inputs_embeds=None, **named):
        x = self.model.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        return super().forward(inputs_embeds=self.alter(x), **named)


def altered(alter: Callable[[torch.Tensor], torch.Tensor]) -> LlamaForCausalLM:
    torch.manual_seed(0)
    model = Altered(tiny.llama().config).eval()
    model.load_state_dict(tiny.llama().state_dict())
    model.alter = alter
    model.generation_config = GenerationConfig()  # as LanguageModel leaves it
    return model


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return tiny.tokenizer()


def test_a_sound_network_passes_in_every_precision(tokenizer: PreTrainedTokenizerFast):
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        require_sound("it", altered(lambda x: x).to(dtype), tokenizer)


@pytest.mark.parametrize(
    "alter",
    [
        lambda x: x + 0.5 * (x.mean(dim=0, keepdim=True) - x[:1]),  # of the mean of the batch
        lambda x: x + 0.5 * (x.roll(1, dims=0) - x),  # of the row before
        lambda x: x + 0.5 * (x[-1:] - x),  # of the last row
        lambda x: x.flip(-1) if len(x) > 3 else x,  # of the number of rows
    ],
    ids=["mean", "neighbour", "last", "count"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_that_read_each_other_are_found(
    alter: Callable[[torch.Tensor], torch.Tensor], dtype: torch.dtype, tokenizer: PreTrainedTokenizerFast
):
    with pytest.raises(InvalidParameters, match=r"what the other rows hold|one row otherwise alone"):
        require_sound("it", altered(alter).to(dtype), tokenizer)


def test_a_network_that_remembers_earlier_calls_is_found(tokenizer: PreTrainedTokenizerFast):
    calls = [0.0]

    def remembers(x: torch.Tensor) -> torch.Tensor:
        calls[0] += 0.05
        return x + calls[0]

    with pytest.raises(InvalidParameters, match="cannot be certified"):
        require_sound("it", altered(remembers), tokenizer)


def test_a_network_with_randomness_of_its_own_is_found(tokenizer: PreTrainedTokenizerFast):
    with pytest.raises(InvalidParameters, match="cannot be certified"):
        require_sound("it", altered(lambda x: x + 0.1 * torch.randn_like(x)), tokenizer)


def test_a_network_that_overflows_is_refused_with_the_remedy(tmp_path: Path):
    model = tiny_decoders.build("llama")
    with torch.no_grad():
        model.lm_head.weight *= 1e6
    folder = tiny.save(model, tmp_path)
    load_generator(f"mine={folder}", CPU)
    with pytest.raises(InvalidParameters, match="logits are not finite in float16; serve it in another dtype"):
        load_generator(f"mine={folder}", CPU.model_copy(update={"dtype": "float16"}))


def test_a_weight_that_is_not_a_number_is_refused(tmp_path: Path):
    model = tiny_decoders.build("llama")
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[3, 4] = torch.nan
    with pytest.raises(InvalidParameters, match="not finite"):
        load_generator(f"mine={tiny.save(model, tmp_path)}", CPU)


SIXTEENTHS = [rows / 16 for rows in range(17)]


@pytest.mark.parametrize(
    ("dtype", "shares"), [("float32", [None]), ("bfloat16", SIXTEENTHS), ("float16", SIXTEENTHS)], ids=str
)
def test_precision_and_sensitivity_are_on_the_card(dtype: str, shares: list[float | None], llama_folder: Path):
    settings = CPU.model_copy(update={"dtype": dtype})
    card = LoadedModel(load_generator(f"mine={llama_folder}", settings), Encoders(settings), settings).card
    assert card.precision == dtype
    assert card.batch_sensitivity in shares


def test_closed_forms_compute_in_double_precision():
    card = LoadedModel(load_generator("closed-form-tanh", CPU), Encoders(CPU), CPU).card
    assert (card.precision, card.batch_sensitivity) == ("float64", None)


def test_sensitivity_is_the_share_of_rows_that_change_with_the_batch_size(tokenizer: PreTrainedTokenizerFast):
    # Rows of a batch of 16 are read backwards, so all 16 change; those of no batch change where nothing rounds.
    backwards = altered(lambda x: x.flip(-1) if len(x) == 16 else x).to(torch.bfloat16)
    assert batch_sensitivity(backwards, tokenizer, 0.5) == 1.0
    constant = altered(lambda x: torch.ones_like(x)).to(torch.bfloat16)
    assert batch_sensitivity(constant, tokenizer, 0.5) == 0.0


@pytest.mark.parametrize("factor", [0.01, 1.0, 30.0])
def test_the_default_level_is_in_proportion_to_the_models_own_embeddings(factor: float, tmp_path: Path):
    model = tiny_decoders.build("gpt2")
    with torch.no_grad():
        model.transformer.wte.weight *= factor
    loaded = load_generator(f"mine={tiny.save(model, tmp_path)}", CPU)
    x = loaded.condition("The capital of France is", TextParameters(max_new_tokens=1), ON_EMBEDDING).embedding
    share = loaded.default_sigma / np.sqrt((x.astype(np.float64) ** 2).mean())
    assert share == pytest.approx(SMOLLM2_SIGMA / SMOLLM2_SIZE, rel=0.25)
    assert load_generator(f"again={tmp_path}", CPU).default_sigma == loaded.default_sigma
