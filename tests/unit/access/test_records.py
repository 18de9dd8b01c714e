"""API keys as they are written and kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smoothgen.access.allowance import Allowance, read_duration_s
from smoothgen.access.managing import Wanted
from smoothgen.access.records import KeyRecord
from smoothgen.access.secrets import digest_of, key_text, new_key_id, new_secret, split_key
from smoothgen.errors import InvalidInput, UnknownName

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FIRST, SECOND, THIRD = new_secret(), new_secret(), new_secret()


def record(**changes: Any) -> KeyRecord:
    fields = {"id": "0" * 16, "name": "n", "tenant": "t", "scopes": ["read"], "created_at": NOW}
    return KeyRecord.model_validate(fields | {"digest": digest_of(FIRST)} | changes)


def test_a_key_is_its_id_and_256_random_bits() -> None:
    key_id, secret = new_key_id(), new_secret()
    assert split_key(key_text(key_id, secret)) == (key_id, secret)
    assert len(bytes.fromhex(secret)) == 32
    assert len({new_secret() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "text",
    [
        *("", "sg_", "sg__", f"sg_{'0' * 16}_", f"sg_{'0' * 16}_{'0' * 63}", f"sg_{'0' * 16}_{'0' * 64}\n", "é" * 84),
        *(f"SG_{'0' * 16}_{'0' * 64}", f"sg_{'0' * 16}_{'G' * 64}", f"sg_{'0' * 15}*_{'0' * 64}"),
    ],
)
def test_what_is_no_key_has_no_parts(text: str) -> None:
    assert split_key(text) is None


def test_a_record_holds_no_secret_and_shows_no_digest() -> None:
    kept = record()
    assert FIRST not in kept.model_dump_json()
    assert kept.digest not in str(kept.shown(NOW))
    assert kept.has(FIRST, NOW)
    assert not kept.has(SECOND, NOW)


def test_a_rotated_key_has_the_old_secret_for_the_overlap_and_no_older_one() -> None:
    once = record().rotated(digest_of(SECOND), NOW, 60)
    assert once.has(SECOND, NOW)
    assert once.has(FIRST, NOW + timedelta(seconds=59))
    assert not once.has(FIRST, NOW + timedelta(seconds=60))
    assert once.shown(NOW)["replaced_until"] == (NOW + timedelta(seconds=60)).isoformat()
    twice = once.rotated(digest_of(THIRD), NOW, 60)
    assert [twice.has(secret, NOW) for secret in (FIRST, SECOND, THIRD)] == [False, True, True]
    at_once = record().rotated(digest_of(SECOND), NOW, 0)
    assert [at_once.has(secret, NOW) for secret in (FIRST, SECOND)] == [False, True]


def test_a_key_is_active_until_it_expires_or_is_revoked() -> None:
    ends = record(expires_at=NOW)
    assert ends.status(NOW - timedelta(seconds=1)) == "active"
    assert ends.status(NOW) == "expired"
    revoked = record().revoked(NOW)
    assert revoked.status(NOW) == "revoked"
    assert revoked.revoked(NOW + timedelta(days=1)).revoked_at == NOW


@pytest.mark.parametrize(("text", "most", "window_s"), [("10/s", 10, 1), ("600/min", 600, 60), ("1/day", 1, 86_400)])
def test_an_allowance_is_read_and_written_alike(text: str, most: int, window_s: int) -> None:
    read = Allowance.read(text, "--rate")
    assert (read.most, read.window_s, str(read)) == (most, window_s, text)


@pytest.mark.parametrize(
    "text", ["", "10", "0/s", "-1/s", "1.5/s", "10/week", "10 / s", "1e3/s", "٣/s", "9" * 13 + "/s"]
)
def test_another_allowance_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"--quota must be a number .* got") as refused:
        Allowance.read(text, "--quota")
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(("text", "seconds"), [("0s", 0), ("90s", 90), ("15m", 900), ("1h", 3600), ("30d", 2_592_000)])
def test_durations(text: str, seconds: int) -> None:
    assert read_duration_s(text, "--overlap") == seconds


@pytest.mark.parametrize("text", ["", "1", "-1h", "1.5h", "1 h", "1w", "٣h", "9" * 10 + "s"])
def test_another_duration_is_refused_with_the_value(text: str) -> None:
    with pytest.raises(InvalidInput, match="such as 90s, 15m, 1h or 30d"):
        read_duration_s(text, "--overlap")


def test_what_is_wanted_of_a_key_is_checked_before_redis_is_asked() -> None:
    wanted = Wanted.read("n", "t", ["operate", "read", "read"], "1d", None, "5/day")
    assert wanted.scopes == ("read", "operate")
    assert wanted.quota == Allowance(most=5, window_s=86_400)
    with pytest.raises(UnknownName, match="known: generate, operate, read"):
        Wanted.read("n", "t", ["root"], None, None, None)
    with pytest.raises(InvalidInput, match="longer than no time"):
        Wanted.read("n", "t", ["read"], "0s", None, None)
