"""Patterns of the label metric: what is taken, what it may cost, what is kept."""

from __future__ import annotations

import psutil
import pytest

from smoothgen.errors import InvalidMetric
from smoothgen.labels import extractor


def label(pattern: str, text: str) -> str | None:
    return extractor({"kind": "regex", "pattern": pattern})(text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        (r"[A-Z][a-z]+", "the capital is Paris.", "Paris"),
        (r"answer: (\w+)", "the answer: yes", "yes"),
        (r"(?i)\pL{20}", "abc " + "é" * 25, "é" * 20),
        (r".{1,1000}", "x" * 1500, "x" * 1000),
        (r"(?:\w{1,30}\s){1,20}", "one two ", "one two"),
        (r"\d+", "none", None),
    ],
)
def test_patterns_people_write_are_taken(pattern: str, text: str, expected: str | None) -> None:
    assert label(pattern, text) == expected


@pytest.mark.parametrize("pattern", [r"(?i)[^\pL]{400}", r"(?i)[^\pL]{131}", r"((\pL{30}){3}\pN){11}", r"[^\pL]{1000}"])
def test_a_pattern_too_large_is_refused_with_its_text_and_the_limit(pattern: str) -> None:
    with pytest.raises(InvalidMetric, match="1024 kB") as refused:
        extractor({"kind": "regex", "pattern": pattern})
    assert repr(pattern) in str(refused.value)
    assert refused.value.field == "robustness.metric.extract.pattern"


def test_hundreds_of_patterns_as_large_as_they_may_be_do_not_stay_in_memory() -> None:
    process = psutil.Process()
    before = process.memory_info().rss
    for n in range(300):
        assert label(f"x{n}|" + r"(?i)[^\pL]{25}", "12345 " * 200) is not None
    assert process.memory_info().rss - before < 100 << 20
