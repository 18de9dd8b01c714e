"""`smoothgen serve` as an operator meets it: started, killed, started again, and stopped."""

from __future__ import annotations

import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from smoothgen.process.default_models import DEFAULT_MODELS
from smoothgen.queue import keys
from tests.service.conftest import ask, finished, submit
from tests.support.processes import LOADING_S, SLOW, TANH, Process, Redis, Serve, eventually

LONG = ask(SLOW, samples=1000)
SMALL_BATCHES = {"batch_size": 32}


def serve(folder: Path, *models: str, name: str = "log", **settings: object) -> Serve:
    return Serve(folder / "state", folder / name, *models, **settings)


def children(process: Process) -> dict[str, psutil.Process]:
    """What it started, by what runs in it."""
    named = {}
    for child in psutil.Process(process.popen.pid).children():
        command = " ".join(child.cmdline())
        named[next((name for name in ("valkey", "workers", "app") if name in command.split("/")[-1]), command)] = child
    return named


def test_serve_killed_and_started_again_finishes_what_was_accepted(
    tmp_path: Path, orphans: list[psutil.Process]
) -> None:
    with serve(tmp_path, SLOW, **SMALL_BATCHES) as first:
        first.until_serving()
        jobs = [submit(first.http, LONG | {"seed": n}) for n in range(3)]
        eventually(lambda: first.http.get(f"/jobs/{jobs[0]}").json()["progress"]["done"])
        orphans += children(first).values()
        assert len(orphans) == 3
        first.kill()
    with serve(tmp_path, SLOW, name="again") as second:
        second.until_serving()
        assert {finished(second.http, job)["status"] for job in jobs} == {"succeeded"}
        psutil.wait_procs(orphans, timeout=20)
        assert not any(process.is_running() for process in orphans)


def test_serve_is_ready_when_the_models_it_starts_by_default_can_be_asked(tmp_path: Path) -> None:
    with serve(tmp_path) as running:
        missing = ", ".join(sorted(DEFAULT_MODELS))
        eventually(lambda: f"no worker has loaded {missing} yet" in running.http.get("/readyz").text, LOADING_S)
    assert "work in hand is waited for" in running.log


@pytest.mark.parametrize("victim", ["app", "workers", "valkey"])
def test_serve_replaces_what_is_killed_and_loses_nothing(tmp_path: Path, victim: str) -> None:
    with serve(tmp_path, SLOW, lease_s=0.5, **SMALL_BATCHES) as running:
        running.until_serving()
        job = submit(running.http, LONG)
        eventually(lambda: running.http.get(f"/jobs/{job}").json()["progress"]["done"])
        children(running)[victim].kill()
        eventually(lambda: "starting it again" in running.log)
        eventually(lambda: running.http.get("/readyz").status_code == 200)
        assert finished(running.http, job)["status"] == "succeeded"
        assert "Traceback" not in running.log


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_serve_told_to_stop_keeps_what_it_has_and_goes_on_when_started_again(
    tmp_path: Path, sign: signal.Signals
) -> None:
    with serve(tmp_path, SLOW, **SMALL_BATCHES) as running:
        running.until_serving()
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(running.http.post, "/generate", json=LONG, headers={"prefer": "wait=60"})
            eventually(lambda: _begun(running))
            started = children(running)
            # To the whole group, as a terminal's Ctrl-C goes.
            os.killpg(running.popen.pid, sign) if sign == signal.SIGINT else running.signal(sign)
            response = asked.result(10)
            assert response.status_code == 202
        assert running.wait() == 0
        assert not any(process.is_running() for process in started.values())
    job = response.json()["id"]
    with Redis(tmp_path / "state" / "redis") as kept:
        assert kept.client.hget(keys.job(job), "status") == "running"
    with serve(tmp_path, SLOW, name="again") as again:
        assert finished(again.until_serving().http, job)["status"] == "succeeded"


def _begun(running: Serve) -> bool:
    """Whether samples are owed: the job is accepted."""
    page = running.http.get("/metrics").text
    owed = [line for line in page.splitlines() if line.startswith(f'smoothgen_queue_samples{{model="{SLOW}"}}')]
    return bool(owed) and 0 < float(owed[0].split()[-1]) < 1032


def refused(process: Process) -> str:
    """The one line with which it ended, and exit code 2."""
    with process:
        assert process.wait() == 2
        [line] = [line for line in process.log.splitlines() if line.startswith("smoothgen: ")]
        assert "Traceback" not in process.log
        return line


def test_a_busy_port_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = serve(tmp_path, TANH, port=port)
        line = refused(process)
        assert f"cannot listen on 127.0.0.1:{port}" in line
        assert process.log.splitlines() == [line]


def test_a_folder_in_use_is_told_in_one_line_and_its_user_is_left_alone(tmp_path: Path) -> None:
    with serve(tmp_path, TANH) as first:
        first.until_serving()
        assert "another `smoothgen serve` uses" in refused(serve(tmp_path, TANH, name="second"))
        assert finished(first.http, submit(first.http, ask()))["status"] == "succeeded"
        assert "starting it again" not in first.log


def test_a_folder_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    assert "state" in refused(serve(tmp_path, TANH))


@pytest.mark.parametrize("module", ["app", "workers"])
@pytest.mark.parametrize("setting", [{"log_format": "xml"}, {"port": "many", "batch_size": "many"}])
def test_a_process_with_settings_out_of_range_says_so(tmp_path: Path, module: str, setting: dict[str, str]) -> None:
    with Process("-m", module, log=tmp_path / "log", **setting) as process:
        assert process.wait() == 1
        assert "cannot_start" in process.log
        assert "Traceback" not in process.log
