"""Every example in README and docs/api.md runs as printed, against a real stack."""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from app.examples import GENERATE
from smoothgen.contracts import GenerateRequest, JobView, read_parameters
from tests.processes import FASHION, TANH, Lab

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/api.md")
SERVER = "http://127.0.0.1:8000"
JSON = {"content-type": "application/json"}


def blocks(language: str) -> list[tuple[str, str]]:
    """(page and number, code) of every fenced block in a language."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for number, code in enumerate(re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)):
            found.append((f"{page} #{number}", code))
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    lab = Lab(tmp_path_factory.mktemp("docs"))
    try:
        gateway = lab.gateway()
        lab.worker(TANH, FASHION)
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


REQUESTS = [(where, code) for where, code in blocks("json") if "prompt" in json.loads(code)]
ANSWERS = [(where, code) for where, code in blocks("json") if "prompt" not in json.loads(code)]


def test_pages_show_requests_and_answers():
    assert REQUESTS
    assert ANSWERS


@pytest.mark.parametrize(("where", "code"), REQUESTS)
def test_json_blocks_are_requests(where, code):
    request = GenerateRequest.model_validate(json.loads(code))
    read_parameters("image" if request.model == FASHION else "text", request.parameters)


@pytest.mark.parametrize(("where", "code"), [(w, c) for w, c in REQUESTS if json.loads(c)["model"] in (TANH, FASHION)])
def test_requests_of_quick_models_are_answered_as_shown(where, code, server):
    view = httpx2.post(f"{server}/generate", content=code, headers={**JSON, "prefer": "wait=120"}, timeout=130).json()
    assert view["status"] == "succeeded", view
    for _, shown in ANSWERS:
        assert_shown(json.loads(shown), view)


def assert_shown(shown, real):
    """The page shows members the answer has, with values of their kind: numbers and ids differ from run to run."""
    if isinstance(shown, dict):
        assert shown.keys() <= real.keys()
        for name, value in shown.items():
            assert_shown(value, real[name])
    elif isinstance(shown, float | int) and not isinstance(shown, bool):
        assert isinstance(real, float | int)
    else:
        assert type(shown) is type(real)


@pytest.mark.parametrize(("where", "code"), ANSWERS)
def test_json_blocks_without_a_prompt_are_answers(where, code):
    JobView.model_validate(json.loads(code))


def test_the_curl_example_is_a_request():
    body = re.search(r"-d '(\{.*?\})'", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert body is not None
    GenerateRequest.model_validate(json.loads(body.group(1)))


@pytest.mark.parametrize("example", GENERATE.values(), ids=list(GENERATE))
def test_openapi_examples_are_requests(example):
    request = GenerateRequest.model_validate(example["value"])
    read_parameters("image" if request.model == FASHION else "text", request.parameters)
