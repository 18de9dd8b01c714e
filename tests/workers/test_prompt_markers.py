"""A prompt means its characters: no spelling of it becomes a marker that only the model's own template may set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from tokenizers.processors import TemplateProcessing
from transformers import AddedToken, ByT5Tokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from smoothgen.contracts import TextParameters
from smoothgen.errors import InvalidPrompt
from tests.support.workers import tiny
from tests.support.workers.jobs import ON_EMBEDDING, run, spec
from tests.support.workers.settings import CPU
from tests.support.workers.tiny_gguf import write_gguf
from tests.support.workers.tiny_tokenizers import metaspace, served
from tests.workers.test_chat_templates import CHAT, real_ids, served_ids
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.loading import load_language_model

PLAIN = TextParameters(max_new_tokens=2)
MARKERS = ["<|im_start|>", "<|im_end|>"]


def with_added(added: Any, chat_template: str | None = tiny.CHAT_TEMPLATE) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer whose markers were added as words are, not as special tokens."""
    words = tiny.tokenizer(None)
    backend = words.backend_tokenizer.to_str()
    for marker in MARKERS:  # as if never declared special
        backend = backend.replace(f'"content":"{marker}"', f'"content":"{marker.upper()}"')
    fresh = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(backend), eos_token="<|endoftext|>")
    fresh.add_tokens(added)
    fresh.chat_template = chat_template
    return fresh


def ids_of(model: LanguageModel, prompt: str, parameters: TextParameters) -> list[int]:
    table = model.network.get_input_embeddings().weight.detach().numpy()
    embedding = model.condition(prompt, parameters, ON_EMBEDDING).embedding
    return [next(k for k, row in enumerate(table) if (row == one).all()) for one in embedding]


@pytest.mark.parametrize("parameters", [PLAIN, CHAT])
@pytest.mark.parametrize("marker", MARKERS)
def test_an_added_marker_in_a_prompt_is_its_characters(marker: str, parameters: TextParameters):
    words = with_added(MARKERS)
    assert words.convert_tokens_to_ids(marker) in words(f"a{marker}b")["input_ids"]
    ids = ids_of(served(words), f"a{marker}b", parameters)
    assert words.convert_tokens_to_ids(marker) not in ids
    assert words.decode(ids) == f"a{marker}b"
    assert len(ids) > 8


@pytest.mark.parametrize(
    "added",
    [
        AddedToken("<|im_end|>", lstrip=True, rstrip=True, special=False),
        AddedToken("<|im_end|>", single_word=True, special=False),
        AddedToken("<|im_end|>", normalized=True, special=False),
    ],
)
def test_neither_are_markers_that_swallow_white_space(added: AddedToken):
    words = with_added(["<|im_start|>", added])
    ids = ids_of(served(words), "a <|im_end|> b", PLAIN)
    assert words.convert_tokens_to_ids("<|im_end|>") not in ids
    assert words.decode(ids) == "a <|im_end|> b"


def test_a_tag_that_the_template_writes_is_a_marker_and_another_is_a_word():
    template = "{% for m in messages %}<turn>{{ m['content'] }}</turn>{% endfor %}"
    words = with_added(["<turn>", "</turn>", "<table>", "   "], template)
    model = served(words)
    turn, table = words.convert_tokens_to_ids(["<turn>", "<table>"])
    for parameters in (PLAIN, CHAT):
        assert turn not in ids_of(model, "a<turn>b", parameters)
        assert table in ids_of(model, "a<table>b", parameters)  # its own tokenizer's reading, which training saw
    assert served_ids(model, model.condition("a<table>   b", CHAT, ON_EMBEDDING)) == real_ids(words, "a<table>   b")


def test_the_certificate_counts_the_tokens_that_were_encoded():
    words = with_added(MARKERS)
    model = served(words)
    ids = ids_of(model, "a<|im_end|>", PLAIN)
    certificate = run(
        spec("a<|im_end|>", sigma=0.05, metric="edit", samples=8, parameters={"max_new_tokens": 2}), model
    )
    assert certificate.certificate is not None
    assert certificate.certificate["threat"]["held_fixed"][0] == f"token count ({len(ids)})"
    assert certificate.certificate["threat"]["dimension"] == 32 * len(ids)


def whole_words(vocabulary: list[str], **named: str) -> PreTrainedTokenizerFast:
    """A vocabulary whose only spelling of a marker is the marker."""
    words = Tokenizer(models.WordLevel({word: k for k, word in enumerate(vocabulary)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", **named)


def unigram(pieces: list[tuple[str, float]], **named: str) -> PreTrainedTokenizerFast:
    """As converted from sentencepiece: the markers are pieces too, and the likeliest."""
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.Unigram(pieces, 0)), unk_token="<unk>", **named)


LETTERS = [(c, -3.0) for c in "abc</s> "]
UNSPELLABLE: dict[str, PreTrainedTokenizerBase] = {
    "words": whole_words(["<unk>", "</s>", "a", "b"], eos_token="</s>"),
    "pieces": unigram([("<unk>", 0.0), ("</s>", 0.0), *dict(LETTERS).items()], eos_token="</s>"),
}


@pytest.mark.parametrize("kind", UNSPELLABLE)
def test_a_marker_that_has_no_other_spelling_is_refused_by_name(kind: str):
    model = served(UNSPELLABLE[kind])
    with pytest.raises(InvalidPrompt, match=r"contains '</s>'") as refused:
        model.condition("a </s> b", PLAIN, ON_EMBEDDING)
    assert refused.value.field == "prompt"
    assert len(ids_of(model, "a b", PLAIN)) >= 2
    assert len(ids_of(model, "a ? b", PLAIN)) >= 3  # an unknown word is no marker


@pytest.mark.parametrize("marker", ["<s>", "</s>", "[INST]", "<|user|>"])
@pytest.mark.parametrize("prepend", ["always", "first", "never", "legacy"])
def test_ends_and_beginnings_spelt_in_a_prompt_are_characters(marker: str, prepend: Any):
    words = metaspace(prepend, None)
    assert words.convert_tokens_to_ids(marker) not in ids_of(served(words), f"a {marker} b", PLAIN)


def test_a_sign_that_serves_as_padding_is_still_a_sign():
    words = tiny.tokenizer(None)
    words.pad_token = "!"
    assert words.decode(ids_of(served(words), "no!", PLAIN)) == "no!"


def test_a_tokenizer_without_a_backend_reads_characters_too():
    words = ByT5Tokenizer()
    model = served(words, ends=1)
    assert words.convert_tokens_to_ids("</s>") in words("a</s>", add_special_tokens=False)["input_ids"]
    assert ids_of(model, "a</s>", PLAIN)[:5] == [ord(c) + 3 for c in "a</s>"]


@pytest.mark.parametrize("marker", tiny.SPECIAL)
def test_a_gguf_file_reads_markers_as_characters(marker: str, tmp_path: Path):
    path = write_gguf(tiny.llama(), tiny.tokenizer(), tmp_path / "tiny.gguf")
    model = load_language_model("gguf", str(path), CPU)
    assert model.tokenizer.convert_tokens_to_ids(marker) not in ids_of(model, f"a{marker}b", PLAIN)


def test_a_prompt_of_nothing_but_what_the_tokenizer_adds_is_refused():
    words = metaspace("never", None)
    words.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    model = served(words)
    assert ids_of(model, "a cat", PLAIN)[0] == 1
    words.backend_tokenizer.normalizer = normalizers.Strip()
    with pytest.raises(InvalidPrompt, match="no tokens"):
        served(words).condition("   ", PLAIN, ON_EMBEDDING)
