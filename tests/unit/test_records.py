"""Job records are parsed once where they are small, and never kept where they are large."""

from __future__ import annotations

import pytest

from smoothgen.contracts import TextOutput
from smoothgen.queue.work_items import read_selection, read_spec
from tests.service.test_queue import OPENING, spec


@pytest.mark.parametrize(("characters", "kept"), [(10, True), (100_000, False)])
def test_a_specification_with_megabytes_is_not_kept(characters: int, kept: bool) -> None:
    text = spec().model_dump_json().replace(",", "," + " " * characters, 1)
    assert (read_spec(text) is read_spec(text)) == kept


@pytest.mark.parametrize(("characters", "kept"), [(10, True), (100_000, False)])
def test_an_opening_with_a_large_output_is_not_kept(characters: int, kept: bool) -> None:
    output = TextOutput(media_type="text/plain", text="o" * characters, digest="sha256:0", certified=False)
    text = OPENING.model_copy(update={"output": output}).model_dump_json()
    assert read_selection(text) == read_selection(text)
    assert (read_selection(text) is read_selection(text)) == kept
