"""Noise followed by the token snap, from the job to the certificate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from smoothgen.certificates import verify
from smoothgen.certificates.fleet import FleetSubject, certify_fleet, verify_fleet
from smoothgen.contracts import GenerateRequest, JobResult, JobSpec
from smoothgen.errors import InvalidParameters
from smoothgen.mechanisms import mechanism_from_dict
from smoothgen.noise import Seed, Stream
from smoothgen.planning.plan import plan
from tests.support.workers.closed_form_text import ClosedFormText
from tests.support.workers.jobs import SEED, Silent, metric_of, run, spec
from tests.workers.test_executor import (
    executor_of,
    numbered,
    result_by_executor,
    run_state_of,
    selection_of,
    without_times,
)
from workers.generators import Generator
from workers.generators.batching import Batcher, FixedBatcher
from workers.generators.conditions import Draw
from workers.generators.language import snapped_noise
from workers.generators.language.adapter import LanguageModel
from workers.generators.language.loading import load_language_model
from workers.generators.language.snapped_noise import SnappedRuns
from workers.generators.language.snapped_sigma import GRID, PROMPTS
from workers.generators.outputs import Failure, Text
from workers.jobs.in_process import run_job
from workers.jobs.outcomes import Ended
from workers.jobs.sampling import condition_of
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings

FRANCE = "The capital of France is"
ANSWER = {"name": "label", "extract": {"kind": "regex", "pattern": "[A-Za-z]+|[0-9]+"}}


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Counted:
    """Counts the rows that the network continues."""

    def __init__(self, model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows: list[int] = []
        inner = model.continued

        def continued(embeddings: torch.Tensor, *rest: Any) -> Any:
            self.rows.append(len(embeddings))
            return inner(embeddings, *rest)

        monkeypatch.setattr(model, "continued", continued)


def snapped(model: Generator, *, sigma: float, batch_size: int = 64, **asked: Any) -> JobResult:
    asked = {"metric": "edit", "samples": 60, "parameters": {"max_new_tokens": 4}, **asked}
    return run(
        spec("The capital", sigma=sigma, mechanism="embedding", snap=True, **asked), model, batch_size=batch_size
    )


@pytest.mark.parametrize("parameters", [{}, {"chat": True}, {"temperature": 0.7}])
def test_retries_and_other_batches_give_the_same_certificate(llama: LanguageModel, parameters: dict[str, Any]) -> None:
    asked = {"max_new_tokens": 4, **parameters}
    sigma = 2 * (llama.default_snapped_sigma or 0)
    first, again, small = (snapped(llama, sigma=sigma, batch_size=size, parameters=asked) for size in (64, 64, 7))
    assert first.certificate is not None
    assert first.certificate == again.certificate == small.certificate
    assert first.output == small.output
    assert verify(first.certificate).valid
    assert first.certificate["sampling"]["snap"] == llama._snapping.table.digest


def test_draws_that_read_the_same_tokens_share_one_run(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(llama, monkeypatch)
    result = snapped(llama, sigma=llama.default_snapped_sigma or 0, samples=400)
    assert result.usage.samples == 400
    assert set(counted.rows) == {1}
    assert len(counted.rows) < 40


def test_workers_give_what_the_plain_loop_gives(llama: LanguageModel) -> None:
    """In chunks, each of another batch size than the plain loop's."""
    asked = {"max_new_tokens": 4, "temperature": 0.7}
    sigma = 2 * (llama.default_snapped_sigma or 0)
    job = numbered(spec("The capital", sigma=sigma, metric="edit", samples=40, snap=True, parameters=asked), 1)
    by_workers = result_by_executor(executor_of(llama, 7), job)
    plain = run_job(job, llama, metric_of(job), batcher=Batcher(64), watch=Silent(), precision="float32")
    assert without_times(by_workers) == without_times(plain)


def test_in_16_bits_too_an_output_is_that_of_its_tokens_alone(llama_folder: Path) -> None:
    model = load_language_model("tiny-llama", str(llama_folder), Settings(device="cpu", dtype="bfloat16"))
    sigma = 2 * (model.default_snapped_sigma or 0)
    job = spec("The capital", sigma=sigma, metric="edit", samples=40, snap=True, parameters={"max_new_tokens": 4})
    first, second = (
        run_job(job, model, metric_of(job), batcher=FixedBatcher(size), watch=Silent(), precision="bfloat16")
        for size in (16, 5)
    )
    assert first.certificate is not None
    assert second.certificate is not None
    assert first.certificate["evidence"] == second.certificate["evidence"]
    assert first.certificate["sampling"].pop("batch_size") == 16
    assert verify(second.certificate).valid


def test_fresh_randomness_shares_nothing(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(llama, monkeypatch)
    asked = {"max_new_tokens": 2, "temperature": 1.0}
    result = snapped(llama, sigma=llama.default_snapped_sigma or 0, randomness="fresh", parameters=asked)
    assert sum(counted.rows) == 60 + 16
    assert result.certificate is not None
    assert result.certificate["sampling"]["randomness"] == "fresh"


def test_the_model_reads_rows_of_its_table(llama: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []
    inner = llama.continued
    monkeypatch.setattr(llama, "continued", lambda e, *rest: (seen.append(e.clone()), inner(e, *rest))[1])
    snapped(llama, sigma=5 * (llama.default_snapped_sigma or 0), samples=30)
    rows = {row.tobytes() for row in llama._snapping.table.rows}
    assert {row.numpy().tobytes() for batch in seen for row in batch.reshape(-1, batch.shape[-1])} <= rows
    assert len(seen) > 3


def test_words_are_drawn_then_noised_then_snapped(llama: LanguageModel) -> None:
    job = spec("The big car is fast", sigma=llama.default_snapped_sigma or 0, metric="edit", samples=20, synonyms=True,
               snap=True, parameters={"max_new_tokens": 4})  # fmt: skip
    first, small = run(job, llama), run(job, llama, batch_size=3)
    assert first.certificate is not None
    assert first.certificate["mechanism"]["name"] != "gaussian"
    assert first.certificate["sampling"]["snap"]
    assert verify(first.certificate).valid
    assert first.certificate == small.certificate


def test_tier_universal_names_the_table_too(llama: LanguageModel) -> None:
    result = snapped(llama, sigma=0.1, tier="universal")
    assert result.certificate is not None
    assert result.certificate["sampling"]["snap"].startswith("sha256:")
    assert verify(result.certificate).valid


def _fleet_job(model: LanguageModel, prompt: str, **asked: Any) -> JobSpec:
    """A request of the fleet as the gateway plans it, from the card that a worker publishes."""
    card = LoadedModel(model, Encoders(Settings()), Settings()).card
    robustness = {"tier": "fleet", "metric": "edit", **asked}
    body = {"model": card.id, "prompt": prompt, "parameters": {"max_new_tokens": 2}, "robustness": robustness}
    return plan(GenerateRequest.model_validate(body), card, max_samples=500)


def test_the_fleet_is_snapped_and_its_certificate_names_the_table(llama: LanguageModel) -> None:
    planned = [_fleet_job(llama, prompt) for prompt in ["The capital", "A hat", "the"] * 7]
    jobs = [job.model_copy(update={"seed": f"{2**64 + n:032x}"}) for n, job in enumerate(planned)]
    done = [each for each in executor_of(llama).run(run_state_of(map(selection_of, jobs))) if isinstance(each, Ended)]
    [pool] = {job.pool.model_dump_json(): job.pool for job in jobs if job.pool is not None}.values()
    assert pool.mechanism == {"name": "gaussian", "sigma": llama.default_snapped_sigma}
    assert pool.snap == llama.snap_table().digest
    for ended in done:
        assert ended.result.certificate is not None
        assert ended.result.certificate["sampling"]["snap"] == pool.snap
        assert verify(ended.result.certificate).valid
    bins = bytes(ended.selected.fleet_bin for ended in done if ended.selected.fleet_bin is not None)
    assert len(bins) == len(jobs)
    assert bins.count(0) >= 20  # nearly every draw is read as the prompt itself
    noise = mechanism_from_dict(pool.mechanism)
    assert pool.largest_dimension is not None
    certificate = certify_fleet(
        bins,
        diameter=pool.diameter,
        mechanism=noise,
        alpha=1e-3,
        closed=True,
        rounding_slack=noise.rounding_slack(pool.largest_dimension),
        subject=FleetSubject.of_pool(pool.model_dump(mode="json"), pool.id, "hour:2026-01-01T00"),
    )
    assert verify_fleet(certificate).meaning == "checked"
    assert certificate.to_dict()["subject"]["snap"] == pool.snap
    assert certificate.radius(0.5) > _fleet_job(llama, "The capital", snap=False).sigma


def test_a_worker_with_another_table_than_the_pools_refuses(llama: LanguageModel) -> None:
    job = _fleet_job(llama, "The capital")
    assert job.pool is not None
    for table in (None, "sha256:" + "0" * 64):
        other = job.model_copy(update={"pool": job.pool.model_copy(update={"snap": table})})
        with pytest.raises(InvalidParameters, match="this worker's table") as error:
            condition_of(other, llama)
        assert error.value.field == "robustness.tier"


def test_a_model_without_tokens_refuses() -> None:
    with pytest.raises(InvalidParameters, match="snap=true"):
        condition_of(spec("a hat", sigma=1.0, metric="edit", mechanism="embedding", snap=True), ClosedFormText())


def test_what_is_kept_of_runs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapped_noise, "_KEPT_BYTES", 4000)
    runs, common, made = SnappedRuns(), Draw(Seed.from_client(1), Stream.GENERATOR_COMMON, 0), []

    def run_model(sequences: Sequence[tuple[int, ...]], draws: Sequence[Draw]) -> list[Any]:
        made.extend(sequences)
        return [Failure("no") if ids == (3,) else Text(str(ids)) for ids in sequences]

    asked = [(k % 50,) for k in range(200)]
    outputs = runs.outputs(asked, [common] * 200, run_model, random=True)
    assert [getattr(o, "text", None) for o in outputs] == [None if ids == (3,) else str(ids) for ids in asked]
    assert len(made) == 50
    assert len(runs._kept) <= 8
    runs.outputs([(49,), (0,)], [common] * 2, run_model, random=True)
    assert len(made) == 51  # the last one run was kept, the first was not
    runs.outputs([(49,)], [Draw(Seed.from_client(2), Stream.GENERATOR_COMMON, 0)], run_model, random=True)
    assert len(made) == 52  # under other randomness it is another run


def test_an_honest_prompt_is_read_as_itself_by_the_default_model(smollm2: Generator) -> None:
    assert isinstance(smollm2, LanguageModel)
    assert smollm2.default_snapped_sigma == 0.2
    job = spec(FRANCE, sigma=0.2, metric="edit", mechanism="embedding", snap=True)
    condition = condition_of(job, smollm2)
    noise = condition.mechanism.draw(Seed(int(SEED, 16), "client"), Stream.CERTIFICATION, range(200), (5, 576))
    own = tuple(smollm2._tokens.completion(FRANCE))
    read = smollm2._snapping.sequences(condition.noisy(noise))
    assert sum(ids == own for ids in read) >= 199


def test_noise_is_snapped_where_a_request_names_nothing_but_its_mechanism(llama: LanguageModel) -> None:
    """Planned as the gateway plans it, from the card that a worker publishes."""
    card = LoadedModel(llama, Encoders(Settings()), Settings()).card
    robustness = {"mechanism": "embedding", "metric": "edit", "samples": 20, "selection_samples": 4}
    asked = {"model": card.id, "prompt": "The capital", "parameters": {"max_new_tokens": 2}, "seed": 1}

    def certificate(**more: Any) -> dict[str, Any]:
        request = GenerateRequest.model_validate({**asked, "robustness": {**robustness, **more}})
        made = run(plan(request, card, max_samples=100), llama).certificate
        assert made is not None
        return made

    snapped, raw = certificate(), certificate(snap=False)
    assert snapped["mechanism"] == {"name": "gaussian", "sigma": card.default_snapped_sigma}
    assert snapped["sampling"]["snap"] == llama._snapping.table.digest
    assert raw["mechanism"] == {"name": "gaussian", "sigma": card.default_sigma}
    assert "snap" not in raw["sampling"]
    assert certificate(sigma=0.5)["sampling"] == raw["sampling"]


def test_the_radius_of_the_default_model_grows_at_least_eightfold(smollm2: Generator) -> None:
    asked: dict[str, Any] = {"metric": ANSWER, "samples": 500, "parameters": {"max_new_tokens": 4}}
    raw = run(spec(FRANCE, sigma=0.02, mechanism="embedding", **asked), smollm2).certificate
    tokens = run(spec(FRANCE, sigma=0.2, mechanism="embedding", snap=True, **asked), smollm2).certificate
    assert raw is not None
    assert tokens is not None
    print(f"radius at n = 500: raw noise of 0.02 {raw['radius']:.4g}, snapped noise of 0.2 {tokens['radius']:.4g}")
    assert tokens["metric"]["centre"]["label"] == raw["metric"]["centre"]["label"] == "Paris"
    assert tokens["radius"] >= 8 * raw["radius"]


def test_the_default_level_keeps_to_its_chance(llama: LanguageModel, gpt2: LanguageModel) -> None:
    """Drawn, at the level that a sum of tails chose without drawing."""
    for model in (llama, gpt2):
        sigma = model.default_snapped_sigma
        assert sigma is not None
        assert sigma in GRID
        rng = np.random.default_rng(0)
        for prompt in PROMPTS:
            ids = model._tokens.completion(prompt)
            x = model._rows(ids).astype(np.float64)
            own = tuple(model._snapping.table.canonical(ids).tolist())
            read = model._snapping.sequences(x + sigma * rng.normal(size=(1000, *x.shape)))
            assert sum(seq == own for seq in read) >= 985
