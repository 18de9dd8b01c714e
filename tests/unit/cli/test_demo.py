"""What `smoothgen demo` prints around the commands that it runs."""

import io

import pytest
from rich.console import Console

from smoothgen.cli import demo


@pytest.mark.parametrize("width", [40, 80])
def test_a_heading_is_wrapped_and_nothing_of_it_is_left_out(width):
    words = "1. A certified generation, and the prompts that an attack on its embeddings can reach"
    console = Console(file=io.StringIO(), width=width, highlight=False)
    demo._heading(console, words)
    printed = console.file.getvalue()
    assert "…" not in printed
    rule, *lines = printed.splitlines()
    assert " ".join(line.strip() for line in lines) == words
    assert max(map(len, (rule, *lines))) <= width
