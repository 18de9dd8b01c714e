"""Jobs of mechanism edits: a set that is run whole equals brute force, a sampled one is what its draws say."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smoothgen.certificates import EditsCertificate, read_certificate, verify
from smoothgen.certificates.edits import KINDS, least_share
from smoothgen.certificates.edits.statement import statement
from smoothgen.contracts import LONGEST_RETENTION_S, EditKind, JobResult, JobSpec
from smoothgen.edits import EditSet, verify_with_prompt
from smoothgen.queue import CompleteLook
from tests.support.workers import tiny
from tests.support.workers.closed_form_text import ClosedFormText, answer
from tests.support.workers.jobs import Silent, metric_of, run, spec
from tests.workers.test_executor import chunk_of, executor_of, numbered, run_state_of, selection_of, without_times
from workers.generators import Generator
from workers.generators.batching import FixedBatcher
from workers.generators.bottleneck import BottleneckModel
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.loading import load_language_model
from workers.jobs.edit_runs import listed_edits
from workers.jobs.in_process import run_job
from workers.jobs.methods import method_of
from workers.jobs.outcomes import Measured, Refused
from workers.jobs.sampling import fixed_size, seed_of
from workers.jobs.selection import Selected
from workers.serving.executor import Executor
from workers.settings import Settings

PROMPT = "Pq some red."
VARIANTS = ["pq all", "PQ NONE", "is it red?", PROMPT]


def job_of(samples: int = 5000, at_once: int = 1, variants: Sequence[str] = VARIANTS, **asked: Any) -> JobSpec:
    given: dict[str, Any] = {"tolerance": 0.4, "metric": "edit", "kinds": KINDS, "prompt": PROMPT, **asked}
    edits = {"kinds": list(given.pop("kinds")), "at_once": at_once, "variants": list(variants)}
    made = spec(given.pop("prompt"), sigma=1.0, samples=samples, mechanism="edits", edits=edits, **given)
    return made.model_copy(update={"sigma": None})


def certificate_of(result: JobResult) -> EditsCertificate:
    assert result.certificate is not None, result.abstention
    assert verify(result.certificate)
    certificate = read_certificate(result.certificate)
    assert isinstance(certificate, EditsCertificate)
    return certificate


def true_distances(texts: Sequence[str]) -> list[float]:
    """By hand: the answers have three words each, of three kinds, so their edit distance counts differing places; +inf
    where the run fails."""
    own = str(answer(PROMPT)).split()
    answers = [answer(text) for text in texts]
    return [
        math.inf if said is None else normalised(sum(a != b for a, b in zip(said.split(), own, strict=True)))
        for said in answers
    ]


def normalised(edits: int) -> float:
    """The metric's distance of two texts of three words each."""
    return 2 * edits / (6 + edits)


def by_executor(executors: Sequence[Executor], job: JobSpec, chunk: int = 9) -> JobResult:
    """Runs a job as workers do, its chunks on one worker after the other, each tried twice."""
    [selected] = executors[0].run(run_state_of([selection_of(job)]))
    assert isinstance(selected, Selected)
    method = method_of(job)
    assert method.after_selection(job, selected) is None
    [runs] = method.looks(job, selected.stored)
    distances: list[float] = []
    words = []
    for k, first in enumerate(range(0, runs, chunk)):
        claim = chunk_of(job, selected, first, min(chunk, runs - first))
        tries = [executors[(k + each) % len(executors)].run(run_state_of([claim]))[0] for each in range(2)]
        one, again = tries
        assert isinstance(one, Measured)
        assert isinstance(again, Measured)
        assert np.array_equal(one.distances, again.distances, equal_nan=True)
        distances += one.distances.tolist()
        words += one.words or []
    taken = method.take(job, selected.stored, CompleteLook(np.array(distances), 0.0, "", tuple(words)))
    assert taken.result is not None
    return taken.result


def test_the_kinds_of_a_request_are_those_of_the_library() -> None:
    assert EditKind.__args__ == KINDS  # type: ignore[attr-defined]


def test_a_label_certificate_names_the_prompts_own_answer() -> None:
    first_line = {"name": "label", "extract": {"kind": "first_line"}}
    made = certificate_of(run(job_of(metric=first_line), ClosedFormText()))
    assert made.provenance.metric is not None
    assert made.provenance.metric.centre == {"kind": "label", "label": answer(PROMPT)}
    assert f"The prompt's own output gives the answer '{answer(PROMPT)}'." in statement(made)


@pytest.mark.parametrize("at_once", [1, 2])
@pytest.mark.parametrize("tolerance", [0.2, 0.4, 0.7])
def test_a_set_that_is_run_whole_equals_brute_force(at_once: int, tolerance: float) -> None:
    edits = EditSet(PROMPT, at_once=at_once, variants=tuple(VARIANTS))
    truth = true_distances(edits.texts)
    made = certificate_of(run(job_of(at_once=at_once, tolerance=tolerance), ClosedFormText()))
    assert made.evidence.distances.tolist() == truth
    assert (made.sampled, made.alpha, made.evidence.size, made.evidence.singles) == (
        False,
        0.0,
        edits.size,
        edits.singles,
    )
    kept = sum(distance <= tolerance for distance in truth)
    assert made.claims.kept == kept
    assert made.share == kept * 10**9 // edits.size / 10**9
    assert made.claims.w1_bound == 1.0  # some run failed
    assert made.edit_set == edits.identity
    assert verify_with_prompt(made, PROMPT, VARIANTS).meaning == "checked"


def test_every_text_is_read_once_and_the_prompt_first() -> None:
    model = ClosedFormText()
    run(job_of(), model, batch_size=1)
    readable = [text for text in EditSet(PROMPT, variants=tuple(VARIANTS)).texts if text[-1:] != text[-2:-1]]
    assert model.read[0] == PROMPT
    assert sorted(model.read[1:]) == sorted(readable)


def test_a_set_beyond_the_limit_is_sampled_by_the_jobs_own_seed_and_no_text_runs_twice() -> None:
    model, job = ClosedFormText(), job_of(samples=60, confidence=0.99)
    result = run(job, model, batch_size=1)
    made = certificate_of(result)
    edits = EditSet(PROMPT, variants=tuple(VARIANTS))
    drawn = edits.sample(seed_of(job), 60)
    truth = true_distances([edits.text_at(number) for number in drawn])
    assert (made.sampled, made.alpha, made.claims.w1_bound, made.radius) == (True, 0.01, None, None)
    assert made.evidence.indices.tolist() == list(drawn)
    assert made.evidence.distances.tolist() == truth
    broken = sum(distance > 0.4 for distance in truth)
    assert made.share == pytest.approx(least_share(broken, 60, 0.01), abs=1e-9)
    assert len(set(drawn)) < 60
    assert result.usage.samples == len(set(drawn))
    assert len(model.read) == len(set(model.read))


def test_as_many_samples_as_texts_run_all_of_them_and_one_fewer_draws() -> None:
    size = EditSet(PROMPT, variants=tuple(VARIANTS)).size
    assert not certificate_of(run(job_of(samples=size), ClosedFormText())).sampled
    assert certificate_of(run(job_of(samples=size - 1), ClosedFormText())).sampled


@pytest.mark.parametrize("samples", [5000, 60])
def test_two_workers_and_a_retry_give_the_certificate_of_one(samples: int) -> None:
    job = job_of(samples=samples)
    several = by_executor([executor_of(ClosedFormText(), 4), executor_of(ClosedFormText(), 7)], job)
    assert without_times(several) == without_times(run(job, ClosedFormText()))


def test_a_language_model_gives_one_certificate_in_any_batch(llama: LanguageModel) -> None:
    asked: dict[str, Any] = {"temperature": 0.8, "max_new_tokens": 5}
    job = job_of(prompt="The cap", kinds=["typo", "capitals"], variants=["a hat", "x" * 300], parameters=asked)
    one = run(job, llama)
    made = certificate_of(one)
    assert made.evidence.failed == 1  # the text that does not fit
    assert made.claims.broken > 0
    for several in (by_executor([executor_of(llama, 5), executor_of(llama, 16)], job), run(job, llama, batch_size=3)):
        assert without_times(several) == without_times(one)


def test_in_16_bits_every_text_stands_alone(llama_folder: Path) -> None:
    half = Settings(device="cpu", dtype="bfloat16")
    model = load_language_model("tiny", str(llama_folder), half)
    job = job_of(prompt="The cap", kinds=["capitals"], parameters={"max_new_tokens": 3})
    assert fixed_size(job, 16) == 1
    plain = run_job(job, model, metric_of(job), batcher=FixedBatcher(1), watch=Silent())
    made = certificate_of(plain)
    assert made.evidence.failed == 0
    again = run_job(job, model, metric_of(job), batcher=FixedBatcher(1), watch=Silent())
    assert without_times(again) == without_times(plain)


def test_the_first_edit_that_breaks_the_claim_is_named_with_its_words() -> None:
    result = run(job_of(kinds=["capitals", "punctuation"], variants=["is it red?"], tolerance=0.2), ClosedFormText())
    made = certificate_of(result)
    [first, *_] = made.claims.broken_by
    broken = result.broken_by
    assert broken is not None
    edits = EditSet(PROMPT, ("capitals", "punctuation"), variants=("is it red?",))
    assert (broken.rank, broken.cost, broken.text) == (first.index + 1, 1.0, edits.text_at(first.index))
    assert broken.output == answer(edits.text_at(first.index))
    assert made.texts is None  # prompts are not kept so long


def test_a_certificate_names_texts_where_prompts_are_kept_as_long() -> None:
    for samples in (5000, 60):
        job = job_of(samples=samples, tolerance=0.2).model_copy(update={"retention_s": LONGEST_RETENTION_S})
        result = run(job, ClosedFormText())
        made = certificate_of(result)
        assert made.texts is not None
        assert made.outputs == tuple(
            None if edit.distance is None else answer(text)
            for edit, text in zip(made.claims.broken_by, made.texts, strict=True)
        )
        assert result.certificate is not None
        assert verify_with_prompt(result.certificate, PROMPT, VARIANTS).meaning == "checked"


def opened(job: JobSpec, model: Generator) -> Selected:
    [selected] = executor_of(model).run(run_state_of([selection_of(job)]))
    assert isinstance(selected, Selected), selected
    return selected


def test_out_of_time_a_whole_set_is_no_certificate_and_says_what_was_run() -> None:
    job = job_of()
    selection, method = opened(job, ClosedFormText()).stored, method_of(job)
    [runs] = method.looks(job, selection)
    distances = np.array([0.0, 1 / 3, 1.0, np.nan, 0.0])
    for look, words in (
        (None, f"0 of {runs} edits were run, of which 0 kept"),
        (CompleteLook(distances, 0.1, "", ()), f"5 of {runs} edits were run, of which 3 kept"),
    ):
        result = method.at_deadline(job, selection, look)
        assert result.abstention is not None
        assert (result.abstention.reason, result.output.certified) == ("deadline", False)
        assert words in result.abstention.detail
    assert result.broken_by is not None
    assert result.broken_by.rank == 3


def test_out_of_time_a_sample_proves_nothing() -> None:
    """The runs that a clock leaves depend on how long the texts are, and so on what they say."""
    job = job_of(samples=60)
    selection, method = opened(job, ClosedFormText()).stored, method_of(job)
    [runs] = method.looks(job, selection)
    result = method.at_deadline(job, selection, CompleteLook(np.zeros(runs - 1), 0.1, "", ()))
    assert result.certificate is None
    assert result.abstention is not None
    assert selection.edits is not None
    drawn = f"{runs - 1} of {runs} edits drawn from a set of {selection.edits.size} were run"
    assert f"{drawn}, of which {runs - 1} kept" in result.abstention.detail


@pytest.mark.parametrize(
    ("asked", "field", "words"),
    [
        ({"prompt": "12", "kinds": ["typo"], "variants": []}, "/robustness/edits/kinds", "the set of edits is empty"),
        ({"prompt": "word " * 3000, "kinds": ["typo"], "at_once": 2}, "/robustness/edits/at_once", "fewer kinds"),
    ],
)
def test_a_set_that_cannot_be_listed_is_a_problem_that_names_the_field(
    asked: dict[str, Any], field: str, words: str
) -> None:
    [refused] = executor_of(ClosedFormText()).run(run_state_of([selection_of(job_of(**asked))]))
    assert isinstance(refused, Refused)
    assert refused.problem.status == 422
    assert words in refused.problem.detail
    assert refused.problem.errors is not None
    assert [error.pointer for error in refused.problem.errors] == [field]


def test_a_worker_that_lists_another_set_fails_the_job() -> None:
    job = job_of()
    selected = opened(job, ClosedFormText())
    elsewhere = chunk_of(job_of(prompt="Pq bll."), selected, 0, 5)
    [refused] = executor_of(ClosedFormText()).run(run_state_of([elsewhere]))
    assert isinstance(refused, Refused)
    assert "this worker lists sha256:" in refused.problem.detail


def test_jobs_of_noise_and_of_edits_share_a_worker(llama: LanguageModel) -> None:
    asked: dict[str, Any] = {"max_new_tokens": 3}
    noisy = numbered(spec("The cap", sigma=0.05, metric="edit", samples=9, parameters=asked), 2)
    edited = job_of(prompt="The cap", kinds=["capitals"], parameters=asked)
    executor = executor_of(llama)
    both = executor.run(run_state_of([selection_of(noisy), selection_of(edited)]))
    [alone] = executor_of(llama).run(run_state_of([selection_of(edited)]))
    assert isinstance(both[1], Selected)
    assert isinstance(alone, Selected)
    assert both[1].output == alone.output
    assert listed_edits(edited) == alone.edits


def test_the_models_that_offer_edits() -> None:
    assert "edits" in LanguageModel.mechanisms
    assert "edits" in BottleneckModel.mechanisms
    assert tiny.LONGEST < 300
