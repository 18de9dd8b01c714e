"""A worker whose settings, models or Redis are wrong: one line with value and remedy, exit code 1, no traceback."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support.processes import LOADING_S, TANH, Gateway, Lab, Process, Worker, eventually
from tests.support.workers import tiny

NOBODY = "redis://127.0.0.1:1/0"
SECRET = "hunter2"


def told(process: Process) -> str:
    """What a worker that cannot start says, which is one line."""
    assert process.wait(LOADING_S) == 1
    [line] = process.log.splitlines()
    said: dict[str, Any] = json.loads(line)
    assert said["event"] == "worker_cannot_start"
    return str(said["detail"])


def refused(folder: Path, *, redis_url: str = NOBODY, **settings: Any) -> str:
    with Process("-m", "workers", log=folder / "log", redis_url=redis_url, **{"models": [TANH], **settings}) as process:
        return told(process)


@pytest.mark.parametrize(
    ("settings", "reasons"),
    [
        ({"models": "closed-form-tanh"}, ["SMOOTHGEN_MODELS is a list", "JSON", "got 'closed-form-tanh'"]),
        ({"models": []}, ["SMOOTHGEN_MODELS", "at least 1 item"]),
        ({"models": [TANH, TANH]}, ["SMOOTHGEN_MODELS has two models of the name 'closed-form-tanh'", "other-name="]),
        ({"models": ["a=/one", "a=/other"]}, ["two models of the name 'a'"]),
        ({"models": ["a="]}, ["SMOOTHGEN_MODELS has 'a='", "name=source"]),
        ({"models": ["a\n=/one"]}, ["SMOOTHGEN_MODELS has", "name=source"]),
        ({"models": [f"a={TANH}"]}, ["under its own name only: write 'closed-form-tanh'"]),
        ({"drain_timeout_s": "inf"}, ["SMOOTHGEN_DRAIN_TIMEOUT_S", "less than or equal to", "got 'inf'"]),
        ({"lease_s": "1e300"}, ["SMOOTHGEN_LEASE_S", "got '1e300'"]),
        ({"lease_s": "1e-9"}, ["SMOOTHGEN_LEASE_S", "got '1e-9'"]),
        ({"restart_after_s": "1e-9"}, ["SMOOTHGEN_RESTART_AFTER_S", "got '1e-9'"]),
        ({"metrics_port": 70000}, ["SMOOTHGEN_METRICS_PORT", "65535", "got '70000'"]),
        ({"batch_size": 10**30}, ["SMOOTHGEN_BATCH_SIZE", "less than or equal to"]),
        ({"calibrations": "/nowhere"}, ["SMOOTHGEN_CALIBRATIONS='/nowhere' is no folder", "unset it"]),
    ],
)
def test_settings_that_make_no_sense(tmp_path: Path, settings: dict[str, Any], reasons: list[str]) -> None:
    detail = refused(tmp_path, **settings)
    assert all(reason in detail for reason in reasons), detail


@pytest.mark.parametrize("module", ["workers", "app"])
@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("localhost:6379", "begins with none of redis://"),
        (f"redis://me:{SECRET}/x@h:1/0", "no address of a Redis"),
        (f"redis://:{SECRET}@h:99999/0", "no address of a Redis"),
        (f"redis://:{SECRET}@h:1/first", "the database after the last slash is no number"),
        (f"redis://h:1/0?password={SECRET}&nonsense=1", "no address of a Redis"),
        (f"redis://h:1/0?password={SECRET}&protocol=9", "no address of a Redis"),
        (f"redis+sentinel://me:{SECRET}/x@h:1/service", "no address of a Redis"),
        ("unix://", "a unix socket is named by its absolute path"),
        ("redis://h:1/0 ", "white space"),
    ],
)
def test_what_is_no_address_of_a_redis_is_told_without_its_password(
    tmp_path: Path, module: str, address: str, reason: str
) -> None:
    settings = {"redis_url": address, "models": [TANH]}
    with Process("-m", module, log=tmp_path / "log", **settings) as process:
        assert process.wait(60) == 1
        [line] = process.log.splitlines()
    assert "SMOOTHGEN_REDIS_URL=" in line
    assert reason in line
    assert "write it redis://[user:password@]host:port/db" in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/0", "Redis refuses user and password, or their absence; mend them in SMOOTHGEN_REDIS_URL"),
        ("/99", "DB index is out of range"),
    ],
)
def test_what_redis_refuses_is_told_and_waited_for(tmp_path: Path, lab: Lab, path: str, reason: str) -> None:
    lab.redis.client.config_set("requirepass", SECRET)
    who = ":wrong@" if path == "/0" else f":{SECRET}@"
    url = f"redis://{who}127.0.0.1:{lab.redis.port}{path}"
    with (
        Worker(url, tmp_path / "worker", TANH) as worker,
        Gateway(url, tmp_path / "gateway").until_alive() as gateway,
    ):
        eventually(lambda: "redis_away" in worker.log)
        answer = gateway.http.post("/generate", json={"model": TANH, "prompt": "0", "robustness": {"sigma": 1.0}})
        assert answer.status_code == 503
        assert reason in answer.json()["detail"]
        lines = [json.loads(line) for line in worker.log.splitlines()]
        assert [line["event"] for line in lines] == ["redis_away"]  # once, not at every attempt
        assert reason in lines[0]["detail"]
        assert lines[0]["redis"] == f"redis://…@127.0.0.1:{lab.redis.port}{path}"
        worker.signal(signal.SIGTERM)
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
        assert '"ready"' not in worker.log
        assert "Traceback" not in worker.log + gateway.log
    with redis.Redis(port=lab.redis.port, password=SECRET) as client:
        client.config_set("requirepass", "")


def _no_generation_config(folder: Path) -> None:
    (folder / "generation_config.json").write_text("{")


def _dangling(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(folder / "blob")


def _truncated(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def _no_json(folder: Path) -> None:
    (folder / "config.json").write_text("hello {")


def _unknown_architecture(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "zorglub", "architectures": ["ZorglubForCausalLM"]}))


def _no_tokenizer(folder: Path) -> None:
    for file in folder.glob("token*"):
        file.unlink()


@pytest.mark.parametrize(
    ("breaking", "reason"),
    [
        (_no_generation_config, "has a broken generation_config.json"),
        (_dangling, "model.safetensors is a link to a file that is not there"),
        (_truncated, "file not fully covered"),
        (_no_json, "not a valid JSON file"),
        (_unknown_architecture, "`zorglub`"),
        (_no_tokenizer, "tokenizer"),
    ],
)
def test_a_broken_model_folder_is_named(tmp_path: Path, breaking: Callable[[Path], None], reason: str) -> None:
    folder = tiny.save(tiny.llama(), tmp_path / "model")
    breaking(folder)
    detail = refused(tmp_path, models=[f"t={folder}"])
    assert reason in detail
    assert str(folder) in detail


@pytest.mark.parametrize("source", ["/nowhere/model", "./nowhere", "~/model", "/nowhere/model.gguf"])
def test_a_folder_that_is_not_there_is_not_taken_for_a_name_on_the_hub(tmp_path: Path, source: str) -> None:
    assert f"model 't': there is no folder or file '{source}' here" in refused(tmp_path, models=[f"t={source}"])


@pytest.mark.parametrize("name", ["", "model.safetensors"])
def test_a_model_that_may_not_be_read_is_named(tmp_path: Path, name: str) -> None:
    folder = tiny.save(tiny.llama(), tmp_path / "model")
    (folder / name).chmod(0)
    # Root reads everything, unless it gives that right up.
    command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"] if not os.getuid() else []
    command += [sys.executable, "-m", "workers"]
    run = f"import os; os.execvp({command[0]!r}, {command!r})"
    with Process("-c", run, log=tmp_path / "log", redis_url=NOBODY, models=[f"t={folder}"]) as process:
        detail = told(process)
    (folder / name).chmod(0o700)
    assert f"this process may not read {folder / name}" in detail


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    detail = refused(tmp_path, models=["smollm2-135m"], cache=str(tmp_path / "cache"))
    assert f"SMOOTHGEN_CACHE='{tmp_path / 'cache'}'" in detail
    assert "give a folder that this process may write" in detail


def test_a_serving_file_that_is_broken_is_told_with_the_model(tmp_path: Path) -> None:
    (tmp_path / "calibrations").mkdir()
    file = tmp_path / "calibrations" / f"{TANH}.json"
    file.write_text("{")
    detail = refused(tmp_path, calibrations=str(tmp_path / "calibrations"))
    assert f"{file} holds no calibrations" in detail
    assert "smoothgen calibrate" in detail


SLOW_TO_LOAD = """
import sys, threading
from workers import __main__ as worker

def load(settings):
    print("loading", flush=True)
    threading.Event().wait()

worker.load_models = load
sys.exit(worker.main())
"""


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_told_to_stop_while_it_loads_stops_at_once(tmp_path: Path, sign: signal.Signals) -> None:
    with Process("-c", SLOW_TO_LOAD, log=tmp_path / "log", redis_url=NOBODY, models=[TANH]) as process:
        eventually(lambda: "loading" in process.log, LOADING_S)
        process.signal(sign)
        process.signal(sign)
        assert process.wait() == 0
        said = json.loads(process.log.splitlines()[-1])
        assert (said["event"], said["detail"]) == ("stopped", "told to stop while the models were being loaded")
