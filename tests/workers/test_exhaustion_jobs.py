"""Jobs of mechanism tokens: what they run, when they stop, and what they state."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smoothgen import ExhaustiveCertificate, verify
from smoothgen.certificates import read_certificate
from smoothgen.certificates.meaning.quoting import quoted
from smoothgen.contracts import FIRST_LOOK_AT_RUNS, LONGEST_RETENTION_S, JobResult, JobSpec, RunWords
from smoothgen.labels import extractor
from smoothgen.noise import Seed
from smoothgen.queue import CompleteLook
from tests.support.workers.jobs import run
from tests.support.workers.token_attacks import tokens_job
from tests.workers.test_executor import chunk_of, executor_of, run_state_of, selection_of, without_times
from workers.generators import Condition
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.loading import load_language_model
from workers.jobs.methods import method_of
from workers.jobs.outcomes import Ended, Measured
from workers.jobs.selection import Selected
from workers.serving.executor import Executor
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings

PROMPT = "A triangle has"


def job_of(prompt: str = PROMPT, *, samples: int = 100, tolerance: float = 0.9, **asked: Any) -> JobSpec:
    return tokens_job(
        prompt, metric="edit", samples=samples, tolerance=tolerance, parameters={"max_new_tokens": 6}, **asked
    )


def certificate_of(result: JobResult) -> ExhaustiveCertificate:
    assert result.certificate is not None, result.abstention
    certificate = read_certificate(result.certificate)
    assert isinstance(certificate, ExhaustiveCertificate)
    return certificate


def opened(model: LanguageModel, job: JobSpec) -> Selected:
    [selected] = executor_of(model).run(run_state_of([selection_of(job)]))
    assert isinstance(selected, Selected), selected
    return selected


def by_executors(executors: Sequence[Executor], job: JobSpec, chunk: int = 7) -> JobResult:
    """Runs a job as workers do, its chunks by one executor after the other, and each of them twice."""
    [selected] = executors[0].run(run_state_of([selection_of(job)]))
    if isinstance(selected, Ended):
        return selected.result
    assert isinstance(selected, Selected)
    distances, words = np.zeros(0), list[RunWords]()
    for size in method_of(job).looks(job, selected.stored):
        while len(distances) < size:
            item = chunk_of(job, selected, len(distances), min(chunk, size - len(distances)))
            [measured], [again] = (executors[len(distances) % len(executors)].run(run_state_of([item])) for _ in "12")
            assert isinstance(measured, Measured)
            assert isinstance(again, Measured)
            assert np.array_equal(measured.distances, again.distances)
            distances = np.concatenate([distances, measured.distances])
            words += measured.words or []
        taken = method_of(job).take(job, selected.stored, CompleteLook(distances, 0.0, "", tuple(words)))
        if taken.result is not None:
            return taken.result
    raise AssertionError("the last look decided nothing")


@pytest.mark.parametrize("asked", [{}, {"tolerance": 0.1}, {"samples": 5}, {"epsilon": 0.05}, {"epsilon": 50.0}])
def test_two_workers_and_a_retry_give_the_result_of_a_plain_loop(llama: LanguageModel, asked: dict[str, Any]) -> None:
    job = job_of(**asked)
    assert without_times(by_executors([executor_of(llama, 4), executor_of(llama, 16)], job)) == without_times(
        run(job, llama)
    )


def test_what_is_served_is_the_models_own_output(llama: LanguageModel) -> None:
    plain = run(job_of(), llama)
    tokens = llama.tokenizer(PROMPT, return_tensors="pt")
    said = llama.network.generate(**tokens, max_new_tokens=6, do_sample=False)[0, tokens["input_ids"].shape[1] :]
    assert plain.output.content.decode() == llama.tokenizer.decode(said, skip_special_tokens=False)


def test_it_stops_at_the_look_that_finds_a_change_and_names_it(llama: LanguageModel) -> None:
    result = run(job_of(tolerance=0.1), llama)
    certificate, broken_by = certificate_of(result), result.broken_by
    assert result.usage.samples == FIRST_LOOK_AT_RUNS
    assert broken_by is not None
    assert broken_by.rank == certificate.claims.broken_by.index  # type: ignore[union-attr]
    assert certificate.radius == pytest.approx(broken_by.cost)
    assert certificate.radius <= broken_by.cost
    assert broken_by.text
    assert broken_by.output is not None
    assert (certificate.alpha, certificate.confidence) == (0.0, 1.0)
    assert verify(result.certificate).meaning == "checked"


def test_the_answer_is_named_and_the_statement_begins_with_it(llama: LanguageModel) -> None:
    rule = {"kind": "regex", "pattern": r"\S+"}
    asked = {"metric": {"name": "label", "extract": rule}, "samples": 9, "parameters": {"max_new_tokens": 6}}
    result = run(tokens_job(PROMPT, tolerance=0.5, **asked), llama)
    certificate = certificate_of(result)
    answer = extractor(rule)(result.output.content.decode())
    assert certificate.provenance.metric is not None
    assert certificate.provenance.metric.centre == {"kind": "label", "label": answer}
    assert result.certificate is not None
    assert f"leaves the answer {quoted(str(answer))} as it is" in result.certificate["statement"]
    assert verify(result.certificate).meaning == "checked"
    assert certificate_of(run(job_of(), llama)).provenance.metric.centre == {}  # type: ignore[union-attr]


def test_the_limit_ends_the_list_and_nothing_is_claimed_beyond(llama: LanguageModel) -> None:
    certificate = certificate_of(run(job_of(samples=20, tolerance=0.99), llama))
    assert certificate.evidence.runs == 21
    assert certificate.evidence.next_cost is not None
    assert certificate.radius == pytest.approx(certificate.evidence.next_cost)
    assert certificate.w1_bound(certificate.evidence.next_cost) == certificate.evidence.diameter


def test_an_epsilon_runs_what_it_reaches_and_no_more(llama: LanguageModel) -> None:
    costs = certificate_of(run(job_of(samples=40, tolerance=0.99), llama)).evidence.costs
    between = float((costs[12] + costs[13]) / 2)
    result = run(job_of(samples=40, tolerance=0.99, epsilon=between), llama)
    assert result.usage.samples == 12
    assert certificate_of(result).claims.w1_bound <= 0.99
    none = run(job_of(samples=40, epsilon=float(costs[1] / 2)), llama)
    assert none.usage.samples == 0
    assert certificate_of(none).claims.w1_bound == 0.0
    at_it = run(job_of(samples=40, tolerance=0.99, epsilon=float(costs[12])), llama)
    assert at_it.usage.samples == 12  # a sequence AT this cost is reached


def test_an_epsilon_beyond_the_list_is_refused_before_any_run(llama: LanguageModel) -> None:
    result = run(job_of(samples=10, epsilon=50.0), llama)
    assert result.abstention is not None
    assert result.usage.samples == 0
    assert "samples=10" in result.abstention.detail
    assert "epsilon=50.0" in result.abstention.detail


def test_an_epsilon_that_a_neighbour_breaks_abstains_and_names_it(llama: LanguageModel) -> None:
    broken = run(job_of(tolerance=0.1), llama).broken_by
    assert broken is not None
    result = run(job_of(tolerance=0.1, epsilon=broken.cost), llama)
    assert result.abstention is not None
    assert result.certificate is None
    assert result.broken_by == broken


def test_a_radius_that_more_runs_would_hardly_enlarge_is_enough(llama: LanguageModel) -> None:
    whole = run(job_of(tolerance=0.99), llama)
    settled = run(job_of(tolerance=0.99, radius_tolerance=0.9), llama)
    assert settled.usage.samples < whole.usage.samples
    assert certificate_of(whole).radius <= certificate_of(settled).radius * 1.9


@pytest.mark.parametrize("runs", [0, 1, 5, 8, 30])
def test_out_of_time_every_beginning_of_the_list_is_a_certificate(llama: LanguageModel, runs: int) -> None:
    job = job_of(tolerance=0.99)
    selection = opened(llama, job).stored
    evidence = certificate_of(run(job, llama)).evidence
    look = CompleteLook(evidence.distances[1 : runs + 1], 1.0, "") if runs else None
    certificate = certificate_of(method_of(job).at_deadline(job, selection, look))
    assert certificate.evidence.runs == runs + 1
    assert certificate.radius == pytest.approx(float(evidence.costs[runs + 1]))


def test_out_of_time_before_an_asked_norm_is_reached_the_reason_is_the_deadline(llama: LanguageModel) -> None:
    costs = certificate_of(run(job_of(samples=40, tolerance=0.99), llama)).evidence.costs
    job = job_of(samples=40, tolerance=0.99, epsilon=float(costs[20]))
    result = method_of(job).at_deadline(job, opened(llama, job).stored, CompleteLook(np.zeros(8), 1.0, ""))
    assert result.abstention is not None
    assert result.abstention.reason == "deadline"
    assert "when 8 of the 20 runs that decide it were made" in result.abstention.detail
    assert result.abstention.curve[-1][0] == pytest.approx(float(costs[9]))


def test_a_failed_run_breaks_the_claim(llama: LanguageModel) -> None:
    job = job_of(tolerance=0.99)
    selection = opened(llama, job).stored
    look = CompleteLook(np.array([0.0, np.nan, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]), 1.0, "not a number")
    taken = method_of(job).take(job, selection, look).result
    assert taken is not None
    assert taken.broken_by is not None
    assert (taken.broken_by.rank, taken.broken_by.distance) == (2, None)
    assert certificate_of(taken).evidence.failed == 1


def test_a_certificate_names_the_breaking_prompt_only_where_prompts_are_kept_as_long(llama: LanguageModel) -> None:
    job = job_of(tolerance=0.1)
    assert certificate_of(run(job, llama)).text is None
    kept = run(job.model_copy(update={"retention_s": LONGEST_RETENTION_S}), llama)
    assert kept.broken_by is not None
    assert certificate_of(kept).text == kept.broken_by.text
    assert verify(kept.certificate).meaning == "checked"


def test_with_a_temperature_all_runs_share_one_draw(llama: LanguageModel) -> None:
    job = tokens_job(
        PROMPT, metric="edit", samples=30, tolerance=0.99, parameters={"max_new_tokens": 6, "temperature": 0.8}
    )
    result = run(job, llama)
    assert without_times(result) == without_times(run(job, llama))
    other = run(job.model_copy(update={"seed": f"{7:032x}", "seed_origin": "client"}), llama)
    assert other.output.content != result.output.content
    # Whoever has the model and the prompt can run the job again.
    assert certificate_of(result).randomness == Seed(int(job.seed, 16), job.seed_origin)
    assert certificate_of(other).randomness == Seed(7, "client")
    assert verify(other.certificate).meaning == "checked"


def test_a_greedy_certificate_names_no_seed(llama: LanguageModel) -> None:
    assert "randomness" not in (run(job_of(samples=8), llama).certificate or {})


def test_in_16_bits_every_run_stands_alone(llama_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(device="cpu", dtype="bfloat16")
    model = load_language_model("tiny-llama", str(llama_folder), settings)
    loaded, generate, batches = LoadedModel(model, Encoders(settings), settings), model.generate, []

    def noted(condition: Condition, noise: Any, draws: Any, parameters: Any) -> Any:
        batches.append(len(noise))
        return generate(condition, noise, draws, parameters)

    monkeypatch.setattr(model, "generate", noted)
    result = by_executors([Executor(loaded, 16)], job_of(samples=8, tolerance=0.99))
    assert set(batches) == {1}
    assert certificate_of(result).evidence.runs == 9
