"""Tokenizers of the kinds that published chat models have, and untrained models that speak through them."""

from __future__ import annotations

import json
from typing import Any, Literal

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from smoothgen.certificates import ModelIdentity
from tests.support.workers import tiny
from workers.generators.language.adapter import LanguageModel

INST = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]", "<|user|>", "<|assistant|>"]


def metaspace(
    prepend: Literal["always", "first", "never", "legacy"], chat_template: str | None
) -> PreTrainedTokenizerFast:
    """Pieces that begin with ▁, as Llama-2's and Mistral's: the tokenizer itself sets a space before a text.

    "legacy": by its normalizer, before every stretch between two special tokens, as Llama-2's own files do.
    """
    trained = Tokenizer(models.BPE(unk_token="<unk>"))
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(
        vocab_size=200, special_tokens=INST, initial_alphabet=[chr(c) for c in range(33, 127)], show_progress=False
    )
    trained.train_from_iterator([*tiny.CORPUS, "Hello there", "a cat"], trainer)
    learnt = json.loads(trained.to_str())["model"]
    pieces = [*learnt["vocab"], *(f"<0x{byte:02X}>" for byte in range(256))]
    merges = [tuple(pair) for pair in learnt["merges"]]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    bpe = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", byte_fallback=True))
    if prepend == "legacy":
        bpe.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        spaces: Any = decoders.Sequence([decoders.Replace("▁", " "), decoders.Strip(" ", 1, 0)])
    else:
        bpe.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=prepend)
        spaces = decoders.Metaspace(prepend_scheme=prepend)
    bpe.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse(), spaces])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=["[INST]", "[/INST]", "<|user|>", "<|assistant|>"],
    )
    wrapped.chat_template = chat_template
    return wrapped


def byte_level(chat_template: str | None) -> PreTrainedTokenizerFast:
    """`tiny.tokenizer`, trained on the same sentences."""
    return tiny.tokenizer(chat_template)


def served(tokenizer: PreTrainedTokenizerBase, *, ends: int | list[int] | None = None, **config: Any) -> LanguageModel:
    """A language model that speaks through this tokenizer. `ends`: its generation config's."""
    torch.manual_seed(0)
    sizes = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "initializer_range": 0.4,
    }
    return spoken(LlamaForCausalLM(LlamaConfig(**{**sizes, **config})), tokenizer, ends)


def spoken(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, ends: int | list[int] | None = None
) -> LanguageModel:
    """This network, speaking through this tokenizer."""
    model.generation_config.eos_token_id = ends
    identity = ModelIdentity("tiny", "1", "sha256:0")
    return LanguageModel(model, tokenizer, identity=identity, description="", default_sigma=0.05)
