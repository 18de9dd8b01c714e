"""Work items run at once: samples of several jobs share a batch, and every job gets what it would have got alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from smoothgen.contracts import JobResult, JobSpec
from smoothgen.queue import Claim
from tests.support.workers import tiny_diffusion
from tests.support.workers.jobs import ON_EMBEDDING, Recorded, metric_of, run, spec
from workers.distances.pixels import PixelRmse
from workers.generators import Generator, joined
from workers.generators.closed_form import ClosedForm
from workers.generators.diffusion import DiffusionModel
from workers.generators.language.adapter import LanguageModel
from workers.jobs.certification import look_at, plan_of, result_of
from workers.jobs.outcomes import Ended, Measured, Refused
from workers.jobs.selection import Selected
from workers.serving.executor import Executor
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.serving.metrics import Metrics
from workers.serving.run_state import RunState
from workers.settings import Settings

TINY_PICTURES = pytest.mark.filterwarnings("ignore:__array:DeprecationWarning")  # diffusers' own


def numbered(job: JobSpec, number: int) -> JobSpec:
    """Another job of the same kind: its own id, its own noise."""
    return job.model_copy(update={"id": f"job-{number}", "seed": f"{number:032x}"})


def number_job(number: int, prompt: str = "0.25", **asked) -> JobSpec:
    return numbered(spec(prompt, sigma=0.5, metric="absolute", **asked), number)


def executor_of(generator: Generator, batch_size: int = 64, batch_tokens: int = 8192) -> Executor:
    settings = Settings()
    return Executor(LoadedModel(generator, Encoders(settings), settings), batch_size, batch_tokens)


def selection_of(job: JobSpec) -> Claim:
    return Claim("any", "stream", "0-1", job, None, -1, job.samples_to_draw, 1)


def chunk_of(job: JobSpec, opened: Selected, first: int, count: int) -> Claim:
    return Claim("any", "stream", "0-2", job, opened.stored, first, count, 1)


def run_state_of(claims: Sequence[Claim]) -> RunState:
    return RunState("any", Metrics(["any"]), list(claims))


def outcomes(executor: Executor, jobs: Sequence[JobSpec], samples: int) -> list[tuple[Selected, np.ndarray]]:
    """Every job's selection, then its chunk, side by side."""
    opened = executor.run(run_state_of([selection_of(job) for job in jobs]))
    assert all(isinstance(each, Selected) for each in opened), opened
    chunks = [chunk_of(job, each, 0, samples) for job, each in zip(jobs, opened, strict=True)]
    measured = executor.run(run_state_of(chunks))
    assert all(isinstance(each, Measured) for each in measured), measured
    return [(o, m.distances) for o, m in zip(opened, measured, strict=True)]


def test_jobs_side_by_side_get_what_they_would_have_got_alone():
    jobs = [number_job(n, prompt=f"{n / 10}", samples=50) for n in range(5)]
    recorded = Recorded(ClosedForm("closed-form-tanh"))
    together = outcomes(executor_of(recorded), jobs, 50)
    assert recorded.batches == [64, 16, 64, 64, 64, 58]  # 5 x 16 selection samples, then 5 x 50
    for job, (opened, distances) in zip(jobs, together, strict=True):
        [(alone, expected)] = outcomes(executor_of(Recorded(ClosedForm("closed-form-tanh")), 7), [job], 50)
        assert opened.stored.output == alone.stored.output
        assert opened.stored.centre == alone.stored.centre
        assert opened.provenance == alone.provenance
        assert np.array_equal(distances, expected)


def test_texts_of_one_length_share_a_batch(llama: LanguageModel):
    prompts = ["A triangle has", "A square has"]
    asked = {"max_new_tokens": 6, "temperature": 0.8}
    jobs = [
        numbered(spec(p, sigma=0.05, metric="edit", samples=20, parameters=asked), n) for n, p in enumerate(prompts)
    ]
    recorded = Recorded(llama)
    together = outcomes(executor_of(recorded), jobs, 20)
    lengths = {len(llama.condition(p, jobs[0].parameters, ON_EMBEDDING).embedding) for p in prompts}
    assert recorded.batches == ([32, 40] if len(lengths) == 1 else [16, 16, 20, 20])
    for job, (opened, distances) in zip(jobs, together, strict=True):
        [(alone, expected)] = outcomes(executor_of(llama), [job], 20)
        assert opened.stored.output == alone.stored.output
        assert np.allclose(distances, expected, atol=1e-6)


@pytest.mark.parametrize(("prompts_of_room", "batches"), [(3, [3] * 5 + [1] + [3] * 6 + [2]), (0, [1] * 36)])
def test_a_batch_holds_no_more_tokens_than_it_may_and_the_outputs_are_the_same(
    llama: LanguageModel, prompts_of_room: int, batches: list[int]
):
    asked = {"max_new_tokens": 6, "temperature": 0.8}
    job = numbered(spec("A triangle has", sigma=0.05, metric="edit", samples=20, parameters=asked), 1)
    length = llama.condition("A triangle has", job.parameters, ON_EMBEDDING).prompt_tokens
    recorded = Recorded(llama)
    [(opened, distances)] = outcomes(executor_of(recorded, batch_tokens=max(1, prompts_of_room * length)), [job], 20)
    assert recorded.batches == batches
    [(plain, expected)] = outcomes(executor_of(llama), [job], 20)
    assert opened.stored.output == plain.stored.output
    assert np.allclose(distances, expected, atol=1e-6)


def test_of_a_job_that_ends_during_a_batch_no_further_sample_is_run(llama: LanguageModel):
    job = numbered(spec("A triangle has", sigma=0.05, metric="edit", parameters={"max_new_tokens": 3}), 1)
    claim = selection_of(job)
    state = run_state_of([claim])
    recorded = Recorded(llama, fails=lambda batch: state.ended.add(job.id))
    executor_of(recorded, batch_tokens=1).run(state)
    assert recorded.batches == [1]


@TINY_PICTURES
@pytest.mark.parametrize("mechanism", ["embedding", "embedding-per-step", "latent-schedule"])
def test_pictures_of_several_prompts_share_a_batch_where_the_noise_is_on_the_prompt(
    mechanism: str, tmp_path_factory: pytest.TempPathFactory
):
    model: DiffusionModel = tiny_diffusion.load(tiny_diffusion.save(tmp_path_factory.mktemp("pipeline")))
    asked = tiny_diffusion.parameters()
    jobs = [
        numbered(tiny_diffusion.spec(asked, mechanism=mechanism, prompt=prompt, randomness="fresh"), n)
        for n, prompt in enumerate(["a red ab", "a blue ba"])
    ]
    recorded = Recorded(model)
    together = outcomes(executor_of(recorded), jobs, 8)
    # The other mechanisms hold the clean prompt: its rows cannot stand beside another's.
    assert recorded.batches == ([3, 3, 8, 8] if mechanism == "latent-schedule" else [6, 16])
    for job, (opened, distances) in zip(jobs, together, strict=True):
        [(alone, expected)] = outcomes(executor_of(model), [job], 8)
        assert opened.provenance.model == alone.provenance.model
        assert np.allclose(distances, expected, atol=2e-3)  # a pixel may fall on the other side of a level


def test_other_parameters_are_another_batch(llama: LanguageModel):
    jobs = [
        numbered(spec("A square", sigma=0.05, metric="edit", parameters={"max_new_tokens": tokens}), tokens)
        for tokens in (3, 4)
    ]
    recorded = Recorded(llama)
    executor_of(recorded).run(run_state_of([selection_of(job) for job in jobs]))
    assert recorded.batches == [16, 16]


def test_a_prompt_the_model_cannot_take_fails_alone_and_before_any_noise():
    jobs = [number_job(1), number_job(2, prompt="no number"), number_job(3)]
    first, refused, last = executor_of(ClosedForm("closed-form-tanh")).run(
        run_state_of([selection_of(job) for job in jobs])
    )
    assert isinstance(first, Selected)
    assert isinstance(last, Selected)
    assert isinstance(refused, Refused)
    assert refused.noiseless
    assert refused.problem.status == 422


def test_a_model_that_fails_everywhere_refuses_after_the_noise():
    [refused] = executor_of(ClosedForm("closed-form-broken")).run(run_state_of([selection_of(number_job(1))]))
    assert isinstance(refused, Refused)
    assert not refused.noiseless


def test_a_failing_job_harms_nobody_in_its_batch():
    generator = ClosedForm("closed-form-partly-raising")  # wherever x + noise exceeds 1
    sound, failing = number_job(1, prompt="-9"), number_job(2, prompt="9")
    opened, refused = executor_of(generator).run(run_state_of([selection_of(sound), selection_of(failing)]))
    assert isinstance(opened, Selected)
    assert isinstance(refused, Refused)


def test_tiers_without_certification_samples_end_with_their_selection():
    universal, fleet = number_job(1, tier="universal"), number_job(2, tier="universal")
    recorded = Recorded(ClosedForm("closed-form-tanh"))
    done = executor_of(recorded).run(run_state_of([selection_of(universal), selection_of(fleet)]))
    assert recorded.batches == [2]
    for ended in done:
        assert isinstance(ended, Ended)
        assert ended.result.certificate is not None
        assert ended.result.certificate["samples"] == 0
        assert ended.result.usage.overhead == 1


def test_nobody_computes_for_a_job_that_has_ended():
    jobs = [number_job(1), number_job(2)]
    recorded = Recorded(ClosedForm("closed-form-tanh"))
    watch = run_state_of([selection_of(job) for job in jobs])
    watch.ended.add("job-1")
    dropped, opened = executor_of(recorded).run(watch)
    assert dropped is None
    assert isinstance(opened, Selected)
    assert recorded.batches == [16]


class Counting(set):
    """A set that counts how often it is asked."""

    asked = 0

    def __contains__(self, member: object) -> bool:
        self.asked += 1
        return super().__contains__(member)


def test_the_cost_of_a_chunk_grows_with_its_samples_and_not_with_their_square():
    executor, job = executor_of(ClosedForm("closed-form-tanh"), batch_size=1), number_job(0, samples=200)
    [opened] = executor.run(run_state_of([selection_of(job)]))
    state = run_state_of([chunk_of(job, opened, 0, 200)])
    state.ended = Counting()
    [measured] = executor.run(state)
    assert len(measured.distances) == 200
    assert state.ended.asked <= 200


def test_told_to_stop_it_finishes_the_batch_and_leaves_the_rest():
    jobs = [number_job(1), number_job(2)]
    watch = run_state_of([selection_of(job) for job in jobs])

    class Stopping(Recorded):
        def generate(self, condition, noise, draws, parameters):
            watch.stop = True
            return super().generate(condition, noise, draws, parameters)

    first, left = executor_of(Stopping(ClosedForm("closed-form-tanh")), batch_size=16).run(watch)
    assert isinstance(first, Selected)
    assert left is None


def test_a_prompt_is_embedded_once_for_all_chunks_of_its_job():
    asked = []

    class Counted(Recorded):
        def condition(self, prompt, parameters, smoothing):
            asked.append(prompt)
            return super().condition(prompt, parameters, smoothing)

    executor, job = executor_of(Counted(ClosedForm("closed-form-tanh"))), number_job(1)
    [opened] = executor.run(run_state_of([selection_of(job)]))
    assert isinstance(opened, Selected)
    for first in range(0, 100, 20):
        executor.run(run_state_of([chunk_of(job, opened, first, 20)]))
    assert asked == ["0.25"]


@pytest.mark.parametrize(
    ("model", "asked"),
    [
        ("closed-form-tanh", {"samples": 100}),
        ("closed-form-tanh", {"samples": 100, "output": "sample"}),
        ("closed-form-tanh", {"samples": 500, "epsilon": 0.05}),
        ("closed-form-partly-raising", {"samples": 100}),
        ("closed-form-tanh", {"tier": "universal"}),
    ],
    ids=["one look", "served sample", "several looks", "failing samples", "universal"],
)
def test_the_plain_loop_gives_the_result_of_the_executor(model: str, asked: dict[str, Any]):
    """`run_job` is the oracle of other tests and of research: it must give what workers give."""
    job = number_job(1, **asked)
    of_executor = result_by_executor(executor_of(ClosedForm(model), 7), job)
    plain = run(job, ClosedForm(model))
    assert without_times(of_executor) == without_times(plain)


def result_by_executor(executor: Executor, job: JobSpec) -> JobResult:
    """Runs a job as workers do: its selection, then chunks of 9 samples up to each look until one stops it."""
    [selected] = executor.run(run_state_of([selection_of(job)]))
    if isinstance(selected, Ended):
        return selected.result
    assert isinstance(selected, Selected)
    distances, failure = np.zeros(0), ""
    for size in plan_of(job).sizes:
        while len(distances) < size:
            chunk = chunk_of(job, selected, len(distances), min(9, size - len(distances)))
            [measured] = executor.run(run_state_of([chunk]))
            assert isinstance(measured, Measured)
            distances, failure = np.concatenate([distances, measured.distances]), measured.failure or failure
        look = look_at(job, selected.stored, distances, failure)
        if look.stop is not None:
            break
    return result_of(job, selected.stored, look.outcome, distances, 0.0)


def without_times(result: JobResult) -> dict[str, Any]:
    document = result.model_dump()
    del document["usage"]["device_s"], document["usage"]["queued_s"]
    return document


def test_looks_double_where_something_may_stop_a_job_early_and_else_there_is_one():
    assert plan_of(number_job(1, samples=500)).sizes == (500,)
    for reason in ({"epsilon": 0.1}, {"radius_tolerance": 0.05}, {"deadline_s": 5.0}):
        assert plan_of(number_job(1, samples=500, **reason)).sizes == (32, 63, 125, 250, 500)


def test_a_joined_condition_has_a_row_for_every_row():
    generator = ClosedForm("closed-form-tanh")
    one, two = (generator.condition(prompt, number_job(1).parameters, ON_EMBEDDING) for prompt in ("0.25", "0.75"))
    assert joined([(one, 3)]) is one
    assert joined([(one, 2), (two, 1)]).embedding.tolist() == [[0.25], [0.25], [0.75]]


def test_every_metrics_centre_survives_its_document():
    texts = ["0.25", "0.5", "0.75", "a b"]
    for metric in ("absolute", "edit", {"name": "label", "extract": {"kind": "number"}}, {"name": "edit", "cap": 0.5}):
        measured = metric_of(spec("0", sigma=1.0, metric=metric))
        centre = measured.choose_centre(texts)
        again = measured.read_centre(centre.document, centre.bound)
        assert np.array_equal(measured.distances(texts, centre), measured.distances(texts, again), equal_nan=True)
    pictures = list(np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), dtype=np.uint8))
    rmse = PixelRmse()
    centre = rmse.choose_centre(pictures)
    again = rmse.read_centre(centre.document, centre.bound)
    assert np.array_equal(rmse.distances(pictures, centre), rmse.distances(pictures, again))
