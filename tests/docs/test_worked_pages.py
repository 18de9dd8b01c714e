"""The code of the worked pages runs against a real server with the language model, and prints what the pages say."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import Lab

FOLDER = Path(__file__).parents[2] / "docs" / "evaluation"
SERVER = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    lab = Lab(tmp_path_factory.mktemp("worked"))
    try:
        gateway = lab.gateway()
        lab.worker("smollm2-135m")
        yield gateway.url
    finally:
        lab.close()


@pytest.mark.parametrize("page", ["medical.md", "legal.md"])
def test_a_worked_page_runs_from_prompt_to_decision(page: str, server: str) -> None:
    examples = re.findall(r"^```python\n(.*?)^```", (FOLDER / page).read_text("utf-8"), re.DOTALL | re.MULTILINE)
    names: dict[str, object] = {}
    shown, printed = [], io.StringIO()
    with contextlib.redirect_stdout(printed):
        for number, code in enumerate(examples):
            shown += re.findall(r"# prints (.*)$", code, re.MULTILINE)
            exec(compile(code.replace(SERVER, server), f"{page} #{number}", "exec"), names)
    assert len(shown) >= 5
    assert printed.getvalue().splitlines() == shown
