"""An export is checked without its database: cut, changed, thinned out or made up, it is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from smoothgen.cli.main import app
from smoothgen.errors import InvalidInput
from smoothgen.ledger.chain import ERASURE
from smoothgen.ledger.checking import Checked
from smoothgen.ledger.database import Database
from smoothgen.ledger.ledger import EVERYTHING, Filter, Ledger, Recording
from smoothgen.ledger.location import sqlite_url
from smoothgen.ledger.reading import exported, record_of
from smoothgen.ledger.records import check_lines
from tests.support.ledgers import fact, recording


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Three certificates, an abstention of another tenant, and an erasure."""
    found = Ledger(Database(sqlite_url(tmp_path / "ledger.sqlite3")))
    found.append([recording(0), Recording(fact("bobs", tenant="bob", reason="deadline"))])
    found.append([recording(1), recording(2), Recording(fact("job-0", ERASURE))])
    yield found
    found.close()


def lines(ledger: Ledger, asked: Filter = EVERYTHING) -> list[dict[str, Any]]:
    return list(exported(ledger, asked))


def checked(documents: list[dict[str, Any]], *, full: bool = True) -> Checked:
    return check_lines([json.dumps(each).encode() for each in documents], full=full)


def test_a_whole_export_is_sound_up_to_the_head(ledger: Ledger) -> None:
    result = checked(lines(ledger))
    assert result.sound
    assert (result.entries, result.head) == (5, ledger.head())


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (Filter(tenant="bob"), 1),
        (Filter(tenant="alice"), 4),
        (Filter(event="certificate"), 3),
        (Filter(job="job-2"), 1),
        (Filter(model="none"), 0),
        (Filter(since="2026-02-01"), 0),
        (Filter(since="2026-01-31", until="2026-02-01"), 5),
    ],
)
def test_an_export_of_some_entries_leads_to_the_same_head(ledger: Ledger, asked: Filter, told: int) -> None:
    result = checked(lines(ledger, asked))
    assert result.sound
    assert result.entries == told
    assert result.head == ledger.head() or told == 0


def test_a_line_that_is_left_out_breaks_the_chain_there(ledger: Ledger) -> None:
    documents = lines(ledger)
    for place in range(1, 5):
        broken = checked([*documents[:place], *documents[place + 1 :]]).broken
        assert broken is not None
        assert broken.sequence == place + 1


@pytest.mark.parametrize("name", ["tenant", "event", "reason", "certificate", "recorded_at", "model_digest"])
def test_a_changed_entry_is_named(ledger: Ledger, name: str) -> None:
    documents = lines(ledger)
    documents[1]["entry"][name] = "another"
    broken = checked(documents).broken
    assert broken is not None
    assert broken.sequence == 2


def test_a_changed_certificate_is_named_whatever_was_changed(ledger: Ledger) -> None:
    for change in (
        {"radius": 9.0},
        {"digest": "sha256:0"},
        {"evidence": {"encoding": "float32-le/base64", "distances": "", "sha256": "sha256:0"}},
    ):
        documents = lines(ledger)
        documents[2]["certificate"] |= change
        broken = checked(documents).broken
        assert broken is not None
        assert broken.sequence == 3


def test_distances_that_the_digest_does_not_cover_are_recomputed(ledger: Ledger) -> None:
    documents = lines(ledger)
    documents[2]["certificate"]["evidence"]["distances"] = documents[3]["certificate"]["evidence"]["distances"]
    assert checked(documents, full=False).sound
    broken = checked(documents).broken
    assert broken is not None
    assert "does not verify" in broken.detail


def test_a_certificate_that_is_said_to_be_erased_is_held_to_its_erasure(ledger: Ledger) -> None:
    documents = lines(ledger)
    documents[0] |= {"left": None, "certificate": None}  # its erasure says what is left
    broken = checked(documents).broken
    assert broken is not None
    assert broken.sequence == 5


def test_a_certificate_that_is_gone_is_told(ledger: Ledger) -> None:
    documents = lines(ledger)
    documents[2]["certificate"] = None
    result = checked(documents)
    assert result.broken is None
    assert result.missing == ("job-1",)
    assert not result.sound


def test_an_export_that_ends_elsewhere_is_broken(ledger: Ledger) -> None:
    *documents, last = lines(ledger)
    for closing in (last | {"sequence": 9}, last | {"hash": "0" * 64}):
        assert checked([*documents, closing]).broken is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "empty"),
        (b"{", "no JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "no record"),
        (b'{"schema": "smoothgen/ledger-record/v1", "entry": {"schema": "smoothgen/ledger/v1"}}', "other fields"),
        (b'{"schema": "smoothgen/ledger-closing/v1"}', "whole number"),
        (b"\xff\xfe", "no JSON"),
    ],
)
def test_what_is_no_export_is_refused_in_a_sentence(text: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        check_lines(text.splitlines(), full=True)


def test_an_export_that_is_cut_off_is_refused(ledger: Ledger) -> None:
    documents = lines(ledger)
    with pytest.raises(InvalidInput, match="cut off"):
        checked(documents[:-1])
    with pytest.raises(InvalidInput, match="after the closing"):
        checked([*documents, documents[0]])


def test_one_jobs_record_leads_to_the_head(ledger: Ledger) -> None:
    record = record_of(ledger, "job-1")
    assert record is not None
    result = checked([record])
    assert result.sound
    assert result.head == ledger.head()
    record["proof"]["skipped"].pop()
    assert checked([record]).broken is not None
    assert record_of(ledger, "job-1", "bob") is None


def test_every_exported_line_is_verified_by_itself(ledger: Ledger, tmp_path: Path) -> None:
    for number, line in enumerate(lines(ledger, Filter(event="certificate"))[:-1]):
        file = tmp_path / f"{number}.json"
        file.write_text(json.dumps(line))
        assert CliRunner().invoke(app, ["verify", str(file)]).exit_code == 0
        line["certificate"]["radius"] *= 2
        file.write_text(json.dumps(line))
        assert CliRunner().invoke(app, ["verify", str(file)]).exit_code == 1
