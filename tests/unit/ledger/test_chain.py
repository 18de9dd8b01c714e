"""The bytes that are hashed, and that no change of them goes unnoticed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from smoothgen.ledger.chain import COLUMNS, EMPTY, Entry, Head, carried_on, fault, written_time
from tests.support.ledgers import fact


def chain(count: int) -> list[Entry]:
    entries: list[Entry] = []
    head = EMPTY
    for number in range(count):
        entries.append(Entry.following(head, fact(f"job-{number}"), written_time(1_000 * number)))
        head = entries[-1].head
    return entries


def test_a_stranger_with_the_description_alone_computes_the_same_hashes() -> None:
    entry = Entry.following(Head(6, "ab" * 32), fact("jöb", reason="deadline"), "2026-01-31T12:00:01.000Z")
    content = (
        '{"certificate":null,"event":"abstention","happened_at":"2026-01-31T12:00:00.000Z","job":"j\\u00f6b",'
        '"model":"tanh","model_digest":"sha256:0","model_revision":"v1","reason":"deadline",'
        '"recorded_at":"2026-01-31T12:00:01.000Z","schema":"smoothgen/ledger/v1","sequence":7,"signature":null,'
        '"tenant":"alice"}'
    )
    hashed = hashlib.sha256(content.encode()).hexdigest()
    assert entry.content_hash == hashed
    assert entry.hash == hashlib.sha256(("ab" * 32 + hashed).encode()).hexdigest()
    assert json.loads(content) == {"schema": "smoothgen/ledger/v1", **entry.fields}


def test_a_chain_follows_from_the_empty_one() -> None:
    head = EMPTY
    for entry in chain(5):
        assert fault(head, entry) is None
        head = entry.head


CHANGED: dict[str, Any] = {"sequence": 3, "previous": "00" * 32, "hash": "00" * 32}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_change_of_any_field_is_a_fault(name: str) -> None:
    first, second = chain(2)
    changed = replace(second, **{name: CHANGED.get(name, "another")})
    assert fault(first.head, second) is None
    assert fault(first.head, changed) is not None


def test_an_entry_left_out_put_twice_or_moved_is_a_fault() -> None:
    first, second, third = chain(3)
    assert fault(first.head, third) is not None
    assert fault(second.head, second) is not None
    assert fault(EMPTY, second) is not None


def test_content_hashes_alone_lead_to_the_head() -> None:
    entries = chain(5)
    assert carried_on(entries[1].head, [entry.content_hash for entry in entries[2:]]) == entries[-1].head
    assert carried_on(entries[1].head, [entry.content_hash for entry in entries[3:]]) != entries[-1].head


def test_times_are_written_in_utc_with_milliseconds() -> None:
    assert written_time(1_769_860_800_007) == "2026-01-31T12:00:00.007Z"
