"""Jobs with claims on scores: by executors as by the plain loop, with and without noise."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from smoothgen import verify
from smoothgen.certificates import read_certificate
from smoothgen.cli.show_worth import down, worth_lines
from smoothgen.contracts import JobResult, JobSpec, JobView, Progress, ScoreClaim
from smoothgen.errors import InvalidClaim, UnknownName
from smoothgen.queue import CompleteLook
from tests.support.workers.jobs import Measures, Silent, metric_of, spec
from tests.support.workers.token_attacks import tokens_job
from tests.workers.test_executor import chunk_of, run_state_of, selection_of, without_times
from workers.features import FeatureMap
from workers.generators import Generator
from workers.generators.batching import Batcher
from workers.generators.closed_form import ClosedForm
from workers.generators.language.adapter import LanguageModel
from workers.jobs.in_process import run_job
from workers.jobs.methods import method_of
from workers.jobs.outcomes import Ended, Measured, Refused, guarded
from workers.jobs.selection import Selected
from workers.scores import output_score
from workers.scores.similarity import Similarity
from workers.serving.executor import Executor
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings

LENGTH: dict[str, Any] = {"score": {"name": "length", "cap": 40}, "at_most": 30}
NUMBER: dict[str, Any] = {"score": {"name": "pattern", "pattern": r"^0\.[0-9]"}, "of": "share", "at_least": 0.5}


def number_job(*claims: dict[str, Any], samples: int = 200, **asked: Any) -> JobSpec:
    job = {"sigma": 1.0, "metric": "absolute", "tolerance": 0.3, "samples": samples, **asked}
    return spec("0.25", claims=list(claims), **job)


def model_of(generator: Generator) -> LoadedModel:
    return LoadedModel(generator, Encoders(Settings()), Settings())


TANH = ClosedForm("closed-form-tanh")


def plain(job: JobSpec, generator: Generator = TANH) -> JobResult:
    scores = model_of(generator).scores(job)
    return run_job(job, generator, metric_of(job), batcher=Batcher(64), watch=Silent(), scores=scores)


def by_executors(job: JobSpec, generator: Generator = TANH, chunk: int = 33) -> JobResult:
    """Runs a job as workers do, chunk by chunk on two executors."""
    executors = [Executor(model_of(generator), size) for size in (8, 64)]
    [selected] = executors[0].run(run_state_of([selection_of(job)]))
    if isinstance(selected, Ended):
        return selected.result
    assert isinstance(selected, Selected), selected
    distances, scores, words = np.zeros(0), np.zeros((0, job.scored)), list[Any]()
    for size in method_of(job).looks(job, selected.stored):
        while len(distances) < size:
            item = chunk_of(job, selected, len(distances), min(chunk, size - len(distances)))
            [measured] = executors[len(distances) % 2].run(run_state_of([item]))
            assert isinstance(measured, Measured), measured
            assert measured.scores is not None
            distances = np.concatenate([distances, measured.distances])
            scores = np.concatenate([scores, measured.scores])
            words += measured.words or []
        look = CompleteLook(distances, 0.0, "", tuple(words), scores)
        if (result := method_of(job).take(job, selected.stored, look).result) is not None:
            return result
    raise AssertionError("the last look decided nothing")


@pytest.mark.parametrize("asked", [{}, {"epsilon": 0.05}, {"radius_tolerance": 0.1}])
def test_executors_give_the_result_of_the_plain_loop(asked: dict[str, Any]) -> None:
    job = number_job(LENGTH, NUMBER, **asked)
    result = by_executors(job)
    assert without_times(result) == without_times(plain(job))
    assert result.certificate is not None
    assert [claim["score"]["name"] for claim in result.certificate["claims"]] == ["length", "pattern"]
    assert verify(result.certificate).meaning == "checked"


def test_an_epsilon_asks_for_the_claims_alone_where_no_tolerance_is_given() -> None:
    """A radius that the distribution does not have: the job proves its claims, at its first look."""
    both = by_executors(number_job(LENGTH, epsilon=0.6, tolerance=0.1))
    assert both.abstention is not None
    assert "W1 bound" in both.abstention.detail
    alone = by_executors(number_job(LENGTH, epsilon=0.6, tolerance=None, samples=1000))
    assert alone.certificate is not None
    assert alone.usage.samples < 1000
    assert alone.certificate["asks_shift"] is False
    assert alone.certificate["tolerance"] < alone.certificate["w1_bound"]
    assert verify(alone.certificate).meaning == "checked"


def test_an_output_that_already_fails_ends_the_job_before_a_sample_is_paid_for() -> None:
    result = by_executors(number_job(NUMBER, {**LENGTH, "at_most": 3}))
    assert result.abstention is not None
    assert "claim 2 asks for the mean of score 'length' at most 3.0" in result.abstention.detail
    assert "the score of the output without any attack is" in result.abstention.detail
    assert result.usage.samples == 0


def test_a_deadline_certifies_the_last_whole_look() -> None:
    job = number_job(LENGTH, epsilon=0.001, deadline_s=100.0)
    [selected] = Executor(model_of(TANH), 64).run(run_state_of([selection_of(job)]))
    assert isinstance(selected, Selected)
    first = method_of(job).looks(job, selected.stored)[0]
    scores = np.full((first + 5, 1), 18.0)
    look = CompleteLook(np.zeros(first + 5), 0.0, "", (), scores)
    late = method_of(job).at_deadline(job, selected.stored, look)
    assert late.certificate is not None
    assert read_certificate(late.certificate).evidence.samples == first
    never = method_of(job).at_deadline(job, selected.stored, None)
    assert never.abstention is not None
    assert "claims on scores are about what outputs say" in never.abstention.detail


# Without noise.


def tokens(*claims: dict[str, Any], **asked: Any) -> JobSpec:
    job = {"samples": 40, "tolerance": 0.9, "parameters": {"max_new_tokens": 6}, **asked}
    return tokens_job("A triangle has", metric="edit", claims=list(claims), **job)


@pytest.mark.parametrize("asked", [{}, {"epsilon": 0.05}])
def test_claims_without_noise_are_exact(llama: LanguageModel, asked: dict[str, Any]) -> None:
    own = plain(tokens(LENGTH), llama).output.text
    exact = {"score": {"name": "pattern", "pattern": f"^{re.escape(own)}$"}, "at_least": 1.0}
    job = tokens({**LENGTH, "score": {"name": "length", "cap": 4000}, "at_most": 3999}, exact, **asked)
    result = by_executors(job, llama, chunk=7)
    assert without_times(result) == without_times(plain(job, llama))
    if result.certificate is None:
        assert asked
        assert "claim on score 'pattern'" in result.abstention.detail
        return
    length, kept = result.certificate["claims"]
    assert kept["radius"] == result.certificate["keeps"][0]["radius"]  # the same runs, the same claim
    assert length["radius"] >= kept["radius"]
    assert verify(result.certificate).meaning == "checked"


def test_without_noise_the_claims_alone_are_run_for(llama: LanguageModel) -> None:
    """The distribution is broken by the first run: the claim is run for to the end all the same."""
    roomy = {**LENGTH, "score": {"name": "length", "cap": 4000}, "at_most": 3999}
    costs = read_certificate(plain(tokens(roomy, tolerance=0.01), llama).certificate).evidence.costs
    asked = {"epsilon": float(costs[-1]), "samples": 40, "parameters": {"max_new_tokens": 6}}
    both = by_executors(tokens(roomy, **{**asked, "tolerance": 0.01}), llama)
    assert both.abstention is not None
    result = by_executors(tokens(roomy, **{**asked, "tolerance": None}), llama)
    assert result.certificate is not None
    assert result.usage.samples > both.usage.samples
    assert verify(result.certificate).meaning == "checked"


def test_a_prompt_whose_own_output_fails_runs_nothing(llama: LanguageModel) -> None:
    result = by_executors(tokens({**LENGTH, "at_least": 40, "at_most": None}), llama)
    assert result.abstention is not None
    assert "no run was made: claim 1" in result.abstention.detail
    assert result.usage.samples == 0


# Scores that need a model.


class Encoder:
    name = "three-words"

    def features(self, contents: Sequence[str]) -> np.ndarray:
        words = np.array([[text.count(w) for w in ("red", "blue", "green")] for text in contents], dtype=np.float64)
        with np.errstate(invalid="ignore"):
            return words / np.linalg.norm(words, axis=1, keepdims=True)


class Judge:
    def features(self, pictures: Sequence[Any]) -> np.ndarray:
        raise NotImplementedError

    def verdicts(self, pictures: Sequence[Any]) -> list[str]:
        return ["red sneaker" if picture[0, 0, 0] > 100 else "blue hat" for picture in pictures]


def claim_on(**score: Any) -> ScoreClaim:
    return ScoreClaim.model_validate({"score": score, "at_least": 0.5})


def test_similarity_is_the_cosine_to_the_reference() -> None:
    score = output_score(claim_on(name="similarity", reference="red blue"), Measures(Encoder()))
    assert score.values(["red blue", "green", "red"]) == pytest.approx([1, 0, 0.5**0.5])
    assert np.isnan(score.values(["nothing"])).all()
    assert score.identity.options["encoder"] == "three-words"
    with pytest.raises(InvalidClaim, match="no sentence embedding"):
        output_score(claim_on(name="similarity", reference="nothing"), Measures(Encoder()))


def test_the_similarity_of_a_text_does_not_depend_on_the_texts_beside_it(sentence_encoder: FeatureMap) -> None:
    """A retry measures other batches, and must give the same certificate."""
    score = Similarity("0.7", sentence_encoder)
    texts = [f"{value / 997:.4f} and {'more ' * (value % 9)}" for value in range(40)]
    together, backwards = score.values(texts), score.values(texts[::-1])[::-1]
    assert np.array_equal(together, backwards)
    assert np.array_equal(together, [score.values([text])[0] for text in texts])


def test_a_verdict_is_the_classifiers() -> None:
    judged = Measures()
    judged.classifier = Judge()  # type: ignore[assignment]
    score = output_score(claim_on(name="verdict", verdict="red sneaker"), judged)
    pictures = [np.full((2, 2, 3), shade, dtype=np.uint8) for shade in (200, 0)]
    assert score.values(pictures).tolist() == [1, 0]


@pytest.mark.parametrize("name", [{"name": "similarity", "reference": "x"}, {"name": "verdict", "verdict": "x"}])
def test_a_score_without_its_instrument_is_unknown(name: dict[str, str]) -> None:
    with pytest.raises(UnknownName, match="score of this model"):
        output_score(claim_on(**name), Measures())


def test_guarding_keeps_the_reason() -> None:
    def fails() -> None:
        raise InvalidClaim("no such claim", field="robustness.claims.0")

    refused = guarded(number_job(LENGTH), fails, noiseless=True)
    assert isinstance(refused, Refused)
    assert refused.problem.errors[0].pointer == "/robustness/claims/0"


# What the answer says of them.


def shown(result: JobResult) -> JobView:
    progress = Progress(done=1, total=1)
    return JobView(id="job-1", status="succeeded", progress=progress, **result.model_dump())


def test_the_decision_names_every_claim_that_was_asked() -> None:
    both = plain(number_job(LENGTH, NUMBER, epsilon=0.05))
    assert both.certificate is not None
    assert both.decision is not None
    assert (both.decision.holds, both.decision.wanted) == (True, 0.05)
    radii = [both.certificate["radius"], *(claim["radius"] for claim in both.certificate["claims"])]
    assert [each.radius for each in both.decision.claims or ()] == radii
    assert both.decision.radius == min(radii)
    assert both.decision.claim == "; ".join(each.claim for each in both.decision.claims or ())
    assert "the mean of the length in characters, counted up to 40, is at most 30.0" in both.decision.claim
    told = worth_lines(shown(both))
    assert told[0].startswith(f"decision: all of 3 claims: holds (proven up to {down(min(radii))}, asked for 0.05)")
    assert told[2] == f"claim: {(both.decision.claims or ())[1].claim}: holds (proven up to {down(radii[1])})"
    alone = plain(number_job(LENGTH, NUMBER, epsilon=0.05, tolerance=None))
    assert alone.decision is not None
    assert [each.claim for each in alone.decision.claims or ()] == [
        each.claim for each in (both.decision.claims or ())[1:]
    ]


@pytest.mark.parametrize("epsilon", [None, 0.3])
def test_the_decision_holds_only_if_every_claim_does(epsilon: float | None) -> None:
    """The outputs are short, but their mean is not proven to be as short as they are."""
    result = plain(number_job({**LENGTH, "at_most": 35}, {**LENGTH, "at_most": 18.7}, epsilon=epsilon))
    assert result.decision is not None
    held = [each.holds for each in result.decision.claims or ()]
    assert (result.decision.holds, held[1:]) == (False, [True, False])
    assert result.decision.radius == min(each.radius or 0.0 for each in result.decision.claims or ())
    assert (result.certificate is None) == (epsilon is not None)


def test_the_decision_of_a_job_without_samples_has_no_radius() -> None:
    result = plain(number_job(NUMBER, {**LENGTH, "at_most": 3}))
    assert result.decision is not None
    assert (result.decision.holds, result.decision.radius) == (False, None)
    assert [each.holds for each in result.decision.claims or ()] == [False, False, False]


def test_the_decision_without_noise_has_no_radius_where_nothing_ends_a_claim(llama: LanguageModel) -> None:
    roomy = {**LENGTH, "score": {"name": "length", "cap": 4000}, "at_most": 3999}
    result = plain(tokens(roomy, tolerance=None), llama)
    assert result.certificate is not None
    assert result.decision is not None
    [only] = result.decision.claims or ()
    assert (only.holds, only.radius) == (True, result.certificate["claims"][0]["radius"])
    assert result.decision.claim == only.claim
