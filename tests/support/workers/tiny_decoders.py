"""Untrained decoders of many architectures, some ten thousand weights each, built from their configurations alone."""

from __future__ import annotations

from typing import Any

import torch
from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedModel

from tests.support.workers import tiny

# Architectures name the same size differently; each takes those it knows.
_SIZES: dict[str, Any] = {
    **dict.fromkeys(["hidden_size", "n_embd", "d_model", "dim", "word_embed_proj_dim", "embedding_size"], 32),
    **dict.fromkeys(["intermediate_size", "ffn_dim", "decoder_ffn_dim", "n_inner", "d_ff", "dff"], 48),
    **dict.fromkeys(["num_hidden_layers", "n_layer", "num_layers", "n_layers", "decoder_layers"], 2),
    **dict.fromkeys(["num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads"], 4),
    **dict.fromkeys(["max_position_embeddings", "n_positions", "n_ctx", "max_seq_len"], tiny.LONGEST),
    **dict.fromkeys(["moe_intermediate_size", "shared_expert_intermediate_size"], 24),
    **dict.fromkeys(["num_experts", "num_local_experts", "n_routed_experts"], 4),
    **dict.fromkeys(["state_size", "mamba_d_state", "head_dim", "rotary_dim"], 8),
    "num_key_value_heads": 2,
    "num_experts_per_tok": 2,
    "n_groups": 1,
    "time_step_rank": 4,
    "pad_token_id": 2,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "initializer_range": 0.3,  # wide enough that what goes in changes what comes out
}
_PER_LAYER_TOKENS = {
    "vocab_size_per_layer_input": len(tiny.tokenizer()),
    "hidden_size_per_layer_input": 8,
    "num_kv_shared_layers": 0,
    "layer_types": ["sliding_attention", "full_attention"],
}
_HYBRID_OF_MAMBA2 = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_n_groups": 1, "mamba_expand": 2}
_OWN: dict[str, dict[str, Any]] = {
    "bamba": {**_HYBRID_OF_MAMBA2, "attn_layer_indices": [1]},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "rope_theta": 10000.0, "clip_qkv": 8.0},
        "ffn_config": {"ffn_hidden_size": 48, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "falcon": {"head_dim": None},
    "gemma3n_text": {**_PER_LAYER_TOKENS, "laurel_rank": 4, "activation_sparsity_pattern": [0.0, 0.0]},
    "gemma4_text": _PER_LAYER_TOKENS,
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "granitemoehybrid": {**_HYBRID_OF_MAMBA2, "layer_types": ["mamba", "attention"]},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "mamba2": {"num_heads": 8, "expand": 2},
    "recurrent_gemma": {"num_hidden_layers": 3, "lru_width": 32},
}


def build(model_type: str, **changed: Any) -> PreTrainedModel:
    """The decoder that transformers loads for this `model_type`, with weights of seed 0 and tiny.tokenizer's words."""
    kind = CONFIG_MAPPING[model_type]
    own = {**_OWN.get(model_type, {}), **changed}
    known = set(kind().to_dict()) | set(kind.attribute_map)
    sizes = {name: value for name, value in _SIZES.items() if name in known and own.get(name, value) is not None}
    config = kind(**{**sizes, **{k: v for k, v in own.items() if v is not None}, "vocab_size": len(tiny.tokenizer())})
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():  # untrained, some gates are closed, and whatever lies behind them is without effect
        for weight in model.parameters():
            weight += 0.1 * torch.randn_like(weight)
    return model
