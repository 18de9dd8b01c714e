"""Embeddings in the prompt's place: read as the tokens nearest to them, refused where nothing would read them so, and
kept no longer than a job runs."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import processors

from smoothgen import verify
from smoothgen.contracts import JobSpec, PromptEmbeds, TextParameters
from smoothgen.errors import InvalidInput, InvalidParameters, InvalidPrompt
from smoothgen.noise import Stream
from smoothgen.queue.work_items import asked_of, read_spec
from tests.support.workers import tiny
from tests.support.workers.jobs import ON_EMBEDDING, run
from tests.support.workers.tiny_tokenizers import metaspace, served
from tests.support.workers.token_attacks import tokens_job, with_embeddings
from workers.generators import Generator
from workers.generators.language.adapter import LanguageModel
from workers.jobs.sampling import Samples, condition_of
from workers.serving.recent_conditions import RecentConditions

PROMPT = "The capital of France"
SHORT = {"max_new_tokens": 5}


def job(prompt: str = PROMPT, **parameters: object) -> JobSpec:
    return tokens_job(prompt, metric="edit", samples=8, tolerance=0.9, parameters={**SHORT, **parameters})


def honest(model: LanguageModel, of: JobSpec) -> NDArray[np.float32]:
    return condition_of(of, model).embedding.astype(np.float32)


def refused(model: LanguageModel, of: JobSpec) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        condition_of(of, model)
    return caught.value


@pytest.mark.parametrize("chat", [False, True])
def test_an_honest_prompts_embeddings_are_that_prompt(llama: LanguageModel, chat: bool) -> None:
    text = job(chat=chat)
    embeds = with_embeddings(job("<|im_start|> is a label here", chat=chat), honest(llama, text))
    as_text, as_embeds = condition_of(text, llama), condition_of(embeds, llama)
    assert as_embeds.tokens == as_text.tokens
    assert as_embeds.template == as_text.template
    assert as_embeds.held_fixed == as_text.held_fixed
    assert as_embeds.notes == ()
    assert (as_embeds.embedding == as_text.embedding).all()
    ours, theirs = run(embeds, llama), run(text, llama)
    assert ours.output == theirs.output
    assert ours.certificate is not None
    assert theirs.certificate is not None
    assert ours.certificate["evidence"] == theirs.certificate["evidence"]
    sent = {"attack_on": "token embeddings sent in place of the prompt"}
    assert ours.certificate["threat"] == theirs.certificate["threat"] | sent
    assert ours.certificate["statement"].startswith(
        "Whoever changes the token embeddings sent in place of the prompt by less than"
    )
    assert " the prompt's own" not in ours.certificate["statement"]
    assert "may know the embeddings sent, the model" in ours.certificate["statement"]
    named = embeds.parameters.prompt_embeds.named()  # type: ignore[union-attr]
    assert ours.certificate["request"]["parameters"]["prompt_embeds"] == named.model_dump(mode="json")
    assert named.is_named
    assert "prompt_embeds" not in theirs.certificate["request"]["parameters"]
    assert verify(ours.certificate).meaning == verify(theirs.certificate).meaning == "checked"


def test_embeddings_off_the_rows_are_read_as_the_nearest_and_a_note_says_how_far(llama: LanguageModel) -> None:
    moved = honest(llama, job())
    moved[1, 3] += 0.25
    condition = condition_of(with_embeddings(job(), moved), llama)
    assert condition.tokens == condition_of(job(), llama).tokens
    assert (condition.embedding == honest(llama, job())).all()  # the model reads the row and not what was sent
    [note] = condition.notes
    assert note.code == "embeddings_snapped"
    assert "lie 0.25 (l2)" in note.detail


def test_what_a_tokenizer_sets_around_every_text_is_read_back_and_other_markers_are_not() -> None:
    tokenizer = metaspace("always", None)
    start, inst = tokenizer.convert_tokens_to_ids(["<s>", "[INST]"])
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", start)]
    )
    model = served(tokenizer)
    condition = condition_of(job("a cat"), model)
    assert condition.tokens[0] == start
    assert condition_of(with_embeddings(job("a cat"), honest(model, job("a cat"))), model).tokens == condition.tokens
    marked = model.changed(condition, [(1, inst)]).embedding.astype(np.float32)
    assert inst not in condition_of(with_embeddings(job("a cat"), marked), model).tokens
    targets = model._snapping.table.targets
    assert start in targets
    assert inst not in targets
    # What the list takes as targets is what the snap takes: no token of an honest prompt is added to them.
    assert (model._snapping.table.targets_with(condition.tokens) == targets).all()


def test_another_width_is_refused(llama: LanguageModel) -> None:
    error = refused(llama, with_embeddings(job(), np.zeros((3, 31), dtype=np.float32)))
    assert isinstance(error, InvalidParameters)
    assert error.field == "parameters.prompt_embeds.shape"
    assert "shape [3, 31]" in str(error)
    assert "of shape [tokens, 32]" in str(error)


@pytest.mark.parametrize("chat", [False, True])
def test_too_many_tokens_are_refused_as_a_prompts_are(llama: LanguageModel, chat: bool) -> None:
    error = refused(llama, with_embeddings(job(chat=chat), np.zeros((tiny.LONGEST, 32), dtype=np.float32)))
    assert isinstance(error, InvalidPrompt)
    assert error.field == "parameters.prompt_embeds.shape"
    said = str(refused(llama, job("a " * tiny.LONGEST)))
    assert str(error).split(" tokens ")[1] == said.split(" tokens ")[1]


def test_noise_reads_no_given_embeddings(llama: LanguageModel) -> None:
    given = with_embeddings(job(), np.zeros((3, 32), dtype=np.float32)).parameters
    with pytest.raises(InvalidParameters, match="use mechanism 'tokens', or leave prompt_embeds out"):
        llama.condition(PROMPT, given, ON_EMBEDDING)


def test_what_is_kept_beside_a_certificate_names_the_embeddings_and_stands_for_no_prompt(llama: LanguageModel) -> None:
    embeds = with_embeddings(job(), honest(llama, job()))
    kept = asked_of(embeds)
    assert kept is not None
    assert len(kept) < 2_000
    assert asked_of(job()) is None
    error = refused(llama, read_spec(kept))
    assert "are not kept, so nothing can be compared with them" in str(error)


def test_jobs_of_given_embeddings_share_batches_and_few_conditions_are_kept(llama: LanguageModel) -> None:
    given = with_embeddings(job(), honest(llama, job()))
    mixes = [Samples(s, condition_of(s, llama), Stream.CERTIFICATION, range(1)).mixes_with for s in (job(), given)]
    assert mixes[0] == mixes[1]
    recent = RecentConditions(llama)
    for number in range(10):
        recent.of(given.model_copy(update={"id": f"job-{number}"}))
    assert len(recent._with_content) == 4
    assert not recent._plain


def test_the_default_models_prompt_is_read_back(smollm2: Generator) -> None:
    assert isinstance(smollm2, LanguageModel)
    condition = condition_of(job(), smollm2)
    sent = with_embeddings(job("label"), condition.embedding.astype(np.float32))
    assert condition_of(sent, smollm2).tokens == condition.tokens


def test_packed_embeddings_come_back_bit_for_bit() -> None:
    numbers = np.array([[1e-45, -0.0, 3.4e38], [1 / 3, -2, 0]], dtype=np.float32)
    given = TextParameters(prompt_embeds=PromptEmbeds.of(numbers))
    again = TextParameters.model_validate_json(given.model_dump_json())
    assert again == given
    assert hash(again) == hash(given)
    assert again.prompt_embeds is not None
    assert again.prompt_embeds.array.tobytes() == numbers.tobytes()
    assert again.prompt_embeds.named() == again.prompt_embeds.named().named()
