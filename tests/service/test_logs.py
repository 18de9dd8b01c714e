"""Logs of real processes: in JSON every line of stderr is one object, and no client's text gets where it should not."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings
from smoothgen.queue import keys, new_id
from tests.service.conftest import ask, finished, submit
from tests.support.processes import FASHION, LOADING_S, TANH, Lab, Process, Worker, eventually

SENTINEL = "sentinel-prompt-7c1d"
EVIL = f'{SENTINEL}\n{{"event": "forged"}}\r\n2026-11-29T00:00:00Z [info] forged\x1b[31m\x9b31m'
KEY = "key-of-this-test-9d4e"


def parsed(process: Process) -> list[dict[str, Any]]:
    """Every line of a process's log; a line that is no JSON object ends the test."""
    lines = [json.loads(line) for line in process.log.splitlines()]
    for line in lines:
        assert {"timestamp", "level", "event", "logger", "service"} <= line.keys(), line
    return lines


def trouble(lab: Lab, **settings: Any) -> tuple[Process, Process]:
    """A gateway and a worker after everything a log could speak of: good and bad jobs, strangers, errors of our own,
    and a Redis that goes away."""
    gateway = lab.gateway(api_keys=[KEY], default_wait_s=60, **settings)
    broken = ("closed-form-broken", "closed-form-partly-raising")
    worker = lab.keep(Worker(lab.redis.url, lab.folder / "worker.log", TANH, FASHION, *broken, **settings))
    eventually(lambda: " ready " in worker.log or '"ready"' in worker.log, LOADING_S)
    gateway.http.headers["authorization"] = f"Bearer {KEY}"
    for model in (TANH, *broken):
        assert gateway.http.post("/generate", json=ask(model)).status_code in (200, 500)
    for prompt in (SENTINEL, EVIL):
        assert gateway.http.post("/generate", json=ask(prompt=prompt)).status_code == 422
        assert gateway.http.post("/generate", json=ask("no-such-model", prompt)).status_code == 422
        assert gateway.http.post("/generate", json=ask(prompt=prompt) | {"unknown": prompt}).status_code == 422
        picture = {"model": FASHION, "prompt": prompt, "robustness": {"samples": 20, "selection_samples": 20}}
        finished(gateway.http, submit(gateway.http, picture))
    evil_path = f"/%0a%7B%22event%22:%22forged%22%7D%1b[31m?{SENTINEL}"
    assert gateway.http.get(evil_path).status_code == 404
    assert gateway.http.get("/jobs/x%0aforged%1b[31m", params={"q": SENTINEL}).status_code == 404
    assert gateway.http.get("/models", headers={"authorization": f"Bearer {SENTINEL}"}).status_code == 401
    [(_, tenant)] = Settings(api_keys=[KEY]).tenants
    no_hash = new_id(TANH, tenant)
    lab.redis.client.set(keys.job(no_hash), "a string where a hash should be")
    assert gateway.http.get(f"/jobs/{no_hash}").status_code == 500
    lab.redis.kill()
    assert gateway.http.get("/models").status_code == 503
    lab.redis.start()
    for process in (worker, gateway):
        process.signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)
    return gateway, worker


def test_every_line_is_an_object_and_none_has_a_prompt_a_key_or_a_query(lab: Lab) -> None:
    gateway, worker = trouble(lab)
    said = {process: parsed(process) for process in (gateway, worker)}
    assert {line["service"] for line in said[gateway]} == {"gateway"}
    assert {line["service"] for line in said[worker]} == {"worker"}
    assert {"request", "request_failed"} <= {line["event"] for line in said[gateway]}
    assert {"ready", "jobs_ended", "job_failed", "stopped"} <= {line["event"] for line in said[worker]}
    for process in said:
        assert SENTINEL not in process.log
        assert KEY not in process.log
    of_jobs = [line for line in said[worker] if line["event"] == "job_failed"]
    requests = {line["request_id"]: line for line in said[gateway] if line["event"] == "request"}
    assert of_jobs
    assert all(requests[line["request_id"]]["job"] == line["job"] for line in of_jobs if line["request_id"] in requests)
    assert any(line["request_id"] in requests for line in of_jobs)


def test_lines_for_people_cannot_be_forged(lab: Lab) -> None:
    for process in trouble(lab, log_format="console"):
        assert not re.search(r"[^\n -~…–é]", process.log.replace("\t", " ")), process.log
        for line in process.log.splitlines():
            assert re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z |    ", line) or not line, line
        assert SENTINEL not in process.log


STRAY = """
import logging, sys, threading, traceback, warnings
from smoothgen.process.logs import configure_logs
from smoothgen.process.stray_lines import take_stderr
configure_logs("json", service="test")
take_stderr()
library = logging.getLogger("library")
library.addHandler(logging.StreamHandler())
library.propagate = False
library.warning("a line of a library\\nin two")
logging.getLogger("transformers.models").warning("it quotes a prompt")
library.error("wrong arguments %d", "text")
warnings.warn("a warning")
print("a print", file=sys.stderr)
print("half", end="", file=sys.stderr); print(" a line", file=sys.stderr)
sys.stderr.write("10%\\r20%\\r")
try: 1 / 0
except ZeroDivisionError: traceback.print_exc()
class Bad:
    def __del__(self): raise ValueError("unraisable")
Bad()
thread = threading.Thread(target=lambda: 1 / 0, name="t"); thread.start(); thread.join()
raise RuntimeError("nobody catches this")
"""


def test_what_libraries_write_past_the_logs_becomes_lines_of_the_log(tmp_path: Path) -> None:
    with Process("-c", STRAY, log=tmp_path / "log") as process:
        assert process.wait(60) == 1
        lines = parsed(process)
    events = [line["event"] for line in lines]
    assert events[0] == "a line of a library\nin two"
    assert "a log line could not be written: 'wrong arguments %d'" in events
    assert [line["logger"] for line in lines if "a warning" in line["event"]] == ["py.warnings"]
    stray = [line["text"] for line in lines if line["event"] == "stderr_line"]
    assert stray[:5] == ["a print", "half a line", "10%", "20%", "Traceback (most recent call last):"]
    uncaught = [line["exception"] for line in lines if line["event"] == "uncaught_exception"]
    for trace, said in zip(uncaught, ("unraisable", "division by zero", "nobody catches this"), strict=True):
        assert said in trace
    assert "it quotes a prompt" not in process.log


@pytest.mark.parametrize("module", ["app", "workers"])
def test_a_secret_that_cannot_be_read_is_not_shown(tmp_path: Path, module: str) -> None:
    wrong = {"api_keys": json.dumps(KEY)} if module == "app" else {"redis_url": f"redis://:{KEY}@h", "models": "{}"}
    with Process("-m", module, log=tmp_path / "log", **wrong) as process:
        assert process.wait(60) == 1
        [line] = parsed(process)
    assert "SMOOTHGEN_" in line["detail"]
    assert KEY not in process.log
