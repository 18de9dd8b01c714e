"""Which sequences can be written, with a tokenizer of five tokens that prefers the longest."""

from __future__ import annotations

import re

import numpy as np

from smoothgen.errors import InvalidPrompt
from smoothgen.tokens import TokenTable, Written, written

VOCABULARY = ["a", "b", "ab", "<x>", "a"]


def decode(ids: list[int]) -> str:
    return "".join(VOCABULARY[i] for i in ids)


def encode(text: str) -> list[int]:
    if "<x>" in text:
        raise InvalidPrompt("a marker", field="prompt")
    return [VOCABULARY.index(piece) for piece in re.findall("ab|a|b", text)]


def test_a_sequence_is_writable_where_its_text_is_read_as_itself() -> None:
    rows = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]], dtype=np.float32)
    found = written(TokenTable(rows), [[2, 0], [0, 1], [1, 0], [3], [4], []], decode, encode)
    assert found == [
        Written("aba", True),
        Written("ab", False),  # read as one token
        Written("ba", True),
        Written("<x>", False),  # refused as a marker
        Written("a", False),  # read as another token of the same text
        Written("", True),
    ]


def test_a_token_with_an_equal_row_will_do() -> None:
    rows = np.array([[0.0], [1.0], [2.0], [3.0], [0.0]], dtype=np.float32)
    assert written(TokenTable(rows), [[4, 1, 1]], decode, lambda _: [0, 1, 1]) == [Written("abb", True)]
