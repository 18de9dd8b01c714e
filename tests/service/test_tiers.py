"""Tiers, early stopping, deadlines, cancelling and priorities, over real processes."""

from __future__ import annotations

import asyncio
import json
import math
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.examples import GENERATE
from smoothgen import AsyncClient, Client, LookPlan
from smoothgen.certificates import Certificate, universal_w1_bound
from smoothgen.certificates.fleet.certify import verify_fleet
from smoothgen.contracts import JobSpec
from smoothgen.errors import GenerationFailed
from smoothgen.queue import keys
from tests.service.conftest import ask, finished, submit
from tests.support.processes import FASHION, SLOW, TANH, Gateway, Lab, Process, Serve, Worker, eventually

ENDLESS = ask(SLOW, samples=20_000)
"""A minute of work for a worker of small batches: whatever ends sooner was ended."""
SMALL_BATCHES = {"batch_size": 16}
SIXTY_FOUR = LookPlan.doubling(500, 1e-3).sizes[0] + 32


def answered(http: httpx2.Client, body: dict[str, Any]) -> dict[str, Any]:
    """The job's end, which is a good one."""
    view = finished(http, submit(http, body))
    assert view["status"] == "succeeded", view
    return view


def certified(http: httpx2.Client, body: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Job and certificate, verified."""
    view = answered(http, body)
    verdict = http.post("/certificates/verify", json=view["certificate"]).json()
    assert verdict["valid"], verdict
    return view, view["certificate"]


def ended(http: httpx2.Client, job: str) -> dict[str, Any]:
    """The job when it has ended, however it did."""
    view: dict[str, Any] = http.get(f"/jobs/{job}", headers={"prefer": "wait=60"}).json()
    assert view["status"] not in ("queued", "running"), view
    return view


def owed(gateway: Gateway, model: str = SLOW) -> float:
    """Noisy samples the model owes to its jobs."""
    [line] = [
        line
        for line in gateway.http.get("/metrics").text.splitlines()
        if line.startswith(f'smoothgen_queue_samples{{model="{model}"}}')
    ]
    return float(line.split()[-1])


def running(gateway: Gateway, job: str) -> None:
    """Wait until a job has drawn something."""
    eventually(lambda: gateway.http.get(f"/jobs/{job}").json()["progress"]["done"])


def without_workers(lab: Lab, *models: str) -> Gateway:
    """A gateway that knows the models, and nobody who serves them."""
    gateway, worker = lab.gateway(), lab.worker(*models)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    return gateway


# Tiers


def test_the_universal_tier_answers_one_exact_draw_with_what_holds_for_any_generator(served: Serve) -> None:
    view, certificate = certified(served.http, ask(tier="universal"))
    assert (certificate["samples"], certificate["band"]) == (0, "no-samples/v1")
    assert certificate["output"]["kind"] == "sample"
    assert view["output"]["certified"]
    assert view["usage"]["samples"] == 0
    assert view["usage"]["overhead"] == view["progress"]["total"] == 1
    assert certificate["w1_bound"] <= 0.3 < universal_w1_bound(1.0, 1.0001 * certificate["radius"])
    assert "fleet" not in view


def test_the_universal_tier_abstains_where_samples_would_be_needed(served: Serve) -> None:
    view = answered(served.http, ask(tier="universal", epsilon=2.0))
    assert "certificate" not in view
    assert view["abstention"]["reason"] == "radius_out_of_reach"
    assert "without samples" in view["abstention"]["detail"]
    assert view["usage"]["samples"] == 0


def test_what_a_tier_without_samples_ignores_changes_nothing(served: Serve) -> None:
    given = {"tier": "universal", "samples": 7, "selection_samples": 9, "randomness": "fresh"}
    view, certificate = certified(served.http, ask(seed=3, **given) | {"output": "representative"})
    assert view["usage"]["overhead"] == 1
    plain = answered(served.http, ask(seed=3, tier="universal"))
    assert view["output"] == plain["output"]
    assert certificate["radius"] == plain["certificate"]["radius"]


def test_a_picture_of_the_universal_tier_has_no_sheet_of_samples(served: Serve, tmp_path: Path) -> None:
    asked = {"model": FASHION, "prompt": "a red sneaker", "parameters": {"num_inference_steps": 2}}
    view, certificate = certified(served.http, asked | {"robustness": {"tier": "universal"}})
    assert certificate["samples"] == 0
    assert served.http.get(f"/jobs/{view['id']}/samples").status_code == 404
    made = smoothgen(
        served.url, tmp_path, "generate", "a red coat", "--model", FASHION, "--tier", "universal", "--save", "coat"
    )
    assert made.wait(60) == 0, made.log
    certificate = {"certificate.json", "certificate.jws", "curve.png"}
    assert {file.name for file in (tmp_path / "coat").iterdir()} == {"output.png", *certificate}
    assert "none drawn; this holds for any generator" in made.log


def test_the_fleet_counts_exactly_its_requests_and_verifies(served: Serve) -> None:
    noise = 0.0731  # this test's own pool
    refused = submit(served.http, ask(prompt="Paris", tier="fleet", sigma=noise))
    assert finished(served.http, refused)["error"]["status"] == 422
    for other in (ask(sigma=noise), ask(tier="universal", sigma=noise), ask(tier="fleet", sigma=2 * noise)):
        answered(served.http, other)
    jobs = [submit(served.http, ask(prompt=str(n / 20), tier="fleet", sigma=noise)) for n in range(20)]
    views = [finished(served.http, job) for job in jobs]
    for view in views:
        assert view["certificate"]["samples"] == 0
        assert (view["usage"]["samples"], view["usage"]["overhead"]) == (0, 2)
    [pool] = {view["fleet"]["pool"] for view in views}
    asked = Counter(window for view in views for window in view["fleet"]["windows"])
    assert asked.total() == 2 * len(views)  # an hour and a day each
    with Client(served.url) as client:
        for window, count in asked.items():
            [reading] = [r for r in client.fleet(window=window) if r.pool_id == pool]
            certificate = reading.certificate
            assert verify_fleet(certificate)
            assert certificate.mechanism.effective_sigma == noise
            assert 0 <= certificate.submitted - count <= 1  # the refused one, if it was submitted in this window
            assert certificate.outstanding == 0
            assert certificate.requests == (count if certificate.closed else 1 << int(math.log2(count)))
            assert certificate.w1_bound(noise) <= universal_w1_bound(certificate.diameter, 1.001)
        assert not [r for r in client.fleet(model=SLOW) if r.pool_id == pool]
        assert [r.pool.model for r in client.fleet(model=TANH)]


def test_both_clients_read_the_fleet(served: Serve) -> None:
    async def asked() -> Any:
        async with AsyncClient(served.url) as client:
            generation = await client.generate("0.0", model=TANH, sigma=0.0532, tier="fleet")
            return generation, await client.fleet(model=TANH, window=generation.fleet.windows[1])

    generation, readings = asyncio.run(asked())
    with Client(served.url) as client:
        again = client.fleet(TANH, generation.fleet.windows[1])
    found = [[(r.pool_id, r.window) for r in read] for read in (readings, again)]
    assert found[0] == found[1]
    assert (generation.fleet.pool, generation.fleet.windows[1]) in found[0]


def test_the_command_line_shows_and_draws_the_fleet(served: Serve, tmp_path: Path) -> None:
    view = answered(served.http, ask(tier="fleet", sigma=0.0417))
    day = view["fleet"]["windows"][1]
    shown = smoothgen(served.url, tmp_path, "fleet", "--model", TANH, "--window", day, "--save", "curve.png")
    assert shown.wait() == 0, shown.log
    for words in (f"absolute, sigma 0.0417  pool {view['fleet']['pool']}", day, "any generator (T1)"):
        assert words in shown.log
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    printed = smoothgen(served.url, tmp_path, "fleet", "--window", day, "--json")
    assert printed.wait() == 0
    assert view["fleet"]["pool"] in {reading["pool"]["id"] for reading in json.loads(printed.log)}
    empty = smoothgen(served.url, tmp_path, "fleet", "--window", "day:2001-01-01", "--save", "nothing.png")
    assert empty.wait() == 0
    assert "no request of tier" in empty.log
    assert not (tmp_path / "nothing.png").exists()


@pytest.mark.parametrize("name", ["fleet", "universal"])
def test_an_example_runs_as_it_stands(served: Serve, name: str) -> None:
    _, certificate = certified(served.http, GENERATE[name]["value"])
    assert certificate["radius"] > 0


# Stopping early


def test_an_easy_epsilon_takes_the_first_look_and_no_more(served: Serve) -> None:
    view, certificate = certified(served.http, ask(epsilon=0.3, samples=500))
    assert certificate["looks"]["sizes"] == list(LookPlan.doubling(500, 1e-3).sizes)
    assert view["usage"]["samples"] == certificate["samples"] == certificate["looks"]["sizes"][0] == 32
    assert view["usage"]["overhead"] == view["progress"]["done"] == view["progress"]["total"] == SIXTY_FOUR
    assert certificate["w1_bound"] <= certificate["tolerance"]
    assert "this certificate was made after 32" in certificate["statement"]


def test_an_epsilon_out_of_reach_is_given_up_early(served: Serve) -> None:
    view = answered(served.http, ask(epsilon=0.9, samples=5000))
    abstention = view["abstention"]
    assert abstention["reason"] == "radius_out_of_reach"
    assert "given up at look" in abstention["detail"]
    assert "of at most 5000 samples" in abstention["detail"]
    assert "ask for a larger tolerance" in abstention["detail"]
    assert abstention["curve"]
    assert 0 < view["usage"]["samples"] < 5000
    assert not view["output"]["certified"]


def test_an_epsilon_no_sample_could_prove_takes_none(served: Serve) -> None:
    view = answered(served.http, ask(epsilon=20.0))
    assert view["abstention"]["reason"] == "radius_out_of_reach"
    assert "no certification sample was drawn" in view["abstention"]["detail"]
    assert view["usage"]["samples"] == 0


def test_a_settled_radius_stops_before_the_limit(served: Serve) -> None:
    given: dict[str, Any] = {"sigma": 0.1, "tolerance": 0.1, "samples": 20_000, "radius_tolerance": 0.1}
    view, certificate = certified(served.http, ask(seed=5, **given))
    assert certificate["samples"] in certificate["looks"]["sizes"][:-1]
    assert view["usage"]["samples"] == certificate["samples"]
    again = answered(served.http, ask(seed=5, **given))
    assert again["certificate"]["evidence"] == certificate["evidence"]
    strict, _ = certified(served.http, ask(seed=5, **given | {"samples": 500, "radius_tolerance": 1e-9}))
    assert strict["usage"]["samples"] == 500


def test_progress_tells_what_the_last_look_proved(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, **SMALL_BATCHES)
    settling = submit(gateway.http, ask(SLOW, samples=20_000, sigma=0.1, tolerance=0.1, radius_tolerance=1e-6))
    asking = submit(gateway.http, ask(SLOW, samples=20_000, sigma=0.1, tolerance=0.1, epsilon=0.078))
    for job, before in ((settling, None), (asking, 0.078)):
        told = eventually(
            lambda job=job: (p := gateway.http.get(f"/jobs/{job}").json()["progress"]).get("radius") and p
        )
        assert told["done"] < told["total"] == 20_032
        assert told["radius"] > 0
        assert (told["w1_bound"] > 0.1) == (before is not None)
        gateway.http.delete(f"/jobs/{job}")


def test_the_command_line_says_how_many_samples_were_used_and_why(served: Serve, tmp_path: Path) -> None:
    def told(*arguments: str, code: int = 0) -> str:
        made = smoothgen(served.url, tmp_path, "generate", "0.0", "--model", TANH, "--sigma", "0.1", *arguments)
        assert made.wait() == code, made.log
        return " ".join(made.log.split())

    assert "32 of at most 500, 0 failed; what was asked at epsilon was proven" in told("--epsilon", "0.025")
    settled = told("--radius-tolerance", "0.1", "--samples", "20000", "--seed", "5")
    assert "of at most 20000, 0 failed; more would hardly enlarge the radius (by 0.1 of it at most)" in settled
    given_up = told("--epsilon", "0.09", "--samples", "5000", code=3)
    assert "abstained: radius_out_of_reach" in given_up
    assert "of at most 5000 certification samples drawn" in given_up
    assert "samples 500, 0 failed" in told("--priority", "high")
    assert "counted in fleet pool" in told("--tier", "fleet")


# Deadlines


def test_a_deadline_certifies_with_the_samples_there_are(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, **SMALL_BATCHES)
    view, certificate = certified(gateway.http, ask(SLOW, sigma=0.1, tolerance=0.1, samples=20_000, deadline_s=4.0))
    assert certificate["samples"] <= view["usage"]["samples"] < 20_000
    assert certificate["samples"] in LookPlan.doubling(20_000, 1e-3).sizes
    assert view["output"]["certified"]
    assert owed(gateway) == 0
    following, _ = certified(gateway.http, ask(SLOW))
    assert following["usage"]["samples"] == 500


def test_a_deadline_before_the_asked_radius_is_proven_is_an_abstention_that_says_so(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, **SMALL_BATCHES)
    body = ask(SLOW, seed=3, sigma=0.1, tolerance=0.1, epsilon=0.078, samples=20_000, deadline_s=4.0)
    view = answered(gateway.http, body)
    assert view["abstention"]["reason"] == "deadline"
    assert "the deadline came first" in view["abstention"]["detail"]
    assert "a later deadline leaves time" in view["abstention"]["detail"]
    assert view["abstention"]["curve"]
    assert view["usage"]["samples"] < 20_000


def test_a_deadline_before_the_first_look_leaves_what_needs_no_samples(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, **SMALL_BATCHES)
    # So little alpha leaves one look, at all samples, which take 12 s at least; the opening takes a tenth of a second.
    body = ask(SLOW, samples=20_000, confidence=1 - 2e-12, deadline_s=4.0)
    view, certificate = certified(gateway.http, body)
    assert certificate["samples"] == 0
    assert 0 < view["usage"]["samples"] < 20_000


def test_a_deadline_that_passes_while_workers_are_busy_fails_the_job(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, **SMALL_BATCHES)
    urgent = submit(gateway.http, ENDLESS | {"priority": "high"})
    running(gateway, urgent)
    view = ended(gateway.http, submit(gateway.http, ask(SLOW, deadline_s=0.001) | {"priority": "low"}))
    assert_deadline_passed(view)
    assert gateway.http.get(f"/jobs/{urgent}").json()["status"] == "running"


def test_a_deadline_that_passes_without_a_worker_fails_the_job_when_one_comes(lab: Lab) -> None:
    gateway = without_workers(lab, TANH)
    job = submit(gateway.http, ask(TANH, deadline_s=0.2))
    deadline_ms = JobSpec.model_validate_json(lab.redis.client.hget(keys.job(job), "spec")).deadline_ms
    eventually(lambda: deadline_ms is not None and time.time() * 1000 > deadline_ms)
    lab.worker(TANH)
    assert_deadline_passed(ended(gateway.http, job))
    assert owed(gateway, TANH) == 0


def assert_deadline_passed(view: dict[str, Any]) -> None:
    assert view["status"] == "failed", view
    assert view["error"]["type"] == "urn:smoothgen:problem:deadline-passed"
    assert view["error"]["status"] == 504
    assert "give more time" in view["error"]["detail"]


# Cancelling


def test_a_running_job_is_cancelled_at_once_and_nothing_of_it_is_owed(lab: Lab) -> None:
    gateway, worker = lab.gateway(), lab.worker(SLOW, **SMALL_BATCHES)
    job = submit(gateway.http, ENDLESS)
    running(gateway, job)
    assert 0 < owed(gateway) <= 20_032
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ended, gateway.http, job)
        eventually(lambda: lab.redis.client.hget(keys.job(job), "watchers"))
        view = gateway.http.delete(f"/jobs/{job}").json()
        assert waiting.result() == view
    assert view["status"] == "cancelled"
    assert "certificate" not in view
    assert owed(gateway) == 0
    assert gateway.http.get(f"/jobs/{job}").json() == gateway.http.delete(f"/jobs/{job}").json() == view
    certified(gateway.http, ask(SLOW))
    eventually(lambda: not sum(lab.redis.stream_lengths().values()))
    assert gateway.http.get(f"/jobs/{job}").json() == view
    assert "Traceback" not in worker.log


def test_a_queued_job_is_cancelled_and_no_worker_begins_it(lab: Lab) -> None:
    gateway = without_workers(lab, SLOW)
    kept, cancelled = submit(gateway.http, ask(SLOW)), submit(gateway.http, ENDLESS)
    assert owed(gateway) == 532 + 20_032
    view = gateway.http.delete(f"/jobs/{cancelled}").json()
    assert view["status"] == "cancelled"
    assert "output" not in view
    assert owed(gateway) == 532
    lab.worker(SLOW)
    assert finished(gateway.http, kept)["status"] == "succeeded"
    eventually(lambda: not sum(lab.redis.stream_lengths().values()))
    assert gateway.http.get(f"/jobs/{cancelled}").json() == view


def test_a_job_that_has_ended_cannot_be_cancelled_any_more(served: Serve) -> None:
    view, certificate = certified(served.http, ask())
    assert served.http.delete(f"/jobs/{view['id']}").json()["certificate"] == certificate
    with Client(served.url) as client:
        generation = client.cancel(view["id"])
    assert generation.status == "succeeded"
    assert isinstance(generation.certificate, Certificate)
    assert generation.verify()


def test_a_client_whose_job_somebody_cancels_is_told(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, **SMALL_BATCHES)
    with Client(gateway.url) as client, ThreadPoolExecutor() as pool:
        generating = pool.submit(client.generate, "0.0", model=SLOW, samples=20_000)
        job = some_job(lab)
        with Client(gateway.url) as other:
            assert other.cancel(job).status == "cancelled"
        with pytest.raises(GenerationFailed, match=f"job {job} was cancelled after"):
            generating.result(20)


def some_job(lab: Lab) -> str:
    """The id of the one job there is."""
    [key] = eventually(lambda: list(lab.redis.client.scan_iter(keys.of_all_models("job:"))))
    return str(key).rpartition(":")[2]


def smoothgen(url: str, folder: Path, *arguments: str) -> Process:
    """The command, in a process of its own."""
    command = ["-c", "from smoothgen.cli import main; main()", *arguments]
    name = f"{'-'.join(arguments)[:40]}-{time.monotonic_ns()}.log".replace("/", "_")
    return Process(*command, log=folder / name, cwd=folder, url=url)


WAITING = """
import sys, smoothgen
with smoothgen.Client(sys.argv[1]) as client:
    client.generate("0.0", model=sys.argv[2], samples=20_000)
"""


@pytest.mark.parametrize("how", ["the command line", "a program"])
def test_ctrl_c_cancels_the_job(lab: Lab, how: str) -> None:
    # The command line asks every second and knows the job's id; the program still waits for its submission's answer.
    gateway, _ = lab.gateway(), lab.worker(SLOW, **SMALL_BATCHES)
    asked = ["generate", "0.0", "--model", SLOW, "--samples", "20000"]
    with (
        smoothgen(gateway.url, lab.folder, *asked)
        if how == "the command line"
        else Process("-c", WAITING, gateway.url, SLOW, log=lab.folder / "waiting.log")
    ) as process:
        job = some_job(lab)
        running(gateway, job)
        process.signal(signal.SIGINT)
        assert process.wait() == (130 if how == "the command line" else -signal.SIGINT)
        assert ("interrupted; the job is cancelled" in process.log) == (how == "the command line")
    assert gateway.http.get(f"/jobs/{job}").json()["status"] == "cancelled"
    assert owed(gateway) == 0
    assert len(list(lab.redis.client.scan_iter(keys.of_all_models("job:")))) == 1


def test_a_cancelled_task_cancels_its_job(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, **SMALL_BATCHES)

    async def broken_off() -> str:
        async with AsyncClient(gateway.url) as client:
            task = asyncio.create_task(client.generate("0.0", model=SLOW, samples=20_000))
            job = await asyncio.to_thread(some_job, lab)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            return job

    job = asyncio.run(broken_off())
    assert gateway.http.get(f"/jobs/{job}").json()["status"] == "cancelled"


def test_a_client_that_loses_patience_leaves_the_job_alone(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, **SMALL_BATCHES)
    with Client(gateway.url) as client, pytest.raises(TimeoutError, match="it goes on, read it at /jobs/"):
        client.generate("0.0", model=SLOW, samples=20_000, timeout_s=1.0)
    assert gateway.http.get(f"/jobs/{some_job(lab)}").json()["status"] == "running"


# Priorities


def ended_in_order(worker: Worker) -> list[str]:
    lines = (json.loads(line) for line in worker.log.splitlines() if line.startswith("{"))
    return [job for line in lines if line["event"] == "jobs_ended" for job in line["jobs"]]


@pytest.mark.parametrize(("urgent", "patient"), [("high", "normal"), ("high", "low"), ("normal", "low")])
def test_the_urgent_overtake_the_patient(lab: Lab, urgent: str, patient: str) -> None:
    gateway = without_workers(lab, TANH)
    waiting = [submit(gateway.http, ask(samples=64) | {"priority": patient}) for _ in range(20)]
    last = submit(gateway.http, ask(samples=64) | {"priority": urgent})
    worker = lab.worker(TANH, **SMALL_BATCHES)
    for job in (*waiting, last):
        assert finished(gateway.http, job)["status"] == "succeeded"
    order = ended_in_order(worker)
    assert set(order) == {*waiting, last}
    # Others lead in some turns, so that no one starves.
    assert order.index(last) < 5


def test_the_patient_do_not_wait_for_ever(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, **SMALL_BATCHES)
    urgent = submit(gateway.http, ENDLESS | {"priority": "high"})
    running(gateway, urgent)
    patient = submit(gateway.http, ask(SLOW, samples=64) | {"priority": "low"})
    assert finished(gateway.http, patient)["status"] == "succeeded"
    assert gateway.http.get(f"/jobs/{urgent}").json()["status"] == "running"
