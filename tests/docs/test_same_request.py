"""Where docs/api.md shows one request as curl, as a command and in Python, the three ask the same."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from typer.testing import CliRunner

import smoothgen.client
from smoothgen.cli.main import app
from smoothgen.client.asking import request_of
from smoothgen.contracts import GenerateRequest

ROOT = Path(__file__).parents[2]


class Asked(Exception):
    """Carries the request that would have been sent."""

    def __init__(self, request: GenerateRequest) -> None:
        super().__init__("asked")
        self.request = request


class Listening:
    """Stands in for `smoothgen.Client`, and sends nothing."""

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None: ...

    def generate(self, prompt: str, *, model: str, on_progress: Any = None, on_busy: Any = None, **given: Any) -> None:
        raise Asked(request_of(prompt, model, given))


def fenced(page: str) -> list[tuple[str, str]]:
    """(language, code) of every fenced block, in order."""
    return re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)


def curl_body(code: str) -> dict[str, Any]:
    body = re.search(r"-d '(\{.*\})'", code, re.DOTALL)
    assert body is not None
    return dict(json.loads(body.group(1)))


def shown() -> list[tuple[dict[str, Any], str, str]]:
    """(body of the curl before, command, Python) of every request that docs/api.md shows three times."""
    blocks, found = fenced("docs/api.md"), []
    for place, (language, code) in enumerate(blocks):
        if language == "console" and code.startswith("$ smoothgen generate"):
            curl = next(other for _, other in reversed(blocks[:place]) if other.startswith("$ curl"))
            assert blocks[place + 1][0] == "python"
            found.append((curl_body(curl), code, blocks[place + 1][1]))
    return found


def asked_by_command(command: str, monkeypatch: pytest.MonkeyPatch) -> GenerateRequest:
    monkeypatch.setattr(smoothgen.client, "Client", Listening)
    arguments = shlex.split(command.replace("\\\n", " "))
    result = CliRunner().invoke(app, arguments[arguments.index("generate") :])
    assert isinstance(result.exception, Asked), result.output
    return result.exception.request


def test_some_are_shown() -> None:
    assert len(shown()) == 2


@pytest.mark.parametrize(("body", "command", "python"), shown(), ids=lambda value: "")
def test_command_and_python_ask_what_curl_asks(
    body: dict[str, Any], command: str, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("passages.json").write_text(json.dumps(body.get("context", [])), encoding="utf-8")
    wanted = GenerateRequest.model_validate(body).model_dump(exclude_unset=True)
    assert asked_by_command(command, monkeypatch).model_dump(exclude_unset=True) == wanted
    with pytest.raises(Asked) as asked:
        exec(compile(python, "docs/api.md", "exec"), {})
    assert asked.value.request.model_dump(exclude_unset=True) == wanted


def test_the_readmes_command_asks_what_its_curl_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    command = re.search(r"`\.venv/bin/(smoothgen generate [^`]*)` asks the same", readme)
    assert command is not None
    curl = next(code for language, code in fenced("README.md") if language == "console" and "/generate" in code)
    wanted = GenerateRequest.model_validate(curl_body(curl)).model_dump(exclude_unset=True)
    assert asked_by_command(command.group(1), monkeypatch).model_dump(exclude_unset=True) == wanted
