"""What a certificate says of noise that was snapped to the rows of a public table, and what its check makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from smoothgen.certificates import Certificate, Lipschitz, Provenance, to_document, verify
from tests.support.certificates.served import KINDS, provenance, served
from tests.unit.certificates.test_forgeries import refused_by, sealed

TABLE = "sha256:" + "b" * 64
WORDS = "replaced, position by position, by their nearest rows of the public table"


def about(kind: str = "language", snap: Any = TABLE) -> Provenance:
    told = provenance(kind)
    assert told.sampling is not None
    return replace(told, sampling=replace(told.sampling, snap=snap))


def snapped(kind: str = "language", snap: Any = TABLE, **asked: Any) -> Certificate:
    found: Certificate = served(kind, provenance=about(kind, snap), **asked)
    return found


def test_the_document_names_the_table_and_its_statement_the_step() -> None:
    document = to_document(snapped())
    assert document["sampling"]["snap"] == TABLE
    assert WORDS in document["statement"]
    verdict = verify(json.dumps(document))
    assert verdict.valid
    assert verdict.meaning == "checked"


def test_raw_noise_says_nothing_of_it() -> None:
    document = to_document(served())
    assert "snap" not in document["sampling"]
    assert WORDS not in document["statement"]


@pytest.mark.parametrize("forged", [None, "sha256:" + "0" * 64])
def test_a_certificate_does_not_outlive_a_change_of_its_table(forged: str | None) -> None:
    document = to_document(snapped())
    if forged is None:
        del document["sampling"]["snap"]
    else:
        document["sampling"]["snap"] = forged
    assert "digest" in refused_by(document)


def test_raw_noise_cannot_be_called_snapped() -> None:
    document = to_document(served())
    document["sampling"]["snap"] = TABLE
    assert refused_by(document) == {"digest", "statement"}


@pytest.mark.parametrize("snap", ["", "yes", "sha256:" + "B" * 64, "sha256:abc", "b" * 64])
def test_a_table_is_named_by_its_digest(snap: str) -> None:
    assert refused_by(sealed(to_document(snapped(snap=snap)))) == {"sampling"}


@pytest.mark.parametrize("snap", [True, 1, ["x"], {}, None])
def test_another_kind_of_value_does_not_read(snap: Any) -> None:
    document = to_document(snapped())
    document["sampling"]["snap"] = snap
    assert not verify(json.dumps(document)).valid


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "language"])
def test_only_token_embeddings_are_snapped(kind: str) -> None:
    refused = refused_by(to_document(snapped(kind)))
    assert ("sampling" in refused) == ("token embeddings" not in KINDS[kind][0])


def test_no_lipschitz_constant_holds_behind_a_snap() -> None:
    constant = Lipschitz(1e-3, 0.0, (1e-3,), "sentence-chord")
    assert "constant" in refused_by(snapped(lipschitz=constant))
