"""The verifier in TypeScript and Python's say the same of the same certificates, and of the same forgeries."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from smoothgen import verify
from smoothgen.certificates import Certificate, load_certificate, to_document
from smoothgen.certificates.fleet import verify_fleet
from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.verification import Verification
from tests.support.certificates import edits, served, units
from tests.typescript.conftest import Node
from tests.typescript.fresh import documents
from tests.typescript.fresh_fleets import of_fleets
from tests.typescript.fresh_runs import of_scored_runs
from tests.typescript.mutations import mutations, rewritten
from tests.unit.certificates import test_turns as turns

DATA = Path(__file__).parents[1] / "data"
STORED = {f"{path.parent.name}/{path.stem}": path for path in sorted(DATA.glob("v*/*.json"))}
CHANGED = (
    *("v2/early", "v2/full", "v2/label", "v2/proven", "v2/selected", "v2/universal"),
    *("v2/exhaustive-full", "v2/exhaustive-scored", "v1/looks", "v1/tier-request-synonym-classes"),
    *("v1/two-valued", "v1/fleet-running-gaussian", "head, shaped", "fleet"),
    *(f"units {name}" for name in units.EXAMPLES),
    *(f"edits {name}" for name in edits.EXAMPLES),
    *("units scored", "units scored, drawn", "edits scored", "edits scored, drawn"),
)
MOST_CHANGES = 100
"""Changes of one document that are tried, of about a thousand."""


def python_on(document: str | Mapping[str, Any]) -> Verification:
    """Returns Python's verdict on a certificate of any method, fleets too."""
    data = json.loads(document) if isinstance(document, str) else document
    is_fleet = isinstance(data, Mapping) and str(data.get("schema")).startswith("smoothgen/fleet/")
    return verify_fleet(document) if is_fleet else verify(document)


def document_to_change(name: str) -> dict[str, Any]:
    """Returns the document of a stored certificate, or of an example."""
    if name in STORED:
        stored: dict[str, Any] = json.loads(STORED[name].read_text("utf-8"))
        return stored
    if name == "fleet":
        return next(made.to_dict() for _, made in of_fleets() if made.requests and made.subject.largest_dimension)
    if "scored" in name:
        return to_document(of_scored_runs()[name])
    method, _, example = name.partition(" ")
    examples = {"units": units.EXAMPLES, "edits": edits.EXAMPLES}
    return to_document(examples[method][example]() if method in examples else served.served(name))


def test_stored_certificates_get_pythons_verdict(node: Node):
    texts = {name: path.read_text("utf-8") for name, path in STORED.items()}

    verdicts = dict(zip(texts, node.verdicts([json.dumps(json.loads(text)) for text in texts.values()]), strict=True))

    assert_pythons(verdicts, texts)


@pytest.mark.slow
def test_hundreds_of_fresh_certificates_get_pythons_verdict(node: Node):
    made = {name: json.dumps(document) for name, document in documents()}

    verdicts = dict(zip(made, node.verdicts([*made.values()]), strict=True))

    assert len(made) > 700
    assert_pythons(verdicts, made)


def assert_pythons(verdicts: Mapping[str, dict[str, Any]], texts: Mapping[str, str]) -> None:
    """Every certificate is valid, and what its words mean is as much checked as by Python."""
    assert verdicts
    for name, verdict in verdicts.items():
        expected = python_on(texts[name])
        assert expected, name
        assert (verdict["status"], verdict["meaning"]) == ("valid", expected.meaning), (name, verdict)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGED)
def test_no_changed_certificate_is_valid_that_python_rejects(node: Node, name: str):
    changed = list(mutations(document_to_change(name)))
    chosen = random.Random(27).sample(changed, min(MOST_CHANGES, len(changed)))
    forged = [(f"{what}, rewritten", rewritten(document)) for what, document in chosen]
    tried = [(what, json.dumps(document)) for what, document in (*chosen, *forged) if document is not None]

    verdicts = node.verdicts([text for _, text in tried])

    python = [bool(python_on(text)) for _, text in tried]
    judged = [
        (what, expected, verdict["status"], verdict["reason"])
        for (what, _), verdict, expected in zip(tried, verdicts, python, strict=True)
    ]
    # Where this verifier does not know a part of a document it says so; Python may know it, or reject it.
    assert not [told for told in judged if (told[2] == "valid") != told[1] and told[2] != "unsupported"]
    counts = Counter(verdict["status"] for verdict in verdicts)
    assert counts["rejected"] > len(tried) / 2, counts


@pytest.mark.parametrize("name", ["v2/full", "v2/early", "v2/label"])
def test_one_unit_of_the_ninth_digit_too_tight_is_rejected(node: Node, name: str):
    honest = load_certificate(STORED[name])
    assert isinstance(honest, Certificate)
    tighter = [to_document(with_point_moved(honest, k, -1)) for k in range(1, len(honest.curve))]
    looser = [to_document(with_point_moved(honest, k, 1)) for k in range(1, len(honest.curve))]

    verdicts = node.verdicts([json.dumps(document) for document in (*tighter, *looser)])

    assert {verdict["status"] for verdict in verdicts[: len(tighter)]} == {"rejected"}
    assert [verdict["status"] == "valid" for verdict in verdicts] == [bool(verify(d)) for d in (*tighter, *looser)]


def with_point_moved(certificate: Certificate, place: int, units: int) -> Certificate:
    """Returns the certificate with one bound of its curve so many units of the ninth digit off, also where it is stated
    again."""
    claims, (epsilon, bound) = certificate.claims, certificate.curve[place]
    moved = float(Decimal(repr(bound)) + units * Decimal(1).scaleb(Decimal(repr(bound)).adjusted() - 8))
    curve = (*claims.curve[:place], (epsilon, moved), *claims.curve[place + 1 :])
    asked = epsilon == (certificate.epsilon or claims.radius)
    return replace(certificate, claims=replace(claims, curve=curve, w1_bound=moved if asked else claims.w1_bound))


@pytest.mark.parametrize("kind", [turns.NOISE, turns.RUNS])
def test_certificates_on_all_of_the_users_turns_get_pythons_verdict_and_so_do_forgeries(node: Node, kind: str):
    made = turns.document(kind)
    changed = [
        *(turns.with_threat(made, held_fixed=[*held]) for held in turns.OTHERWISE.values()),
        *(turns.with_parameters(made, name) for name in ("attacked_turns", "history", "chat")),
        *(turns.with_parameters(made, attacked_turns=value) for value in ("last", "all", True, 1, ["user"])),
        turns.with_threat(made, attack_on="token embeddings of the prompt"),
        turns.with_threat(made, attack_on="token embeddings of every turn"),
    ]
    forged = [{**document, "digest": content_digest(document)} for document in changed]

    honest, *verdicts = node.verdicts([json.dumps(document) for document in (made, *forged)])

    assert (honest["status"], honest["meaning"]) == ("valid", verify(made).meaning)
    assert not any(verify(document) for document in forged)
    assert {verdict["status"] for verdict in verdicts} == {"rejected"}


def test_a_window_that_has_not_ended_is_not_closed(node: Node):
    made = next(made for _, made in of_fleets() if made.closed and made.subject.metric["name"].startswith("plugin"))
    future = replace(made, subject=replace(made.subject, window="day:9000-01-01", largest_dimension=None))

    honest, early = node.verdicts([json.dumps(each.to_dict()) for each in (made, future)])

    assert honest["status"] == "valid"
    assert not verify_fleet(future)
    assert early["status"] == "rejected"
    assert "window" in early["reason"]


def test_other_methods_are_unsupported(node: Node):
    known = json.loads(STORED["v2/full"].read_text("utf-8"))
    others = [
        *({**known, "method": method} for method in ("spread/v3", "exhaustive/v2", "units/v2", "edits/v2", "fleet/v2")),
        {**known, "schema": "smoothgen/certificate/v3"},
        {**known, "schema": "smoothgen/fleet/v3", "method": "fleet/v3"},
    ]

    assert {verdict["status"] for verdict in node.verdicts([*map(json.dumps, others)])} == {"unsupported"}
