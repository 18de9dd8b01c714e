"""Batches of one size: where outputs depend on the batch, a sample's batch is a function of its job and index alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from smoothgen.certificates import from_document
from smoothgen.contracts import JobSpec, JobView, ModelRef, Parameters
from smoothgen.errors import GenerationFailed
from smoothgen.noise import Stream
from smoothgen.queue import JobStore, WorkQueue, connect, keys, new_id
from tests.support.processes import Lab
from tests.support.workers.jobs import Silent, metric_of, spec
from tests.workers.test_executor import chunk_of, number_job, numbered, run_state_of, selection_of
from workers.generators import Condition, Draw, Failure, Made, Text
from workers.generators.batching import FixedBatcher, TooLarge
from workers.generators.closed_form import ClosedForm
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.loading import load_language_model
from workers.jobs.in_process import run_job
from workers.jobs.outcomes import Ended, Measured, NoRoom
from workers.jobs.sampling import Samples, blocks_of, condition_of, fixed_size
from workers.jobs.selection import Selected
from workers.serving.compute import ComputeThread
from workers.serving.executor import Executor
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.serving.metrics import Metrics
from workers.serving.worker import Worker
from workers.settings import Settings

PLAIN = Settings()
IN_HALF = Settings(device="cpu", dtype="bfloat16")


class ShapeSensitive(ClosedForm):
    """closed-form-tanh whose outputs also depend on how many rows the batch has and on the row a sample stands in: what
    arithmetic in 16 bits does to a model, a thousand times larger.

    fits: rows there is room for; broken: outputs (before the shift) it cannot compute, and takes the batch with them.
    """

    precision, batch_sensitivity = "bfloat16", 1.0

    def __init__(self, fits: int = 10_000, broken: Callable[[float], bool] = lambda y: False) -> None:
        super().__init__("closed-form-tanh")
        self.fits, self._broken = fits, broken
        self.batches: list[int] = []

    def generate(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> Sequence[Made | Failure]:
        self.batches.append(len(noise))
        if len(noise) > self.fits:
            raise MemoryError(f"{len(noise)} rows")
        made = super().generate(condition, noise, draws, parameters)
        values = [float(each.text) for each in made if isinstance(each, Text)]
        if any(map(self._broken, values)):
            raise FloatingPointError("a row that cannot be computed")
        shift = 0.01 / len(values)
        return [Text(repr(0.5 * y + shift * row)) for row, y in enumerate(values)]


class AsTheyCome(ShapeSensitive):
    """The same, served as a model in float32 is."""

    precision = "float32"


def executor_of(generator: ClosedForm, batch_size: int = 16) -> Executor:
    return Executor(LoadedModel(generator, Encoders(PLAIN), PLAIN), batch_size)


def in_order(job: JobSpec, generator: ClosedForm, batch_size: int) -> NDArray[np.float32]:
    """The certificate's distances, of the job as a plain loop."""
    result = run_job(
        job, generator, metric_of(job), batcher=FixedBatcher(batch_size), watch=Silent(), precision="bfloat16"
    )
    assert result.certificate is not None
    return from_document(result.certificate).evidence.distances


def chunks(run: Executor, job: JobSpec, opened: Selected, cuts: Sequence[int], *others: JobSpec) -> NDArray[np.float64]:
    """The job's distances, cut so, with other jobs' selections beside every chunk."""
    found = []
    for first, stop in pairwise(cuts):
        claims = [*map(selection_of, others), chunk_of(job, opened, first, stop - first)]
        *_, measured = run.run(run_state_of(claims))
        assert isinstance(measured, Measured)
        found.append(measured.distances)
    return np.concatenate(found)


def opened_by(run: Executor, job: JobSpec) -> Selected:
    [opened] = run.run(run_state_of([selection_of(job)]))
    assert isinstance(opened, Selected)
    return opened


CUTS = {"one": [0, 100], "whole blocks": [0, 32, 64, 100], "anywhere": [0, 1, 7, 39, 40, 90, 100]}


@pytest.mark.parametrize("cuts", CUTS.values(), ids=CUTS)
def test_distances_depend_neither_on_the_chunks_nor_on_other_jobs(cuts: list[int]):
    job, others = number_job(1, samples=100), [number_job(n, selection_samples=10 * n, prompt="0.75") for n in (2, 3)]
    generator = ShapeSensitive()
    run = executor_of(generator)
    opened = opened_by(run, job)
    alone = chunks(run, job, opened, [0, 100])
    assert np.array_equal(chunks(run, job, opened, cuts), alone)
    assert np.array_equal(chunks(run, job, opened, cuts, *others), alone)
    assert np.array_equal(chunks(executor_of(ShapeSensitive()), job, opened, cuts), alone)  # a retry elsewhere
    assert set(generator.batches) == {16}
    assert np.allclose(alone, in_order(job, ShapeSensitive(), 16), atol=1e-6)


def test_openings_are_the_same_beside_other_jobs_and_alone():
    jobs = [number_job(n, samples=100, prompt=f"{n / 10}") for n in range(3)]
    together = executor_of(ShapeSensitive()).run(run_state_of([selection_of(job) for job in jobs]))
    for job, opened in zip(jobs, together, strict=True):
        assert isinstance(opened, Selected)
        alone = opened_by(executor_of(ShapeSensitive()), job)
        assert (opened.output, opened.stored.centre, opened.provenance) == (
            alone.output,
            alone.stored.centre,
            alone.provenance,
        )


def test_without_it_they_do_depend_on_both():
    """The generator is one that needs it: in batches as they come, the same job has other distances."""
    job, other = number_job(1, samples=100), number_job(2, selection_samples=10)
    run = executor_of(AsTheyCome())
    opened = opened_by(run, job)
    assert opened.stored.batch_size is None
    assert not np.array_equal(chunks(run, job, opened, [0, 100]), chunks(run, job, opened, [0, 7, 100]))
    assert not np.array_equal(chunks(run, job, opened, [0, 100]), chunks(run, job, opened, [0, 100], other))


def test_the_certificate_says_in_which_batches_and_precision_samples_were_drawn():
    job = number_job(1, samples=100)
    sampling = opened_by(executor_of(ShapeSensitive()), job).provenance.sampling
    assert sampling is not None
    assert (sampling.precision, sampling.batch_size, sampling.batch_sensitivity) == ("bfloat16", 16, 1.0)
    assert opened_by(executor_of(ShapeSensitive()), job).stored.batch_size == 16
    few = opened_by(executor_of(ShapeSensitive(), 64), number_job(1, samples=20)).provenance.sampling
    assert few is not None
    assert few.batch_size == 20  # no job is drawn in batches larger than itself


def test_tiers_without_certification_samples_are_drawn_one_by_one():
    generator = ShapeSensitive()
    [ended] = executor_of(generator).run(run_state_of([selection_of(number_job(1, tier="universal"))]))
    assert isinstance(ended, Ended)
    assert generator.batches == [1]
    assert ended.result.certificate is not None
    assert ended.result.certificate["sampling"]["batch_size"] == 1


def test_a_chunk_is_drawn_in_its_openings_batches_whatever_the_workers_own_size():
    job = number_job(1, samples=100)
    opened = opened_by(executor_of(ShapeSensitive(), 16), job)
    alone = chunks(executor_of(ShapeSensitive(), 16), job, opened, [0, 100])
    for size in (1, 10, 64):
        generator = ShapeSensitive()
        assert np.array_equal(chunks(executor_of(generator, size), job, opened, [0, 33, 100]), alone)
        assert set(generator.batches) == {16}


def test_a_sample_that_raises_changes_no_other_and_none_changes_its_row():
    job = number_job(1, samples=100, prompt="1.0")
    whole, partly = ShapeSensitive(), ShapeSensitive(broken=lambda y: y > 0.999)
    opened = opened_by(executor_of(whole), job)
    sound = chunks(executor_of(whole), job, opened, [0, 100])
    found = chunks(executor_of(partly), job, opened, [0, 100])
    failed = np.isnan(found)
    assert 0 < failed.sum() < 100
    assert np.array_equal(found[~failed], sound[~failed])
    assert set(partly.batches) == {16}
    assert np.array_equal(chunks(executor_of(partly), job, opened, [0, 50, 51, 100]), found, equal_nan=True)


def test_an_opening_that_does_not_fit_is_run_again_with_smaller_batches():
    generator, job = ShapeSensitive(fits=5), number_job(1, samples=100)
    run = executor_of(generator)
    opened = opened_by(run, job)
    assert opened.stored.batch_size == 4
    assert (opened.output, opened.stored.centre) == (
        opened_by(executor_of(ShapeSensitive(), 4), job).output,
        opened_by(executor_of(ShapeSensitive(), 4), job).stored.centre,
    )
    assert generator.batches == [16, 8, 4, 4, 4, 4]
    assert run.batch_size == 4  # so that no later job begins with more


def test_an_opening_keeps_to_the_limit_its_job_was_given():
    job = number_job(1, samples=100)
    claim = selection_of(job)
    limited = type(claim)(**{**vars(claim), "batch_limit": 2})
    [opened] = executor_of(ShapeSensitive()).run(run_state_of([limited]))
    assert isinstance(opened, Selected)
    assert opened.stored.batch_size == 2


def test_a_chunk_that_does_not_fit_sends_the_job_back_to_its_opening():
    job = number_job(1, samples=100)
    opened = opened_by(executor_of(ShapeSensitive()), job)
    [left] = executor_of(ShapeSensitive(fits=15)).run(run_state_of([chunk_of(job, opened, 0, 50)]))
    assert left == NoRoom(8)


def test_one_sample_that_does_not_fit_ends_the_job():
    with pytest.raises(TooLarge):
        FixedBatcher(2).survive([0, 1], _no_room)
    with pytest.raises(GenerationFailed, match="one sample alone does not fit"):
        FixedBatcher(1).survive([0], _no_room)


def _no_room(rows: Sequence[int]) -> Sequence[Made]:
    raise MemoryError


def test_short_batches_are_filled_up_with_copies():
    tried: list[list[int]] = []

    def one_batch(rows: Sequence[int]) -> list[Made]:
        tried.append(list(rows))
        return [Text(str(row)) for row in rows]

    found = [made for _, made in FixedBatcher(4).run(range(6), one_batch)]
    assert tried == [[0, 1, 2, 3], [4, 5, 4, 4]]
    assert [[made.content for made in batch] for batch in found] == [["0", "1", "2", "3"], ["4", "5"]]


@pytest.mark.parametrize(("first", "stop"), [(0, 16), (0, 7), (5, 6), (15, 17), (3, 40), (16, 32)])
def test_every_sample_stands_at_its_row_of_its_block(first: int, stop: int):
    job = number_job(1)
    samples = Samples(job, condition_of(job, ClosedForm("closed-form-tanh")), Stream.CERTIFICATION, range(first, stop))
    places = []
    for rows, ours in blocks_of(samples, 16):
        assert len(rows) == 16
        places += [(rows[row][1], row) for row in ours]
        assert [index for _, index in rows] == list(range(rows[0][1], rows[0][1] + 16))
    assert places == [(index, index % 16) for index in range(first, stop)]


def test_batches_are_no_larger_than_what_is_drawn():
    assert fixed_size(number_job(1, samples=100), 64) == 64
    assert fixed_size(number_job(1, samples=40), 64) == 40
    assert fixed_size(number_job(1, tier="universal"), 64) == 1


class FillingUp(ShapeSensitive):
    """Has room for what it begins with, and after so many batches for less: another process came to the device."""

    def __init__(self, after: int, fits: int) -> None:
        super().__init__()
        self._after, self._later = after, fits

    def generate(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> Sequence[Made | Failure]:
        if len(self.batches) >= self._after:
            self.fits = self._later
        return super().generate(condition, noise, draws, parameters)


def served(lab: Lab, generator: ClosedForm, job: JobSpec) -> JobView:
    """The job's end, served by a worker of this process on a real Redis."""
    settings = Settings(batch_size=16)
    name = generator.identity.name

    async def tell() -> JobView:
        redis = connect(lab.redis.url)
        models = {name: LoadedModel(generator, Encoders(settings), settings)}
        worker = Worker(WorkQueue(redis, "one"), models, settings, Metrics(models), ComputeThread())
        running = asyncio.create_task(worker.run())
        store = JobStore(redis)
        identity = generator.identity
        await store.submit(
            job, ModelRef(name=name, revision=identity.revision, digest=identity.digest), gateway_id="gateway"
        )
        async with asyncio.timeout(120):
            async for reply in store.replies("gateway", block_ms=100):
                if reply is not None and reply.job_id == job.id:
                    break
        state = await store.read(job.id)
        worker.stop()
        await running
        await redis.aclose()
        return state.view

    return asyncio.run(tell())


@pytest.mark.parametrize("epsilon", [None, 0.05], ids=["one look", "several looks"])
def test_memory_that_runs_short_in_the_middle_starts_the_job_over_with_smaller_batches(epsilon: float | None, lab: Lab):
    job = number_job(1, samples=500, epsilon=epsilon)
    asked = job.request.model_copy(update={"model": "closed-form-tanh"})
    job = job.model_copy(update={"id": new_id(asked.model, job.tenant), "request": asked})
    view = served(lab, FillingUp(after=2, fits=7), job)
    assert view.status == "succeeded", view
    assert view.certificate is not None
    assert view.certificate["sampling"]["batch_size"] == 4
    claimed = from_document(view.certificate).evidence.distances
    assert np.array_equal(claimed, in_order(job, ShapeSensitive(), 4))
    assert lab.redis.client.get(keys.backlog("closed-form-tanh")) == "0"
    assert set(lab.redis.stream_lengths().values()) == {0}


@pytest.fixture(scope="module")
def half(llama_folder: Path) -> LanguageModel:
    """The tiny Llama in 16 bits."""
    model = load_language_model("half", str(llama_folder), IN_HALF)
    vars(model)["batch_sensitivity"] = 0.2  # of so small a model the probe at load may see nothing
    return model


def test_a_language_model_in_16_bits_gives_the_same_distances_however_its_job_is_cut(half: LanguageModel):
    asked = {"max_new_tokens": 8, "temperature": 0.8}
    job, other = (
        numbered(spec(prompt, sigma=0.05, metric="edit", samples=60, parameters=asked), n)
        for n, prompt in enumerate(["A triangle has", "A square has"])
    )
    served = LoadedModel(half, Encoders(IN_HALF), IN_HALF)
    assert served.fixes_batches
    opened = opened_by(Executor(served, 16), job)
    alone = chunks(Executor(served, 16), job, opened, [0, 60])
    assert np.array_equal(chunks(Executor(served, 16), job, opened, [0, 1, 7, 33, 60], other), alone)
    assert np.array_equal(chunks(Executor(served, 64), job, opened, [0, 20, 40, 60]), alone)
    assert opened_by(Executor(served, 16), job).output == opened.output
