"""Tiny untrained language models with a small real tokenizer, built offline in the formats production loads."""

from __future__ import annotations

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
CORPUS = ["The capital of France is Paris.", "Water boils at one hundred degrees.", "A triangle has three sides."]
LONGEST = 128


def tokenizer(chat_template: str | None = CHAT_TEMPLATE) -> PreTrainedTokenizerFast:
    """Byte-level BPE: every text has tokens, and every byte has one."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(CORPUS, trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|im_end|>")
    wrapped.chat_template = chat_template
    return wrapped


def llama() -> LlamaForCausalLM:
    """Two layers, weights wide enough that noise on the prompt changes what is said."""
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer()),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=LONGEST,
            initializer_range=0.4,
            bos_token_id=0,
            eos_token_id=2,
            pad_token_id=2,
        )
    )


def gpt2() -> GPT2LMHeadModel:
    """The architecture of the documentation's production example."""
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer()),
            n_positions=LONGEST,
            n_embd=32,
            n_layer=2,
            n_head=4,
            initializer_range=0.4,
            bos_token_id=0,
            eos_token_id=2,
        )
    )


def save(model: torch.nn.Module, folder: Path, chat_template: str | None = CHAT_TEMPLATE) -> Path:
    """A folder as a model hub has it: configuration, safetensors, tokenizer."""
    model.save_pretrained(folder)  # type: ignore[operator]
    tokenizer(chat_template).save_pretrained(folder)
    return folder
