"""Workers that serve other weights under one name: every certificate is of one model, and no job is lost."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaForCausalLM

from smoothgen.certificates import from_document
from smoothgen.contracts import JobSpec
from smoothgen.queue import MOST_RESTARTS, keys
from tests.service.conftest import finished, submit
from tests.service.test_events import events
from tests.support.processes import Lab, Worker, eventually
from tests.support.workers import tiny
from tests.support.workers.jobs import run
from tests.support.workers.settings import CPU
from workers.generators import Generator
from workers.generators.language.loading import load_language_model

MINE = "mine"
QUICK = {"lease_s": 0.5, "batch_size": 8, "device": "cpu", "threads": 1}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Generator]]:
    """Four models of one architecture and one tokenizer, by digest."""
    found, config = {}, tiny.llama().config
    for seed in range(4):
        torch.manual_seed(seed)
        folder = tiny.save(LlamaForCausalLM(config), tmp_path_factory.mktemp(f"weights-{seed}"))
        generator = load_language_model(MINE, str(folder), CPU)
        found[generator.identity.digest] = (folder, generator)
    assert len(found) == 4
    return found


def body(samples: int, seed: int) -> dict[str, Any]:
    """A job that draws all of its samples: one with a deadline does not stop at an eighth of them."""
    robustness = {"sigma": 0.05, "tolerance": 0.3, "metric": {"name": "edit"}, "samples": samples, "deadline_s": 3600}
    return {
        "model": MINE,
        "prompt": "A triangle has",
        "parameters": {"max_new_tokens": 8},
        "robustness": robustness,
        "seed": seed,
    }


def workers_of(lab: Lab, weights: dict[str, tuple[Path, Generator]], count: int, **settings: Any) -> dict[str, Worker]:
    """A running worker of each of the first few models, by digest."""
    started = {
        digest: lab.keep(
            Worker(lab.redis.url, lab.folder / f"{digest[-8:]}.log", f"{MINE}={folder}", **QUICK | settings)
        )
        for digest, (folder, _) in list(weights.items())[:count]
    }
    return {digest: worker.until_ready() for digest, worker in started.items()}


def opener_of(lab: Lab, job: str) -> str:
    """The digest a job is open under, '' where it is not."""
    return str(lab.redis.client.hget(keys.job(job), "build") or "").partition("@")[0]


def agrees_with_its_model(lab: Lab, view: dict[str, Any], weights: dict[str, tuple[Path, Generator]]) -> None:
    """Every distance of a certificate, drawn again here by the model it names."""
    document = view["certificate"]
    spec = JobSpec.model_validate_json(lab.redis.client.get(keys.asked(view["id"])))
    _, generator = weights[document["model"]["digest"]]
    again = run(spec, generator, batch_size=QUICK["batch_size"]).certificate
    assert again is not None
    claimed, redrawn = from_document(document), from_document(again)
    assert len(claimed.evidence.distances) == spec.certification_samples
    assert np.array_equal(claimed.evidence.distances, redrawn.evidence.distances)
    assert view["model"]["digest"] == document["model"]["digest"]
    assert view["output"]["digest"] == document["output"]["digest"] == again["output"]["digest"]


def test_no_certificate_mixes_two_models_of_one_name(lab: Lab, weights: dict[str, tuple[Path, Generator]]) -> None:
    workers = workers_of(lab, weights, 2)
    gateway, seen = lab.gateway(), set()
    for turn in range(10):
        jobs = [submit(gateway.http, body(300, seed=100 * turn + n)) for n in range(6)]
        for view in [finished(gateway.http, job) for job in jobs]:
            assert view["status"] == "succeeded", view
            agrees_with_its_model(lab, view, weights)
            seen.add(view["certificate"]["model"]["digest"])
        if len(seen) == 2:
            break
    assert seen == set(workers)
    assert set(lab.redis.stream_lengths().values()) == {0}


def test_a_job_whose_model_is_gone_ends_under_the_one_that_is_left(
    lab: Lab, weights: dict[str, tuple[Path, Generator]]
) -> None:
    workers, gateway = workers_of(lab, weights, 2, restart_after_s=3), lab.gateway()
    job = submit(gateway.http, body(1000, seed=7))
    eventually(lambda: opener_of(lab, job) and lab.redis.client.exists(keys.distances(job)))
    first = opener_of(lab, job)
    workers[first].signal(signal.SIGSTOP)  # it could end the job before it is killed
    [left] = set(workers) - {first}
    with ThreadPoolExecutor() as pool:
        told = pool.submit(lambda: list(events(gateway, job)))
        eventually(lambda: gateway.http.get(f"/jobs/{job}").json()["model"]["digest"] == first)
        workers[first].kill()
        other = submit(gateway.http, body(100, seed=8))  # what is left serves others meanwhile
        assert finished(gateway.http, other)["certificate"]["model"]["digest"] == left
        view = finished(gateway.http, job)
        outputs = [data["digest"] for name, data in told.result() if name == "output"]
    assert view["status"] == "succeeded", view
    assert view["certificate"]["model"]["digest"] == left
    agrees_with_its_model(lab, view, weights)
    # Whoever follows the job is told that the first answer is not the one that was certified.
    assert outputs[-1] == view["output"]["digest"]
    assert workers[left].log.count("job_restarted") == 1
    assert lab.redis.client.get(keys.backlog(MINE)) == "0"
    assert set(lab.redis.stream_lengths().values()) == {0}


def test_a_job_that_outlives_the_models_of_three_openings_fails_and_says_why(
    lab: Lab, weights: dict[str, tuple[Path, Generator]]
) -> None:
    workers, gateway = workers_of(lab, weights, 4, restart_after_s=4, batch_size=2), lab.gateway()
    job, gone = submit(gateway.http, body(20_000, seed=9)), set()
    for _ in range(1 + MOST_RESTARTS):
        eventually(lambda: opener_of(lab, job) not in {"", *gone}, 60)
        opener = opener_of(lab, job)
        workers[opener].kill()
        gone.add(opener)
    view = finished(gateway.http, job)
    assert view["status"] == "failed"
    assert view["error"]["type"] == "urn:smoothgen:problem:model-changed"
    assert view["error"]["status"] == 503
    assert "started over 2 times" in view["error"]["detail"]
    assert "send it again" in view["error"]["detail"]
    [left] = set(workers) - gone
    assert lab.redis.client.get(keys.backlog(MINE)) == "0"
    workers[left].signal(signal.SIGTERM)
    assert workers[left].wait() == 0
    assert set(lab.redis.stream_lengths().values()) <= {0}


def test_a_rolling_upgrade_loses_nothing(lab: Lab, weights: dict[str, tuple[Path, Generator]]) -> None:
    """The old worker drains, the new one takes over: jobs in the middle start over, the others just run."""
    workers, gateway = workers_of(lab, weights, 2, restart_after_s=3), lab.gateway()
    old, new = workers
    jobs = [submit(gateway.http, body(400, seed=n)) for n in range(6)]
    eventually(lambda: any(opener_of(lab, job) == old for job in jobs))
    workers[old].signal(signal.SIGTERM)
    assert workers[old].wait() == 0
    for view in [finished(gateway.http, job) for job in jobs]:
        assert view["status"] == "succeeded", view
        agrees_with_its_model(lab, view, weights)
    eventually(lambda: lab.redis.client.smembers(keys.builds(MINE)) == {f"{new}@float32"})
    assert lab.redis.client.get(keys.backlog(MINE)) == "0"
