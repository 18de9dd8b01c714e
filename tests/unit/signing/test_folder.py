"""The folder of signing keys: made once, rotated, withdrawn, and refused where it cannot be trusted."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smoothgen.errors import InvalidKeys
from smoothgen.signing import KeyFolder, SigningKey

NOW = 1_800_000_000


@pytest.fixture
def folder(tmp_path: Path) -> KeyFolder:
    return KeyFolder(tmp_path / "state" / "keys")


def test_the_first_key_is_made_once_and_nobody_else_may_read_it(folder: KeyFolder) -> None:
    assert folder.stored() == []
    made = folder.signing_key(NOW)
    assert folder.signing_key(NOW + 9).kid == made.kid
    [file] = folder.path.iterdir()
    assert (file.stat().st_mode & 0o777, folder.path.stat().st_mode & 0o777) == (0o600, 0o700)


def test_after_a_rotation_the_new_key_signs_and_the_old_private_half_is_gone(folder: KeyFolder) -> None:
    old, secret = folder.signing_key(NOW), folder.signing_key(NOW).private_jwk()["d"]
    new = folder.rotate(NOW + 5)
    assert folder.signing_key(NOW + 6).kid == new.kid
    assert [(key.kid, key.state, key.retired) for key in folder.stored()] == [
        (new.kid, "active", None),
        (old.kid, "retired", NOW + 5),
    ]
    assert all(secret not in file.read_text() for file in folder.path.iterdir())
    folder.rotate(NOW + 8)
    assert [key.retired for key in folder.stored()] == [None, NOW + 8, NOW + 5]


def test_the_newest_key_is_listed_first_where_the_clock_stands_still(folder: KeyFolder) -> None:
    made = [folder.signing_key(NOW).kid, *(folder.rotate(NOW).kid for _ in range(5)), folder.rotate(NOW - 60).kid]
    assert [key.kid for key in folder.stored()] == made[::-1]


def test_a_withdrawn_key_signs_no_more(folder: KeyFolder) -> None:
    gone = folder.signing_key(NOW)
    folder.withdraw(gone.kid, NOW + 1)
    assert [key.state for key in folder.stored()] == ["withdrawn"]
    assert folder.signing_key(NOW + 2).kid != gone.kid
    with pytest.raises(InvalidKeys, match="has no key 'another'"):
        folder.withdraw("another", NOW)


def test_a_change_shows(folder: KeyFolder) -> None:
    assert folder.changed_ns() == 0
    folder.make(NOW)
    before = folder.changed_ns()
    folder.rotate(NOW + 1)
    assert folder.changed_ns() != before


def test_a_key_that_everybody_may_read_is_refused(folder: KeyFolder) -> None:
    folder.make(NOW)
    [file] = folder.path.iterdir()
    file.chmod(0o604)
    with pytest.raises(InvalidKeys, match="chmod 600"):
        folder.signing_key(NOW)
    file.chmod(0o640)  # as Kubernetes mounts secrets
    assert folder.signing_key(NOW)


def changed(file: Path, **fields: object) -> str:
    return json.dumps(json.loads(file.read_text()) | fields)


@pytest.mark.parametrize("case", ["empty", "list", "no time", "public half alone", "another pair's half", "renamed"])
def test_a_file_that_is_no_key_is_refused_by_name(folder: KeyFolder, case: str) -> None:
    key = folder.make(NOW)
    [file] = folder.path.iterdir()
    mixed = {**key.private_jwk(), "d": SigningKey.make().private_jwk()["d"]}
    if case == "renamed":
        file = file.rename(file.with_name("key.json"))
    else:
        file.write_text(
            {
                "empty": "",
                "list": "[]",
                "no time": changed(file, created="today"),
                "public half alone": changed(file, key=key.public_jwk()),
                "another pair's half": changed(file, key=mixed),
            }[case]
        )
    with pytest.raises(InvalidKeys, match=str(file)):
        folder.stored()
