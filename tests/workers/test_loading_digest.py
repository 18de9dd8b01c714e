"""The digest of a model: what changes an output changes it, and a copy, a move or a label does not."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import GenerationConfig

from tests.support.workers import tiny
from tests.support.workers.settings import CPU
from tests.support.workers.tiny_gguf import write_gguf
from workers.features import FeatureMap
from workers.generators.bottleneck.head import Head
from workers.generators.bottleneck.loading import BottleneckConfig, assemble
from workers.generators.bottleneck.soft_prompt import SoftPrompt
from workers.generators.language.loading import load_language_model
from workers.generators.model_digest import effective, model_digest, network_content, tokenizer_content
from workers.generators.registry import SHIPPED, load_generator
from workers.generators.weights import weights_digest


def digest(source: Path, dtype: str = "float32") -> str:
    return load_generator(f"mine={source}", CPU.model_copy(update={"dtype": dtype})).identity.digest


@pytest.fixture
def folder(llama_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(llama_folder, tmp_path / "changed"))


def rewrite(file: Path, alter: Callable[[dict], object]) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    alter(content)
    file.write_text(json.dumps(content), encoding="utf-8")


def set_in(file: str, **fields: object) -> Callable[[Path], None]:
    return lambda folder: rewrite(folder / file, lambda content: content.update(fields))


def another_template(folder: Path) -> None:
    (folder / "chat_template.jinja").write_text(tiny.CHAT_TEMPLATE.replace("assistant", "helper"))


def a_second_template(folder: Path) -> None:
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "brief.jinja").write_text(tiny.CHAT_TEMPLATE + "Briefly:")


def merges_in_another_order(folder: Path) -> None:
    rewrite(folder / "tokenizer.json", lambda content: content["model"]["merges"].reverse())


def a_space_before_every_prompt(folder: Path) -> None:
    rewrite(folder / "tokenizer.json", lambda content: content["pre_tokenizer"].update(add_prefix_space=True))


def two_words_swapped(folder: Path) -> None:
    def swap(content: dict) -> None:
        words = content["model"]["vocab"]
        words["A"], words["B"] = words["B"], words["A"]

    rewrite(folder / "tokenizer.json", swap)


def another_end(folder: Path) -> None:
    GenerationConfig(eos_token_id=[0, 2]).save_pretrained(folder)


@pytest.mark.parametrize(
    "change",
    [
        set_in("config.json", hidden_act="relu"),
        set_in("config.json", rms_norm_eps=1e-3),
        set_in("config.json", rope_parameters={"rope_type": "default", "rope_theta": 500.0}),
        set_in("tokenizer_config.json", eos_token="<|endoftext|>"),
        set_in("tokenizer_config.json", clean_up_tokenization_spaces=True),
        another_template,
        a_second_template,
        merges_in_another_order,
        a_space_before_every_prompt,
        two_words_swapped,
        another_end,
    ],
)  # fmt: skip
def test_what_changes_an_output_changes_the_digest(change: Callable[[Path], None], folder: Path, llama_folder: Path):
    change(folder)
    assert digest(folder) != digest(llama_folder)


def reindented(folder: Path) -> None:
    for file in folder.glob("*.json"):
        file.write_text(json.dumps(json.loads(file.read_text()), indent=7, sort_keys=True))


def sharded(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    tiny.llama().save_pretrained(folder, max_shard_size="60KB")


def defaults_left_out(folder: Path) -> None:
    def leave_out(content: dict) -> None:
        del content["attention_bias"], content["use_cache"]

    rewrite(folder / "config.json", leave_out)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: None,
        reindented,
        sharded,
        defaults_left_out,
        set_in("config.json", _name_or_path="/elsewhere/model", transformers_version="5.0.0", dtype="bfloat16"),
        set_in("config.json", id2label={"0": "good"}, label2id={"good": 0}, initializer_range=0.5),
        set_in("generation_config.json", temperature=3.0, do_sample=True, repetition_penalty=2.0),
        set_in("tokenizer_config.json", name_or_path="/elsewhere", model_max_length=99),
        lambda folder: (folder / "README.md").write_text("words"),
    ],
)  # fmt: skip
def test_what_changes_no_output_leaves_the_digest(change: Callable[[Path], None], folder: Path, llama_folder: Path):
    change(folder)
    assert digest(folder) == digest(llama_folder)


def test_another_precision_is_another_model(llama_folder: Path):
    assert len({digest(llama_folder, dtype) for dtype in ("float32", "bfloat16", "float16")}) == 3


def test_a_gguf_file_has_one_digest_whatever_its_name(tmp_path: Path):
    one = write_gguf(tiny.llama(), tiny.tokenizer(), tmp_path / "one.gguf")
    other = Path(shutil.copy(one, tmp_path / "other.gguf"))
    assert digest(one) == digest(other)


def test_using_a_tokenizer_leaves_its_part_of_the_digest():
    tokenizer = tiny.tokenizer()
    before = tokenizer_content(tokenizer)
    tokenizer(["a", "a longer text"], padding=True, truncation=True, max_length=3)
    assert tokenizer_content(tokenizer) == before


def test_a_tokenizer_without_a_fast_backend_is_told_by_its_words():
    class Slow:
        """What tokenizer_content reads of a tokenizer in Python."""

        def __init__(self, words: dict[str, int], **options: object) -> None:
            self._words, self.init_kwargs = words, options
            self.special_tokens_map: dict[str, str] = {}
            self.all_special_ids: list[int] = []
            self.chat_template, self.clean_up_tokenization_spaces = None, False

        def get_vocab(self) -> dict[str, int]:
            return self._words

    words = {"a": 0, "b": 1}
    plain = tokenizer_content(Slow(words, vocab_file="/here"))
    assert tokenizer_content(Slow(words, vocab_file="/there")) == plain
    assert tokenizer_content(Slow({"a": 1, "b": 0}, vocab_file="/here")) != plain
    assert tokenizer_content(Slow(words, do_lower_case=True)) != plain


def test_the_class_that_reads_a_configuration_is_named():
    content = network_content(tiny.gpt2())
    assert content["class"] == "GPT2LMHeadModel"
    assert content["config"]["activation_function"] == "gelu_new"
    assert not {"architectures", "_name_or_path", "transformers_version", "dtype"} & set(content["config"])
    nested = {"text_config": {"hidden_act": "silu", "_name_or_path": "x"}, "_class_name": "y", "sizes": ({"dtype": 1},)}
    assert effective(nested) == {"text_config": {"hidden_act": "silu"}, "sizes": [{}]}


def test_the_digest_is_over_tensors_and_content():
    tensors, others = {"w": torch.ones(2)}, {"w": torch.zeros(2)}
    one = model_digest(tensors, {"a": 1})
    assert one == model_digest({"w": torch.ones(2)}, {"a": 1})
    assert one.startswith("sha256:")
    different = [model_digest(tensors, {"a": 2}), model_digest(tensors, {"b": 1}), model_digest(others, {"a": 1})]
    assert len({one, *different}) == 4


def test_the_side_of_a_lipschitz_models_picture_is_in_its_digest(tmp_path: Path):
    shipped = load_generator("fashion-lipschitz-32", CPU)
    models = Path(shutil.copytree(SHIPPED, tmp_path / "models"))
    copy = models / "fashion-lipschitz-32"
    rewrite(copy / "lipschitz.json", lambda content: content.update(description="another word", default_sigma=0.2))
    assert digest(copy) == shipped.identity.digest
    rewrite(
        models / "fashion-32" / "text_head" / "config.json", lambda content: content.update(encoder="another encoder")
    )
    with pytest.raises(OSError, match="was trained on another encoder"):
        load_generator(f"mine={copy}", CPU)


def test_a_bottleneck_model_has_its_language_model_in_its_digest(folder: Path, sentence_encoder: FeatureMap):
    def assembled(**changed: object) -> str:
        language = load_language_model("language", str(folder), CPU)
        sizes = {
            "encoder_width": 384,
            "head_hidden": 4,
            "intents": 3,
            "soft_prompt_hidden": 4,
            "tokens": 2,
            "width": 32,
        }
        weights = weights_digest(language.network.state_dict())
        named = {"encoder": sentence_encoder.name, "language_model": "tiny", "language_model_digest": weights}
        config = BottleneckConfig(
            **{"description": "", "revision": "1", "default_sigma": 0.3, **named, **sizes, **changed}
        )
        torch.manual_seed(0)
        head = Head(384, 4, 3)
        soft_prompt = SoftPrompt(head.width, 4, torch.zeros((4, 2, 32)))
        return assemble("mine", config, head, soft_prompt, language, CPU).identity.digest

    before = assembled()
    assert assembled(description="another word", default_sigma=0.2) == before
    set_in("config.json", hidden_act="relu")(folder)
    assert assembled() != before
