"""A tokenizer that is missing, empty or another model's is refused when the model is loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tests.support.workers import tiny, tiny_decoders
from tests.support.workers.settings import CPU
from workers.generators.language.tokenizers import ordinary_ids, require_tokenizer
from workers.generators.registry import load_generator


def without_files(folder: Path) -> None:
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (folder / file).unlink()


def class_without_words(kind: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "tokenizer.json").unlink()
        (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind}))

    return change


def every_word_unknown(folder: Path) -> None:
    words = Tokenizer(models.WordLevel({"<unk>": 0, **{f"word {i}": i for i in range(1, 320)}}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()  # so no word with a space in it is ever found
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>").save_pretrained(folder)


@pytest.mark.parametrize(
    "change",
    [
        without_files,
        every_word_unknown,
        *map(class_without_words, ["LlamaTokenizer", "GPT2Tokenizer", "GemmaTokenizer"]),
    ],
)
def test_a_tokenizer_that_knows_no_words_is_refused(change: Callable[[Path], None], llama_folder: Path, tmp_path: Path):
    folder = Path(shutil.copytree(llama_folder, tmp_path / "changed"))
    change(folder)
    refused(folder, "tokenizer")


def test_an_empty_tokenizer_is_told_with_the_remedy(llama_folder: Path, tmp_path: Path):
    folder = Path(shutil.copytree(llama_folder, tmp_path / "changed"))
    class_without_words("LlamaTokenizer")(folder)
    refused(folder, r"missing or empty: it knows 3 tokens and encodes all prompts alike; put the tokenizer files")


@pytest.mark.parametrize("special", [True, False])
def test_tokens_outside_the_embedding_are_refused(special: bool, llama_folder: Path, tmp_path: Path):
    folder = Path(shutil.copytree(llama_folder, tmp_path / "changed"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    markers = ["<|user|>", "<|answer|>"]  # as a chat template would use them
    tokenizer.add_tokens(markers, special_tokens=special)
    tokenizer.save_pretrained(folder)
    refused(folder, r"2 tokens outside the model's embedding of 320 rows, among them '<\|answer\|>' with id 321")


def test_a_larger_models_tokenizer_is_refused(tmp_path: Path):
    model = tiny_decoders.build("llama")
    model.resize_token_embeddings(300)
    refused(tiny.save(model, tmp_path), "20 tokens outside the model's embedding of 300 rows")


def test_a_much_smaller_models_tokenizer_is_refused(tmp_path: Path):
    model = tiny_decoders.build("gpt2")
    model.resize_token_embeddings(700)
    refused(tiny.save(model, tmp_path), r"knows 320 tokens and the model's embedding has 700 rows.*another model's")


@pytest.mark.parametrize("rows", [320, 328, 512])
def test_an_embedding_rounded_up_is_served(rows: int, tmp_path: Path):
    model = tiny_decoders.build("llama")
    model.resize_token_embeddings(rows)
    load_generator(f"mine={tiny.save(model, tmp_path)}", CPU)


def test_tokens_added_within_the_embedding_are_served(tmp_path: Path):
    model = tiny_decoders.build("llama")
    model.resize_token_embeddings(322)
    folder = tiny.save(model, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<|user|>", "<|answer|>"])
    tokenizer.save_pretrained(folder)
    load_generator(f"mine={folder}", CPU)


def test_a_vocabulary_of_words_alone_is_served():
    words = Tokenizer(models.WordLevel({"<unk>": 0, "C": 1, "O": 2, "N": 3}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>")
    require_tokenizer("it", tokenizer, rows=4)
    assert ordinary_ids(tokenizer) == [1, 2, 3]


def refused(folder: Path, why: str) -> None:
    with pytest.raises(OSError, match=why) as caught:
        load_generator(f"mine={folder}", CPU)
    assert "\n" not in str(caught.value)
