"""`smoothgen drain` as an operator types it before an upgrade."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.support.processes import BARE, ROOT, TANH, Lab

COMMAND = (sys.executable, "-m", "smoothgen.cli", "drain")


def typed(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=ROOT, env=BARE | environment, capture_output=True, text=True)


def test_it_names_what_waits_and_ends_when_nothing_does(lab: Lab) -> None:
    on = {"SMOOTHGEN_REDIS_URL": lab.redis.url}
    gateway, worker = lab.gateway(), lab.worker(TANH)
    worker.kill()
    body = {"model": TANH, "prompt": "0.25", "robustness": {"sigma": 0.5, "samples": 100}}
    answer = gateway.http.post("/generate", json=body, headers={"prefer": "respond-async"})
    assert answer.status_code == 202, answer.text

    left = typed("--timeout", "0s", "--json", **on)
    assert left.returncode == 1, left.stderr
    told = json.loads(left.stdout)
    assert not told["drained"]
    assert told["left"][TANH]["work_items"] == 1
    assert told["left"][TANH]["samples"] >= 100
    assert f"{TANH}: 1 work items" in typed("--timeout", "0s", **on).stdout

    lab.worker(TANH)
    done = typed("--timeout", "5m", **on)
    assert (done.returncode, done.stdout) == (0, "drained: no job waits or runs\n")
    assert gateway.http.get(answer.headers["location"]).json()["status"] == "succeeded"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--timeout", "soon"), "--timeout must be a duration such as 90s, 15m, 1h or 30d, got 'soon'"),
        (("--redis", "redis://127.0.0.1:1/0"), "127.0.0.1:1"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(words: tuple[str, ...], said: str) -> None:
    result = typed(*words)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("smoothgen: ")
    assert result.stderr.count("\n") == 1
    assert said in result.stderr
