"""Counting values in JSON text without reading it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi import HTTPException
from hypothesis import given
from hypothesis import strategies as st

from app.http.strict_json import require_few_values

texts = st.text(alphabet=st.sampled_from('a"\\,[{:]} \n\u0416'), max_size=8)
values = st.recursive(
    st.none() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


def marks(value: Any) -> int:
    """Opening brackets and commas of a value, by its structure."""
    if not isinstance(value, list | dict):
        return 0
    inner = value if isinstance(value, list) else list(value.values())
    return 1 + max(0, len(inner) - 1) + sum(marks(each) for each in inner)


@given(value=values, ascii_only=st.booleans())
def test_what_is_counted_is_what_stands_outside_of_strings(value: Any, ascii_only: bool) -> None:
    count = 1 + marks(value)
    body = json.dumps(value, ensure_ascii=ascii_only).encode() + b" " * 2 * count
    require_few_values(body, count)
    if count > 1:
        with pytest.raises(HTTPException, match=f"more than {count - 1} values"):
            require_few_values(body, count - 1)


@pytest.mark.parametrize("body", [b'"' + b"\\" * 9_999, b'["' + b"," * 9_999, b'"a\\"' * 5_000, b'"' * 10_001])
def test_a_string_without_end_ends_with_the_body(body: bytes) -> None:
    require_few_values(body, 10)
