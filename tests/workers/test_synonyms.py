"""Words drawn from their classes: every sample has a text of its own, and a prompt enters by its class alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from smoothgen.certificates import from_document, verify
from smoothgen.contracts import ImageParameters, JobSpec
from smoothgen.errors import InvalidInput
from smoothgen.mechanisms import Gaussian, SynonymClasses
from smoothgen.noise import Stream
from smoothgen.synonyms import Partition
from tests.support.workers import tiny, tiny_diffusion
from tests.support.workers.jobs import Recorded, run, spec
from tests.workers.test_executor import chunk_of, executor_of, numbered, outcomes, run_state_of, selection_of
from workers.generators import Failure, Text
from workers.generators.batching import Batcher
from workers.generators.closed_form import ClosedForm
from workers.generators.language.adapter import LanguageModel
from workers.jobs.outcomes import Refused
from workers.jobs.sampling import Samples, condition_of, generate, rows_of, seed_of
from workers.jobs.selection import Selected
from workers.jobs.synonym_texts import TEXT_STREAMS, Variants

ONE, OTHER = "a big automobile and the physician", "a large car and the doctor"
PARTITION = Partition.load()
TINY_PICTURES = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers' own


def text_job(prompt: str = ONE, **asked: Any) -> JobSpec:
    given = {"samples": 20, "selection_samples": 8, "synonyms": True, "parameters": {"max_new_tokens": 5}}
    return spec(prompt, sigma=0.05, metric="edit", **{**given, **asked})


def test_the_prompts_are_of_one_class_and_their_texts_of_several_lengths(llama: LanguageModel):
    assert PARTITION.same_class(ONE, OTHER)
    condition = condition_of(text_job(), llama)
    lengths = {len(condition.of_sample(Stream.CERTIFICATION, i).embedding) for i in range(20)}
    assert len(lengths) > 2


@pytest.mark.parametrize("tier", ["request", "universal", "fleet"])
@pytest.mark.parametrize("output", ["representative", "sample"])
def test_two_prompts_of_one_class_get_one_certificate(tier: str, output: str, llama: LanguageModel):
    documents, outputs = [], []
    for prompt in (ONE, OTHER):
        asked = {"temperature": 0.8, "max_new_tokens": 5}
        result = run(text_job(prompt, tier=tier, output=output, parameters=asked, randomness="fresh"), llama)
        assert result.certificate is not None
        documents.append(result.certificate)
        outputs.append(result.output)
        assert verify(result.certificate)
    assert outputs[0] == outputs[1]
    assert documents[0]["request"].pop("prompt_digest") != documents[1]["request"].pop("prompt_digest")
    assert documents[0].pop("digest") != documents[1].pop("digest")  # covers the other
    assert json.dumps(documents[0]) == json.dumps(documents[1])


def test_the_certificate_names_the_partition_and_what_is_held_fixed(llama: LanguageModel):
    result = run(text_job(), llama)
    assert result.certificate is not None
    certificate = from_document(result.certificate)
    assert certificate.mechanism == SynonymClasses(PARTITION.name, PARTITION.version, PARTITION.digest, Gaussian(0.05))
    assert certificate.provenance.threat is not None
    assert certificate.provenance.threat.held_fixed == (
        "token count of each drawn text",
        "attention mask and positions",
    )
    plain = condition_of(spec(PARTITION.plain(ONE), sigma=0.05, metric="edit"), llama)
    assert certificate.provenance.threat.dimension == plain.embedding.size


def test_without_classes_two_such_prompts_differ(llama: LanguageModel):
    results = [run(text_job(prompt, synonyms=False), llama) for prompt in (ONE, OTHER)]
    assert results[0].certificate["evidence"] != results[1].certificate["evidence"]


def test_every_sample_is_what_its_own_text_gives(llama: LanguageModel):
    job = text_job()
    condition = condition_of(job, llama)
    made = generate(llama, rows_of([Samples(job, condition, Stream.CERTIFICATION, range(12))]))
    for index, output in enumerate(made):
        text = PARTITION.variant(ONE, seed_of(job), Stream.TEXT_CERTIFICATION, index)
        alone_job = text_job(text, synonyms=False)
        alone = Samples(alone_job, condition_of(alone_job, llama), Stream.CERTIFICATION, range(index, index + 1))
        assert generate(llama, rows_of([alone])) == [output]


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_a_sample_is_the_same_in_any_batch_and_in_order(batch_size: int, llama: LanguageModel):
    job = text_job()
    rows = rows_of([Samples(job, condition_of(job, llama), Stream.CERTIFICATION, range(24))])
    whole = generate(llama, rows)
    fresh = condition_of(job, llama)  # another worker's: nothing cached
    again = rows_of([Samples(job, fresh, Stream.CERTIFICATION, range(24))])
    parts = [generate(llama, again[start : start + batch_size]) for start in range(0, 24, batch_size)]
    assert [o for part in parts for o in part] == list(whole)
    assert len({o.text for o in whole if isinstance(o, Text)}) > 3


def test_samples_of_one_length_go_through_the_model_together(llama: LanguageModel):
    recorded = Recorded(llama)
    job = text_job()
    condition = condition_of(job, recorded)
    generate(recorded, rows_of([Samples(job, condition, Stream.CERTIFICATION, range(30))]))
    lengths = [len(condition.of_sample(Stream.CERTIFICATION, i).embedding) for i in range(30)]
    assert sorted(recorded.batches) == sorted(lengths.count(n) for n in set(lengths))


def test_chunks_of_any_size_on_any_worker_give_the_distances_of_one(llama: LanguageModel):
    jobs = [numbered(text_job(), 1), numbered(text_job("a red car"), 2), numbered(text_job(OTHER, synonyms=False), 3)]
    together = outcomes(executor_of(llama), jobs, 20)
    for job, (opened, distances) in zip(jobs, together, strict=True):
        [(alone, expected)] = outcomes(executor_of(llama, 7), [job], 20)
        assert opened.stored.output == alone.stored.output
        assert opened.provenance == alone.provenance
        assert np.allclose(distances, expected, atol=1e-6)
        parts = [
            executor_of(llama).run(run_state_of([chunk_of(job, opened, first, count)]))[0]
            for first, count in ((0, 3), (3, 17))
        ]
        assert np.allclose(np.concatenate([part.distances for part in parts]), distances, atol=1e-6)


def test_streams_have_texts_of_their_own(llama: LanguageModel):
    variants = condition_of(text_job(), llama).of_sample
    assert isinstance(variants, Variants)
    texts = {stream: [variants.text(stream, i) for i in range(20)] for stream in TEXT_STREAMS}
    assert len({tuple(of_stream) for of_stream in texts.values()}) == 3


def test_each_text_is_embedded_once(llama: LanguageModel):
    class Counting(Recorded):
        asked: list[str] = []  # noqa: RUF012

        def condition(self, prompt, parameters, smoothing):
            self.asked.append(prompt)
            return super().condition(prompt, parameters, smoothing)

    counting, job = Counting(llama), text_job()
    condition = condition_of(job, counting)
    for _ in range(2):
        generate(counting, rows_of([Samples(job, condition, Stream.CERTIFICATION, range(40))]))
    texts = {PARTITION.variant(ONE, seed_of(job), Stream.TEXT_CERTIFICATION, i) for i in range(40)}
    assert sorted(counting.asked[1:]) == sorted(texts)
    assert counting.asked[0] == PARTITION.plain(OTHER)
    assert {ONE, OTHER} & set(counting.asked) <= texts | {PARTITION.plain(ONE)}


def test_a_text_that_does_not_fit_fails_its_sample_for_every_prompt_of_the_class(llama: LanguageModel):
    prompts = [f"a{f' {word}' * 9}" for word in ("automobile", "car")]
    roomy = condition_of(text_job(prompts[0]), llama)
    lengths = [len(roomy.of_sample(Stream.CERTIFICATION, i).embedding) for i in range(20)]
    room = tiny.LONGEST - int(np.median(lengths))  # for half of the texts
    failed = []
    for prompt in prompts:
        job = text_job(prompt, parameters={"max_new_tokens": room})
        rows = rows_of([Samples(job, condition_of(job, llama), Stream.CERTIFICATION, range(20))])
        made = Batcher(64).survive(rows, lambda rows: generate(llama, rows))
        failed.append([isinstance(o, Failure) and "InvalidPrompt" in o.reason for o in made])
    assert failed[0] == failed[1] == [n > np.median(lengths) for n in lengths]
    assert 0 < sum(failed[0]) < 20


def test_a_job_planned_with_another_partition_is_refused(llama: LanguageModel):
    job = text_job().model_copy(update={"partition": "sha256:" + "e" * 64})
    with pytest.raises(InvalidInput, match="planned with the partition of words sha256:e"):
        condition_of(job, llama)
    [done] = executor_of(llama).run(run_state_of([selection_of(job)]))
    assert isinstance(done, Refused)
    assert done.noiseless
    same = job.model_copy(update={"partition": PARTITION.digest})
    [done] = executor_of(llama).run(run_state_of([selection_of(same)]))
    assert isinstance(done, Selected)


def test_models_of_words_announce_the_partition_and_models_of_numbers_none(llama: LanguageModel):
    card = executor_of(llama).model.card
    assert card.synonyms is not None
    assert (card.synonyms.name, card.synonyms.version, card.synonyms.digest) == (
        PARTITION.name,
        PARTITION.version,
        PARTITION.digest,
    )
    assert card.synonyms.words == sum(map(len, PARTITION.classes))
    assert executor_of(ClosedForm("closed-form-tanh")).model.card.synonyms is None


@TINY_PICTURES
def test_pictures_of_one_class_get_one_certificate(tmp_path_factory: pytest.TempPathFactory):
    model = tiny_diffusion.load(tiny_diffusion.save(tmp_path_factory.mktemp("pipeline")))
    asked: ImageParameters = tiny_diffusion.parameters()
    documents = []
    for prompt in ("a red sofa", "a crimson couch"):
        result = tiny_diffusion.run(tiny_diffusion.spec(asked, prompt=prompt, synonyms=True), model)
        assert result.certificate is not None
        documents.append({k: v for k, v in result.certificate.items() if k not in ("request", "digest")})
    assert json.dumps(documents[0]) == json.dumps(documents[1])
