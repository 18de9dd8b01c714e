"""The examples of docs/evaluation/method.md run in order, in one namespace, and print what the page says."""

import contextlib
import io
import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation" / "method.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_examples_run_and_print_what_the_page_says():
    names: dict[str, object] = {}
    shown, printed = [], io.StringIO()
    with contextlib.redirect_stdout(printed):
        for number, code in enumerate(EXAMPLES):
            shown += re.findall(r"# prints (.*)$", code, re.MULTILINE)
            exec(compile(code, f"docs/evaluation/method.md #{number}", "exec"), names)
    assert len(shown) >= 4
    assert printed.getvalue().splitlines() == shown
