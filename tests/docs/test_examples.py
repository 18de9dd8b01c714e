"""Every example in README and docs/api.md runs as printed, against a real stack."""

import contextlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from app.examples import GENERATE
from smoothgen.contracts import GenerateRequest, JobView, read_parameters
from tests.app.conftest import model_card, register
from tests.support.processes import FASHION, TANH, Lab

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/api.md")
SERVER = "http://127.0.0.1:8000"
JSON = {"content-type": "application/json"}
ABANDONED = "nobody-serves-this"


def fenced(page: str) -> list[tuple[str, str, str]]:
    """(page and number, language, code) of every fenced block, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [(f"{page} #{number}", language, code) for number, (language, code) in enumerate(found)]


BLOCKS = [block for page in PAGES for block in fenced(page)]


def blocks(language: str) -> list[tuple[str, str]]:
    """(page and number, code) of every fenced block in a language."""
    return [(where, code) for where, written_in, code in BLOCKS if written_in == language]


def is_request(code: str) -> bool:
    return "prompt" in json.loads(code)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    lab = Lab(tmp_path_factory.mktemp("docs"))
    try:
        gateway = lab.gateway()
        lab.worker(TANH, FASHION)
        register(lab.redis, model_card(ABANDONED))
        yield gateway.url
    finally:
        lab.close()


@pytest.mark.parametrize(("where", "code"), blocks("python"))
def test_python_blocks_run(where, code, server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code.replace(SERVER, server), where, "exec"), {})
    assert printed.getvalue().strip()


REQUESTS = [(where, code) for where, code in blocks("json") if is_request(code)]
ANSWERS = [(where, code) for where, code in blocks("json") if not is_request(code)]
FOLLOWED = [
    (where, language, code, answer if then == "json" and not is_request(answer) else None)
    for (where, language, code), (_, then, answer) in zip(BLOCKS, [*BLOCKS[1:], ("", "", "")], strict=True)
]
"""Every block, with the answer shown after it where there is one."""
CURLS = [(w, code, answer) for w, language, code, answer in FOLLOWED if language == "console" and "$ curl" in code]


def test_pages_show_requests_answers_and_commands():
    assert REQUESTS
    assert ANSWERS
    assert len([answer for _, _, answer in CURLS if answer]) > 5


@pytest.mark.parametrize(("where", "code"), REQUESTS)
def test_json_blocks_are_requests(where, code):
    request = GenerateRequest.model_validate(json.loads(code))
    read_parameters("image" if request.model == FASHION else "text", request.parameters)


QUICK = [
    (where, code, answer)
    for where, language, code, answer in FOLLOWED
    if language == "json" and is_request(code) and json.loads(code)["model"] in (TANH, FASHION)
]


@pytest.mark.parametrize(("where", "code", "answer"), QUICK)
def test_requests_of_quick_models_are_answered_as_shown(where, code, answer, server):
    view = httpx2.post(f"{server}/generate", content=code, headers={**JSON, "prefer": "wait=120"}, timeout=130).json()
    assert view["status"] == "succeeded", view
    assert_shown(json.loads(answer), view)


@pytest.mark.skipif(shutil.which("curl") is None, reason="runs curl")
@pytest.mark.parametrize(("where", "code", "answer"), [curl for curl in CURLS if curl[2]])
def test_curl_commands_are_answered_as_shown(where, code, answer, server):
    command = code.removeprefix("$ ").replace(SERVER, server)
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    command = re.sub(r"/jobs/\w{32}", f"/jobs/{waiting_job(server)}", re.sub(r"day:[\d-]+", f"day:{today}", command))
    ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=130, check=True)
    assert_shown(json.loads(answer), json.loads(ran.stdout))


def waiting_job(server: str) -> str:
    """A job that has not ended: nobody serves its model any more."""
    body = {"model": ABANDONED, "prompt": "0.25"}
    return httpx2.post(f"{server}/generate", json=body, headers={"prefer": "respond-async"}).json()["id"]


def assert_shown(shown, real):
    """The page shows members the answer has, with values of their kind: numbers and ids differ from run to run."""
    if isinstance(shown, dict):
        assert shown.keys() <= real.keys()
        for name, value in shown.items():
            assert_shown(value, real[name])
    elif isinstance(shown, list) and isinstance(real, list):
        assert bool(shown) == bool(real)
        for one, other in zip(shown, real, strict=False):  # long lists are cut
            assert_shown(one, other)
    elif isinstance(shown, float | int) and not isinstance(shown, bool):
        assert isinstance(real, float | int)
    else:
        assert type(shown) is type(real)


@pytest.mark.parametrize(("where", "code"), ANSWERS)
def test_json_blocks_without_a_prompt_are_of_a_job_or_of_the_fleet(where, code):
    shown = json.loads(code)
    if "data" not in shown:
        stated = {"id": "", "model": {"name": "", "revision": "", "digest": ""}, "progress": {"done": 0, "total": 0}}
        JobView.model_validate(stated | shown)


@pytest.mark.parametrize(("where", "code", "answer"), [curl for curl in CURLS if "-d '" in curl[1]])
def test_what_curl_sends_is_a_request(where, code, answer):
    body = re.search(r"-d '(\{.*?\})'", code, re.DOTALL)
    assert body is not None
    GenerateRequest.model_validate(json.loads(body.group(1)))


@pytest.mark.parametrize("example", GENERATE.values(), ids=list(GENERATE))
def test_openapi_examples_are_requests(example):
    request = GenerateRequest.model_validate(example["value"])
    read_parameters("image" if request.model == FASHION else "text", request.parameters)
