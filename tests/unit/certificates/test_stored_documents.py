"""Documents that were issued verify for ever: those in tests/data/v2 are kept as they were written."""

import json
from pathlib import Path

import pytest

from smoothgen import verify
from smoothgen.certificates import read_certificate, statement_of, to_document

STORED = {
    path.stem: json.loads(path.read_text("utf-8")) for path in (Path(__file__).parents[2] / "data/v2").glob("*.json")
}


def test_every_kind_of_document_is_stored():
    exhaustive = {f"exhaustive-{name}" for name in ("bare", "full", "nothing", "scored", "whole")}
    assert set(STORED) == {"early", "full", "label", "plain", "proven", "selected", "universal"} | exhaustive


@pytest.mark.parametrize("name", STORED)
def test_a_stored_document_verifies_and_is_written_again_as_it_stands(name):
    document = STORED[name]

    verdict = verify(json.dumps(document))

    assert verdict, [check for check in verdict.checks if not check.passed]
    assert to_document(read_certificate(document)) == document
    assert statement_of(read_certificate(document)) == document["statement"]
