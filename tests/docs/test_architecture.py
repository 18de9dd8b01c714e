"""The worked examples of docs/architecture.md run in order, in one namespace, and print what the page says."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from workers.generators.closed_form import SPECS

PAGE = (Path(__file__).parents[2] / "docs" / "architecture.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def the_registered_models():
    before = dict(SPECS)
    yield
    SPECS.clear()
    SPECS.update(before)


@pytest.mark.usefixtures("the_registered_models")
def test_the_examples_run_and_print_what_the_page_says():
    names: dict[str, object] = {}
    shown, printed = [], io.StringIO()
    with contextlib.redirect_stdout(printed):
        for number, code in enumerate(EXAMPLES):
            shown += re.findall(r"# prints (.*)$", code, re.MULTILINE)
            exec(compile(code, f"docs/architecture.md #{number}", "exec"), names)
    assert len(shown) >= 4
    assert printed.getvalue().splitlines() == shown


def test_every_way_in_has_an_example():
    for heading in ("a model family", "an output metric", "a mechanism", "a claim"):
        section = PAGE.partition(f"## Add {heading}\n")[2].partition("\n## ")[0]
        assert "```python\n" in section, heading
