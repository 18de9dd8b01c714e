"""Which architectures may be served, over their whole load: saved, read back, probed (docs/models.md has the table)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smoothgen.contracts import TextParameters
from smoothgen.errors import InvalidParameters
from tests.support.workers import tiny, tiny_decoders
from tests.support.workers.jobs import ON_EMBEDDING
from tests.support.workers.settings import CPU
from workers.generators import Text
from workers.generators.registry import load_generator

SERVED = (
    "arcee", "bart", "biogpt", "bitnet", "bloom", "codegen", "cohere", "cohere2", "dbrx", "diffllama", "ernie4_5",
    "exaone4", "falcon", "falcon_mamba", "gemma", "gemma2", "gemma3_text", "glm", "glm4", "gpt2", "gpt_bigcode",
    "gpt_neo", "gpt_neox", "gpt_oss", "gptj", "granite", "granitemoe", "granitemoehybrid", "helium",
    "hunyuan_v1_dense", "jamba", "lfm2", "llama", "llama4_text", "mamba", "mamba2", "minimax", "mistral", "mixtral",
    "modernbert-decoder", "mpt", "nanochat", "nemotron", "olmo", "olmo2", "olmo3", "olmoe", "opt", "persimmon", "phi",
    "phi3", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "recurrent_gemma", "seed_oss", "smollm3", "stablelm",
    "starcoder2", "xglm",
)  # fmt: skip
REFUSED = {
    "rwkv": "changes with what the other rows hold",
    "gemma3n_text": "reads token ids beside the embeddings",
    "gemma4_text": "fails when it is called with noisy embeddings",
    "bamba": "generates from token ids only",
    "ctrl": "generates from token ids only",
    "falcon_h1": "generates from token ids only",
    "openai-gpt": "generates from token ids only",
    "xlm": "generates from token ids only",
}
REMEDIES = {"generates from token ids only": "needs a decoder"}
"""By reason, the words that name the remedy, where they do not begin with "serve"."""


@pytest.mark.parametrize("model_type", SERVED)
def test_an_architecture_that_needs_embeddings_only_is_served(model_type: str, tmp_path: Path):
    folder = tiny.save(tiny_decoders.build(model_type), tmp_path)
    model = load_generator(f"mine={folder}", CPU)
    parameters = TextParameters(max_new_tokens=2)
    condition = model.condition("A triangle has", parameters, ON_EMBEDDING)
    noise = np.random.default_rng(0).normal(0, model.default_sigma, (2, *condition.embedding.shape))
    assert all(isinstance(made, Text) for made in model.generate(condition, noise, [], parameters))


@pytest.mark.parametrize(
    ("model_type", "reason", "remedy"),
    [(kind, reason, REMEDIES.get(reason, "serve")) for kind, reason in REFUSED.items()],
)
def test_an_architecture_that_would_make_certificates_false_is_refused(
    model_type: str, reason: str, remedy: str, tmp_path: Path
):
    folder = tiny.save(tiny_decoders.build(model_type), tmp_path)
    with pytest.raises(InvalidParameters, match=reason) as caught:
        load_generator(f"mine={folder}", CPU)
    assert "\n" not in str(caught.value)
    assert remedy in str(caught.value)
