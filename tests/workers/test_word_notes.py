"""Notes on words that a model reads in parts or does not know, in answers about other prompts and in jobs."""

from __future__ import annotations

from typing import Any

import pytest

from smoothgen.certificates import ExhaustiveCertificate, read_certificate
from smoothgen.contracts import JobSpec, Note, PromptEmbeds, TextParameters
from tests.support.workers import tiny_tokenizers
from tests.support.workers.jobs import ON_EMBEDDING, run, spec
from tests.support.workers.token_attacks import tokens_job
from tests.workers.test_comparing import call, certificate_of
from tests.workers.test_rows import END, LINE, saying, scripted, tokenizer
from workers.generators import Tokenizing
from workers.generators.folders import SHIPPED
from workers.generators.language.adapter import LanguageModel
from workers.generators.vocabulary import note_on_captions, note_on_split, note_on_unknown, words_of
from workers.jobs.comparison import Embedding, compared
from workers.jobs.token_comparison import compared_tokens
from workers.training.caption_words import caption_words

WORDS = SHIPPED / "fashion-32/text_head/words.txt"


def codes(notes: list[Note] | None) -> list[str]:
    return [note.code for note in notes or []]


def test_words_are_found_whole_once_and_in_order() -> None:
    assert words_of("A T-shirt, don't you see? A t-shirt!") == ["a", "t-shirt", "don't", "you", "see"]
    assert words_of("… !") == []


def test_the_words_of_the_captions_are_those_of_the_training() -> None:
    """After a change of the captions, write the file again: `head.caption_words = caption_words(); head.save(…)`."""
    assert WORDS.read_text("utf-8").split() == sorted(caption_words())


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("A red sneaker", None),
        ("please don't draw a navy blue T-shirt", None),
        ("a maroon sneaker", "'maroon': what the model makes of this word"),
        ("a zebra by a zany zeppelin", "'zebra', 'zany', 'zeppelin': what the model makes of these words"),
        (" ".join(f"word{k}" for k in range(10)), "'word7' and 2 more"),
    ],
)
def test_words_outside_the_captions_are_named(prompt: str, named: str | None) -> None:
    notes = note_on_captions(prompt, caption_words())
    assert codes(notes) == ([] if named is None else ["word_unknown"])
    assert named is None or named in notes[0].detail


def test_split_words_are_named_with_their_tokens(llama: LanguageModel) -> None:
    assert isinstance(llama, Tokenizing)
    [note] = note_on_split(llama.tokenizer, "The xy. The xy é")
    assert note.code == "word_split"
    assert "'xy' (2 tokens), 'é' (2 tokens): the model reads parts of these words" in note.detail
    assert note_on_split(llama.tokenizer, "a b, c!") == []
    assert note_on_unknown(llama.tokenizer, "The xy é") == []  # of bytes nothing is unknown
    assert note_on_split(object(), "xy") == []  # a slow tokenizer does not say where its tokens come from


@pytest.mark.parametrize("prepend", ["always", "first", "legacy"])
def test_the_space_before_a_word_splits_none(prepend: Any) -> None:
    words = tiny_tokenizers.metaspace(prepend, None)
    assert note_on_split(words, "a cat") == []
    [note] = note_on_split(words, "a cat, xyxy")
    assert note.detail.startswith("the model's tokenizer splits 'xyxy' (4 tokens): the model reads parts of this word,")


def speaker() -> LanguageModel:
    """A model whose tokenizer knows a handful of words, and reads all others as one token."""
    words = tokenizer(eos_token="<end>", unk_token="z")
    return scripted(lambda number, step: saying(END if step > 1 else LINE), words)


def job(prompt: str, **asked: Any) -> JobSpec:
    return spec(prompt, sigma=1.0, metric="edit", samples=20, parameters={"max_new_tokens": 4}, **asked)


def test_a_job_and_an_answer_about_another_prompt_say_what_the_tokenizer_does_not_know() -> None:
    model = speaker()
    assert run(job("a b"), model).notes is None
    [note] = [note for note in run(job("a quince"), model).notes or [] if note.code == "word_unknown"]
    assert note.detail.startswith("the model's tokenizer does not know 'quince' or a part of it")
    ours = job("a b")
    prompts = ("a c", "a quince")
    known, unknown = compared(certificate_of(ours, model), call(*prompts), Embedding(ours, model)(prompts)).answers
    assert (codes(known.notes), codes(unknown.notes)) == ([], ["word_unknown"])


@pytest.mark.parametrize("mechanism", ["embedding", "tokens"])
def test_an_answer_about_another_prompt_says_which_words_are_split_and_a_job_does_not(
    llama: LanguageModel, mechanism: str
) -> None:
    ours = tokens_job("a b", metric="edit", samples=4, tolerance=0.9, parameters={"max_new_tokens": 2})
    if mechanism == "embedding":
        ours = job("a b")
    result = run(ours.model_copy(update={"request": ours.request.model_copy(update={"prompt": "a xy"})}), llama)
    assert "word_split" not in codes(result.notes)
    prompts = ("a c", "a xy", "xy xy xy")
    if mechanism == "tokens":
        document = run(ours, llama).certificate
        assert document is not None
        certificate = read_certificate(document)
        assert isinstance(certificate, ExhaustiveCertificate)
        answers = compared_tokens(certificate, ours, llama, call(*prompts)).answers
    else:
        answers = compared(certificate_of(ours, llama), call(*prompts), Embedding(ours, llama)(prompts)).answers
    assert [codes(answer.notes) for answer in answers] == [[], ["word_split"], ["word_split"]]
    assert [answer.comparable for answer in answers][2] is False  # which says it, too


def test_embeddings_in_the_prompts_place_have_no_words(llama: LanguageModel) -> None:
    given = PromptEmbeds.of(llama.condition("a b", TextParameters(), ON_EMBEDDING).embedding)
    parameters = {"prompt_embeds": given.model_dump(mode="json"), "max_new_tokens": 2}
    ours = tokens_job("a b", metric="edit", samples=4, tolerance=0.9, parameters=parameters)
    assert Embedding(ours, llama)._on_words("xy") == []
