"""Every block of code in README.md and docs/api.md runs as printed, against a real stack, and gives what is shown.

Requests are sent with a seed, which the pages leave out, so that the numbers of answers can be compared.
"""

import contextlib
import io
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.examples import GENERATE
from smoothgen.contracts import GenerateRequest, JobView, PlanView, read_parameters
from tests.app.conftest import model_card, register
from tests.support.processes import FASHION, TANH, Lab

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/api.md")
SERVER = "http://127.0.0.1:8000"
JSON = {"content-type": "application/json"}
LANGUAGE_MODEL = "smollm2-135m"
SEED = 1
SEED_SENTENCE = " The client chose the seed, so the confidence does not hold against that client."
OF_ONE_RUN = {"id", "device_s", "queued_s", "windows", "window", "start", "end", "requested_at"}
"""Members whose values differ from run to run, seed or not."""
OF_ONE_PROCESSOR = {"data", "digest", "distances"}
"""Members that hold bytes of outputs: floating-point numbers differ in their last bits between processors."""
RELATIVE_ERROR = {FASHION: 1e-3}
"""By model, how far numbers may differ between processors."""
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
        lab.worker(TANH, FASHION, LANGUAGE_MODEL)
        register(lab.redis, model_card(ABANDONED))
        in_the_fleet = {"model": TANH, "prompt": "0.25", "robustness": {"sigma": 0.1, "tier": "fleet"}}
        httpx2.post(f"{gateway.url}/generate", json=in_the_fleet, timeout=60).raise_for_status()
        yield gateway.url
    finally:
        lab.close()


@pytest.mark.parametrize(("where", "code"), blocks("python"))
def test_python_blocks_run_and_print_what_they_say(where, code, server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code.replace(SERVER, server), where, "exec"), {})
    lines = printed.getvalue().splitlines()
    assert lines
    for shown in re.findall(r"print\(.*# prints (.*)$", code, re.MULTILINE):
        assert shown in lines


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
    body = seeded(json.loads(code))
    view = httpx2.post(f"{server}/generate", json=body, headers={"prefer": "wait=120"}, timeout=130).json()
    assert view["status"] == "succeeded", view
    assert_shown(json.loads(answer), view, RELATIVE_ERROR.get(body["model"], 1e-6))


@pytest.mark.skipif(shutil.which("curl") is None, reason="runs curl")
@pytest.mark.parametrize(("where", "code", "answer"), [curl for curl in CURLS if curl[2] and "-d '" in curl[1]])
def test_curl_requests_are_answered_as_shown(where, code, answer, server):
    body = re.search(r"(?<=-d ')\{.*?\}(?=')", code, re.DOTALL)
    assert body is not None
    command = code.replace(body.group(), json.dumps(seeded(json.loads(body.group()))))
    assert_shown(json.loads(answer), run(command, server), 1e-6)


@pytest.mark.skipif(shutil.which("curl") is None, reason="runs curl")
@pytest.mark.parametrize(("where", "code", "answer"), [curl for curl in CURLS if curl[2] and "-d '" not in curl[1]])
def test_other_curl_commands_are_answered_with_the_members_shown(where, code, answer, server):
    """These show a job and a window of the fleet as they were: their numbers belong to that moment."""
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    command = re.sub(r"/jobs/\w{32}", f"/jobs/{waiting_job(server)}", re.sub(r"day:[\d-]+", f"day:{today}", code))
    assert_shown(json.loads(answer), run(command, server), None)


def run(command: str, server: str) -> Any:
    ran = subprocess.run(
        ["bash", "-c", command.removeprefix("$ ").replace(SERVER, server)],
        capture_output=True,
        text=True,
        timeout=130,
        check=True,
    )
    return json.loads(ran.stdout)


def seeded(body: dict[str, Any]) -> dict[str, Any]:
    """The request with a seed; tier fleet refuses one, and its numbers do not depend on it."""
    return body if body["robustness"].get("tier") == "fleet" else {**body, "seed": SEED}


def waiting_job(server: str) -> str:
    """A job that has not ended: nobody serves its model any more."""
    body = {"model": ABANDONED, "prompt": "0.25"}
    return httpx2.post(f"{server}/generate", json=body, headers={"prefer": "respond-async"}).json()["id"]


def assert_shown(shown: Any, real: Any, relative_error: float | None, member: str = "") -> None:
    """Asserts that an answer has the members a page shows, with their values.

    Numbers may differ by the relative error. Members of one run or processor are compared by the kind of their value,
    and so is everything where the relative error is None. A shown text that ends in "…" is cut, and so may lists be.
    """
    if isinstance(shown, dict):
        assert shown.keys() <= real.keys()
        for name, value in shown.items():
            assert_shown(value, real[name], relative_error, name)
    elif isinstance(shown, list) and isinstance(real, list):
        assert bool(shown) == bool(real)
        for one, other in zip(shown, real, strict=False):
            assert_shown(one, other, relative_error, member)
    elif isinstance(shown, float | int) and not isinstance(shown, bool):
        assert isinstance(real, float | int)
        if relative_error is not None and member not in OF_ONE_RUN:
            assert real == pytest.approx(shown, rel=relative_error), member
    else:
        assert type(shown) is type(real)
        if relative_error is not None and member not in OF_ONE_RUN | OF_ONE_PROCESSOR:
            assert_reads(shown, real, relative_error)


def assert_reads(shown: Any, real: Any, relative_error: float) -> None:
    """Asserts that a value reads as shown, with the numbers in a text compared as numbers."""
    if not isinstance(shown, str):
        assert real == shown
        return
    real = real.replace(SEED_SENTENCE, "")
    if shown.endswith("…"):
        shown, real = shown[:-1], real[: len(shown) - 1]
    number = r"-?\d+\.\d+(?:e-?\d+)?"
    assert re.sub(number, "#", real) == re.sub(number, "#", shown)
    read = [[float(n) for n in re.findall(number, text)] for text in (real, shown)]
    assert read[0] == pytest.approx(read[1], rel=relative_error)


@pytest.mark.parametrize(
    "change",
    [
        {"radius": 0.2},
        {"radius": 0.1 * (1 + 1e-5)},
        {"statement": "within 0.2, for ever"},
        {"statement": "within 0.1, at times"},
        {"certified": False},
    ],
    ids=str,
)
def test_another_value_than_the_shown_one_is_noticed(change):
    shown = {"radius": 0.1, "statement": "within 0.1, for ever", "certified": True}
    assert_shown(shown, {**shown, "id": "7"}, 1e-6)
    with pytest.raises(AssertionError):
        assert_shown(shown, {**shown, **change}, 1e-6)


@pytest.mark.parametrize(("where", "code"), [answer for answer in ANSWERS if answer[0].startswith("docs/")])
def test_json_blocks_without_a_prompt_are_of_a_job_a_plan_or_the_fleet(where, code):
    shown = json.loads(code)
    if "cannot" in shown:
        assert shown.keys() <= PlanView.model_fields.keys()
    elif "data" not in shown:
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
