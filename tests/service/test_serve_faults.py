"""`smoothgen serve` and `smoothgen worker` where something is wrong: told in one line, survived where it can be."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import psutil
import pytest
import redis
import torch

from smoothgen.local.redis import EmbeddedRedis
from smoothgen.local.stack import _STOP_MARGIN_S
from smoothgen.process.cores import available_cores
from smoothgen.process.draining import GOODBYE_S, GRACE_S
from tests.service.conftest import ask, finished, submit
from tests.service.test_serve import children, refused, serve
from tests.support.processes import FASHION, LOADING_S, TANH, Gateway, Lab, Process, Serve, eventually, free_port
from tests.support.workers import tiny


def _config_only(folder: Path) -> dict[str, str]:
    (folder / "model").mkdir()
    (folder / "model" / "config.json").write_text("{}")
    return {"models": f'["t={folder / "model"}"]'}


def _pickled_weights(folder: Path) -> dict[str, str]:
    model = tiny.llama()
    tiny.save(model, folder / "model")
    (folder / "model" / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "model" / "pytorch_model.bin")
    return {"models": f'["t={folder / "model"}"]'}


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (_config_only, "cannot be loaded from"),
        (_pickled_weights, "safetensors"),
        (lambda _: {"models": '["smollm2-135m"]', "cache": "/proc/none"}, "/proc/none"),
        (lambda _: {"models": '["fashion-32"]', "device": "cuda:99"}, "SMOOTHGEN_DEVICE='cuda:99' cannot be used here"),
        (lambda _: {"models": '["closed-form-tanj"]'}, "unknown closed-form model 'closed-form-tanj'"),
        (lambda _: {"models": "closed-form-tanh"}, "SMOOTHGEN_MODELS is a list"),
    ],
    ids=["config", "pickle", "cache", "device", "name", "settings"],
)
def test_a_worker_that_cannot_start_ends_serve_with_one_line(
    tmp_path: Path, broken: Callable[[Path], dict[str, str]], reason: str
) -> None:
    with serve(tmp_path, **broken(tmp_path)) as process:
        assert process.wait(LOADING_S) == 1
        # A setting that nobody can read ends the gateway too, whichever is first.
        lines = [line for line in process.log.splitlines() if "_cannot_start" in line]
        assert lines
        assert all(reason in line for line in lines)
        assert "starting it again" not in process.log
        assert "Traceback" not in process.log


def test_a_gateway_on_a_taken_port_ends(lab: Lab, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with Gateway(lab.redis.url, tmp_path / "log", port=taken.getsockname()[1]) as gateway:
            assert gateway.wait() != 0
            assert "address already in use" in gateway.log


def test_a_taken_metrics_port_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serve(tmp_path, TANH, metrics_port=port) as process:
            assert process.wait() == 1
            [line] = [line for line in process.log.splitlines() if "worker_cannot_start" in line]
            assert f"SMOOTHGEN_METRICS_PORT={port}" in line
            assert "Address already in use" in line
            assert "Traceback" not in process.log


def test_a_worker_that_has_been_up_is_started_again_when_its_start_fails_once(tmp_path: Path) -> None:
    with serve(tmp_path, TANH, metrics_port=(port := free_port())) as running:
        running.until_serving()
        children(running)["workers"].kill()
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            eventually(lambda: bound(taken, port))
            taken.listen()
            eventually(lambda: "worker_cannot_start" in running.log)
        assert finished(running.http, submit(running.http, ask()))["status"] == "succeeded"
        assert running.popen.poll() is None


def bound(probe: socket.socket, port: int) -> bool:
    try:
        probe.bind(("0.0.0.0", port))
    except OSError:
        return False
    return True


def test_every_worker_has_a_metrics_port_and_an_index_of_its_own(tmp_path: Path) -> None:
    port = next(port for _ in range(100) if is_free((port := free_port()) + 1))
    with serve(tmp_path, TANH, workers=2, metrics_port=port) as running:
        running.until_serving()
        processes = psutil.Process(running.popen.pid).children()
        workers = [process.environ() for process in processes if process.cmdline()[-1] == "workers"]
        assert [worker["SMOOTHGEN_WORKER_INDEX"] for worker in workers] == ["0", "1"]
        for each in (port, port + 1):
            page = eventually(lambda each=each: httpx2.get(f"http://127.0.0.1:{each}/metrics").text)
            assert f'smoothgen_batch_size{{model="{TANH}"}} 64.0' in page
            assert 'smoothgen_build_info{component="worker"' in page
            assert "process_start_time_seconds" in page
            assert "_created" not in page
        assert "_created" not in running.http.get("/metrics").text


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_two_first_starts_at_once_do_not_collide(tmp_path: Path) -> None:
    with (
        Serve(tmp_path / "a", tmp_path / "log-a", TANH) as one,
        Serve(tmp_path / "b", tmp_path / "log-b", TANH) as other,
    ):
        for running in (one, other):
            assert finished(running.until_serving().http, submit(running.http, ask()))["status"] == "succeeded"
            assert "starting it again" not in running.log


def test_the_embedded_server_and_its_files_are_their_owners_alone(tmp_path: Path) -> None:
    with serve(tmp_path, TANH) as running:
        running.until_serving()
        assert finished(running.http, submit(running.http, ask()))["status"] == "succeeded"
        assert children(running)["valkey"].net_connections("inet") == []
        kept = [tmp_path / "state" / "redis", *(tmp_path / "state" / "redis").rglob("*")]
        assert {path.name for path in kept if path.stat().st_mode & 0o077} == set()
        assert {"valkey.sock", "valkey.conf", "lock", "appendonlydir"} <= {path.name for path in kept}


@pytest.mark.parametrize("name", ["two words", "x" * 120])
def test_a_folder_the_embedded_server_cannot_use_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    line = refused(Serve(tmp_path / name, tmp_path / "log", TANH))
    assert name in line
    assert "--state" in line


def test_an_embedded_server_that_hangs_is_replaced_and_has_lost_nothing(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path, silence_s=1, stop_timeout_s=1)
    server.start()
    try:
        with redis.Redis.from_url(server.url) as client:
            client.set("kept", "yes")
            hung = psutil.Process(client.info()["process_id"])
            hung.suspend()
            eventually(lambda: not server.running())
            server.start()
            assert not hung.is_running() or hung.status() == psutil.STATUS_ZOMBIE
            assert client.get("kept") == b"yes"
    finally:
        server.stop()


def test_serve_replaces_a_hanging_server_that_a_killed_one_left_behind(
    tmp_path: Path, orphans: list[psutil.Process]
) -> None:
    with serve(tmp_path, TANH) as first:
        first.until_serving()
        job = submit(first.http, ask())
        assert finished(first.http, job)["status"] == "succeeded"
        orphans += children(first).values()
        children(first)["valkey"].suspend()
        first.kill()
    with serve(tmp_path, TANH, name="again") as second:
        assert second.until_serving().http.get(f"/jobs/{job}").json()["status"] == "succeeded"


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def test_a_full_disk_is_named_in_one_line_and_survived(tmp_path: Path) -> None:
    state, port = tmp_path / "state", free_port()
    state.mkdir()
    # A small disk of its own, which only this process sees. It is what runs, so signals reach it.
    script = f"mount -t tmpfs -o size=30m none {state} && exec {sys.executable} -m smoothgen.cli serve --port {port}"
    command = ["unshare", "--map-root-user", "--mount", "sh", "-c", f"{script} --state {state} --model {TANH}"]
    with (
        Process("-c", f"import os; os.execvp('unshare', {command!r})", log=tmp_path / "log") as running,
        httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http,
    ):
        eventually(lambda: "smoothgen: serving" in running.log, LOADING_S)
        before = submit(http, ask())
        assert finished(http, before)["status"] == "succeeded"
        filler = Path(f"/proc/{running.popen.pid}/root") / state.relative_to("/") / "filler"
        with pytest.raises(OSError, match="No space left"):
            fill(filler)
        # Not waited for: a job accepted just before is answered when its wait is over.
        in_no_time = {"prefer": "respond-async"}
        eventually(lambda: http.post("/generate", json=ask(), headers=in_no_time).status_code == 503)
        eventually(lambda: "MB left; requests get 503 until you free some" in running.log)
        filler.unlink()
        eventually(lambda: http.get("/readyz").status_code == 200)
        assert finished(http, submit(http, ask()))["status"] == "succeeded"
        assert http.get(f"/jobs/{before}").json()["status"] == "succeeded"
        assert running.log.count("MB left") == 1
        assert "Traceback" not in running.log
        running.signal(signal.SIGTERM)
        assert running.wait() == 0


def test_the_worker_command_is_the_worker_and_stops_when_told(tmp_path: Path, lab: Lab) -> None:
    command = ["-m", "smoothgen.cli", "worker", "--redis", lab.redis.url, "--model", TANH]
    with Process(*command, log=tmp_path / "log") as worker:
        eventually(lambda: '"event": "ready"' in worker.log, LOADING_S)
        assert "workers" in psutil.Process(worker.popen.pid).cmdline()
        assert psutil.Process(worker.popen.pid).children() == []
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
        assert '"event": "stopped"' in worker.log


@pytest.mark.parametrize("command", ["calibrate", "coverage"])
def test_long_commands_are_the_process_that_was_started(tmp_path: Path, command: str) -> None:
    with Process("-m", "smoothgen.cli", command, "--help", log=tmp_path / "log") as process:
        eventually(lambda: f"workers.research.{command}" in psutil.Process(process.popen.pid).cmdline())
        assert process.wait(60) == 0
        assert "--model" in process.log


def test_a_demo_told_to_stop_leaves_nothing_running(tmp_path: Path, orphans: list[psutil.Process]) -> None:
    with Process("-m", "smoothgen.cli", "demo", "--folder", str(tmp_path / "demo"), log=tmp_path / "log") as demo:
        [server] = eventually(psutil.Process(demo.popen.pid).children)
        orphans += [server, *eventually(server.children)]
        demo.signal(signal.SIGTERM)
        demo.wait()
        _, alive = psutil.wait_procs(orphans, timeout=30)
        assert alive == []


@pytest.mark.parametrize(("threads", "expected"), [({}, available_cores()), ({"threads": 3}, 3)])
def test_a_worker_computes_with_the_cores_it_has_and_its_threads_wait_asleep(
    tmp_path: Path, lab: Lab, threads: dict[str, int], expected: int
) -> None:
    # What OpenMP says when torch loads it.
    run = "import os, runpy; os.environ['OMP_DISPLAY_ENV'] = 'true'; runpy.run_module('workers', run_name='__main__')"
    settings = {"redis_url": lab.redis.url, "models": [FASHION], **threads}
    with Process("-c", run, log=tmp_path / "log", **settings) as worker:
        eventually(lambda: "OPENMP DISPLAY ENVIRONMENT END" in worker.log, LOADING_S)
        assert f"OMP_NUM_THREADS = '{expected}'" in worker.log
        assert "OMP_WAIT_POLICY = 'PASSIVE'" in worker.log


def test_a_gateway_whose_settings_cannot_be_read_ends_serve_with_the_remedy(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "smoothgen.cli", "serve", "--port", str(free_port()), "--state", str(tmp_path)]
    ended = subprocess.run(
        [*command, "--model", "closed-form-tanh"],
        env={**os.environ, "SMOOTHGEN_API_KEYS": "plain"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    assert "SMOOTHGEN_API_KEYS, lists as JSON such as" in ended.stderr


def test_serve_told_to_stop_ends_although_a_worker_does_not_run(tmp_path: Path, orphans: list[psutil.Process]) -> None:
    with serve(tmp_path, TANH, drain_timeout_s=0) as running:
        running.until_serving()
        orphans += children(running).values()
        children(running)["workers"].suspend()
        running.signal(signal.SIGTERM)
        assert running.wait(GRACE_S + GOODBYE_S + _STOP_MARGIN_S + 30) == 0
        assert "a process did not stop in time; killing it" in running.log
        _, alive = psutil.wait_procs(orphans, timeout=10)
        assert alive == []
