"""Every example in README and docs/api.md runs as printed, against a real stack."""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.examples import GENERATE
from smoothgen.contracts import GenerateRequest
from tests.processes import TANH, Lab

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/api.md")
SERVER = "http://127.0.0.1:8000"


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
        lab.worker(TANH)
        yield gateway.url
    finally:
        lab.close()


@pytest.mark.parametrize(("where", "code"), blocks("python"))
def test_python_blocks_run(where, code, server):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code.replace(SERVER, server), where, "exec"), {})
    assert printed.getvalue().strip()


@pytest.mark.parametrize(("where", "code"), blocks("json"))
def test_json_blocks_are_requests(where, code):
    GenerateRequest.model_validate(json.loads(code))


def test_the_curl_example_is_a_request():
    body = re.search(r"-d '(\{.*?\})'", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert body is not None
    GenerateRequest.model_validate(json.loads(body.group(1)))


@pytest.mark.parametrize("example", GENERATE.values(), ids=list(GENERATE))
def test_openapi_examples_are_requests(example):
    GenerateRequest.model_validate(example["value"])
