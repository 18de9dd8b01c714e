"""Nothing is newly initialised and nothing ignored: folders whose weights are not the network's are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    BartForConditionalGeneration,
    BertConfig,
    LlamaForCausalLM,
)

from smoothgen.contracts import TextParameters
from tests.support.workers import tiny, tiny_decoders
from tests.support.workers.jobs import ON_EMBEDDING
from tests.support.workers.settings import CPU
from tests.support.workers.tiny_gguf import write_gguf
from workers.generators.language.loading import load_language_model
from workers.generators.registry import load_generator
from workers.loading.complete_weights import require_complete

Tensors = dict[str, torch.Tensor]
_TEXT = TextParameters(max_new_tokens=2)


def without_a_feed_forward_block(tensors: Tensors) -> Tensors:
    return {key: t for key, t in tensors.items() if "layers.1.mlp" not in key}


def without_a_head(tensors: Tensors) -> Tensors:
    return {key: t for key, t in tensors.items() if key != "lm_head.weight"}


def wrapped_for_several_devices(tensors: Tensors) -> Tensors:
    return {f"module.{key}": t for key, t in tensors.items()}


def as_a_trainer_saves_it(tensors: Tensors) -> Tensors:
    return {f"_orig_mod.{key}": t for key, t in tensors.items()}


def with_a_tensor_more(tensors: Tensors) -> Tensors:
    return {**tensors, "model.layers.0.self_attn.q_proj.lora_A.weight": torch.zeros(2, 32)}


def with_a_narrower_norm(tensors: Tensors) -> Tensors:
    return {**tensors, "model.norm.weight": torch.ones(16)}


@pytest.mark.parametrize(
    ("alter", "named"),
    [
        (without_a_feed_forward_block, r"lacks the tensors model\.layers\.1\.mlp\.down_proj\.weight"),
        (without_a_head, r"lacks the tensors lm_head\.weight; save"),
        (
            wrapped_for_several_devices,
            r"lacks the tensors .* and \d+ more and has tensors the network does not: module\.",
        ),
        (as_a_trainer_saves_it, r"tensors the network does not: _orig_mod\."),
        (with_a_tensor_more, "tensors the network does not: .*lora_A"),
        (with_a_narrower_norm, r"tensors of other shapes: model\.norm\.weight \(16,\) for \(32,\)"),
    ],
)
def test_weights_that_are_not_the_networks_are_refused_by_name(
    alter: Callable[[Tensors], Tensors], named: str, tmp_path: Path
):
    folder = tiny.save(tiny.llama(), tmp_path)
    save_file(alter(load_file(folder / "model.safetensors")), folder / "model.safetensors", {"format": "pt"})
    refused(folder, named)


@pytest.mark.parametrize(("layers", "named"), [(3, "lacks the tensors"), (1, "tensors the network does not")])
def test_a_configuration_of_another_depth_is_refused(layers: int, named: str, tmp_path: Path):
    folder = tiny.save(tiny.llama(), tmp_path)
    rewrite(folder / "config.json", num_hidden_layers=layers)
    refused(folder, named)


def test_a_shard_that_the_index_forgets_is_missing(tmp_path: Path):
    model = tiny.llama()
    model.save_pretrained(tmp_path, max_shard_size="60KB")
    tiny.tokenizer().save_pretrained(tmp_path)
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    load_language_model("sharded", str(tmp_path), CPU)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    last = sorted(set(index["weight_map"].values()))[-1]
    index["weight_map"] = {key: file for key, file in index["weight_map"].items() if file != last}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(tmp_path, "lacks the tensors")


def test_a_network_saved_without_its_head_is_refused(llama_folder: Path, tmp_path: Path):
    AutoModel.from_pretrained(llama_folder).save_pretrained(tmp_path)
    tiny.tokenizer().save_pretrained(tmp_path)
    refused(tmp_path, r"lacks the tensors lm_head\.weight")


@pytest.mark.parametrize("saved_as", ["float32", "bfloat16", "float16"])
def test_a_head_tied_to_the_embedding_is_not_missing(saved_as: str, tmp_path: Path):
    model = tiny_decoders.build("llama", tie_word_embeddings=True).to(getattr(torch, saved_as))
    folder = tiny.save(model, tmp_path)
    assert "lm_head.weight" not in load_file(folder / "model.safetensors")
    loaded = load_language_model("tied", str(folder), CPU.model_copy(update={"dtype": saved_as}))
    assert torch.equal(loaded.network.lm_head.weight, model.model.embed_tokens.weight)


@pytest.mark.parametrize("kind", ["bart", "mbart", "pegasus", "marian", "t5", "mt5", "blenderbot", "led"])
def test_an_encoder_decoder_is_refused_before_its_weights_are_read(kind: str, tmp_path: Path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind, "vocab_size": 320}))
    refused(tmp_path, rf"encoder-decoder \({kind}\).*serve a decoder")


def test_a_whole_encoder_decoder_is_not_served_as_its_decoder(tmp_path: Path):
    decoder = tiny_decoders.build("bart")
    config = type(decoder.config)(**{**decoder.config.to_dict(), "is_encoder_decoder": True, "encoder_layers": 1})
    folder = tiny.save(BartForConditionalGeneration(config), tmp_path)
    assert AutoModelForSeq2SeqLM.from_pretrained(folder).config.is_encoder_decoder
    refused(folder, r"encoder-decoder \(BartForConditionalGeneration\)")


@pytest.mark.parametrize("of", [AutoModelForMaskedLM, AutoModelForSequenceClassification])
def test_a_network_of_another_task_is_refused(of: type, tmp_path: Path):
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 32}
    folder = tiny.save(of.from_config(BertConfig(vocab_size=320, **sizes)), tmp_path)
    refused(folder, "trained for another task than writing")


def test_a_classifier_on_a_decoder_is_refused(tmp_path: Path):
    folder = tiny.save(AutoModelForSequenceClassification.from_config(tiny.llama().config), tmp_path)
    refused(folder, "LlamaForSequenceClassification, trained for another task")


@pytest.mark.parametrize(
    "file", ["adapter_config.json", "adapter_model.safetensors", "pytorch_lora_weights.safetensors"]
)
def test_an_adapter_beside_the_weights_is_never_ignored(file: str, tmp_path: Path):
    folder = tiny.save(tiny.llama(), tmp_path)
    (folder / file).write_text(json.dumps({"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]}))
    refused(folder, f"adapter beside it .*{file}.*merge")


def test_an_adapter_beside_a_gguf_file_is_never_ignored(tmp_path: Path):
    file = write_gguf(tiny.llama(), tiny.tokenizer(), tmp_path / "tiny.gguf")
    (tmp_path / "adapter_config.json").write_text("{}")
    refused(file, "adapter beside it")


class _WithoutALayer(LlamaForCausalLM):
    def state_dict(self, *args, **kwargs):
        return without_a_feed_forward_block(super().state_dict(*args, **kwargs))


def test_a_gguf_file_without_a_layers_block_is_refused(tmp_path: Path):
    whole = tiny.llama()
    partial = _WithoutALayer(whole.config)
    refused(
        write_gguf(partial, tiny.tokenizer(), tmp_path / "partial.gguf"),
        "lacks the tensors model.layers.1.mlp.down_proj.weight",
    )


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_checkpoint_of_another_precision_is_whole(dtype: str, tmp_path: Path):
    folder = tiny.save(tiny.llama().to(getattr(torch, dtype)), tmp_path)
    model = load_language_model("half", str(folder), CPU)
    assert model.precision == "float32"
    assert model.condition("A triangle has", _TEXT, ON_EMBEDDING).embedding.size > 0


def test_old_buffers_an_architecture_computes_anew_are_not_left_over(tmp_path: Path):
    folder = tiny.save(tiny.gpt2(), tmp_path, chat_template=None)
    tensors = load_file(folder / "model.safetensors")
    mask = torch.ones(1, 1, tiny.LONGEST, tiny.LONGEST, dtype=torch.bool).tril()
    save_file({**tensors, "transformer.h.0.attn.bias": mask}, folder / "model.safetensors", {"format": "pt"})
    load_language_model("old", str(folder), CPU)


def test_a_report_without_faults_passes_and_one_with_many_is_cut():
    whole: dict[str, set[str]] = {"missing_keys": set(), "unexpected_keys": set(), "mismatched_keys": set()}
    require_complete("it", whole, "mend it")
    with pytest.raises(OSError, match="lacks the tensors a, b, c and 2 more; mend it"):
        require_complete("it", {**whole, "missing_keys": set("abcde")}, "mend it")


def refused(source: Path, why: str) -> None:
    with pytest.raises(OSError, match=why) as caught:
        load_generator(f"mine={source}", CPU)
    assert "\n" not in str(caught.value)


def rewrite(file: Path, **fields: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))
