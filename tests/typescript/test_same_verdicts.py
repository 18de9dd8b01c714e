"""The verifier in TypeScript and Python's say the same of the same certificates, and of the same forgeries."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from smoothgen import verify
from smoothgen.certificates import Certificate, load_certificate, to_document
from smoothgen.certificates.format.document import content_digest
from tests.support.certificates import edits, units
from tests.typescript.conftest import Node
from tests.typescript.fresh import documents
from tests.typescript.mutations import mutations
from tests.unit.certificates import test_turns as turns

DATA = Path(__file__).parents[1] / "data"
STORED = {
    f"{path.parent.name}/{path.stem}": path for path in sorted(DATA.glob("v*/*.json")) if "fleet-" not in path.stem
}
UNSUPPORTED = {"v1/tier-request-shaped-gaussian", "v1/tier-universal-shaped-gaussian", "v1/two-valued"}
"""A matrix of noise, and an answer in Cyrillic: what this verifier says that it does not know."""
CHANGED = (
    *("v2/early", "v2/full", "v2/label", "v2/proven", "v2/selected", "v2/universal"),
    *("v2/exhaustive-full", "v2/exhaustive-scored", "v1/looks", "v1/tier-request-synonym-classes"),
)
MOST_CHANGES = 300
"""Changes of one document that are tried, of about a thousand."""


def test_stored_certificates_get_pythons_verdict(node: Node):
    texts = {name: path.read_text("utf-8") for name, path in STORED.items()}

    verdicts = dict(zip(texts, node.verdicts([json.dumps(json.loads(text)) for text in texts.values()]), strict=True))

    assert {name for name, verdict in verdicts.items() if verdict["status"] == "unsupported"} == UNSUPPORTED
    for name in texts.keys() - UNSUPPORTED:
        assert verdicts[name]["status"] == "valid", (name, verdicts[name])
        assert verdicts[name]["meaning"] == verify(texts[name]).meaning


@pytest.mark.slow
def test_hundreds_of_fresh_certificates_get_pythons_verdict(node: Node, tmp_path: Path):
    made = dict(documents())
    (tmp_path / "fresh.jsonl").write_text("".join(f"{json.dumps(document)}\n" for document in made.values()), "utf-8")

    verdicts = dict(zip(made, node.verdicts((tmp_path / "fresh.jsonl").read_text("utf-8").splitlines()), strict=True))

    assert len(made) > 400
    shaped = {name for name, document in made.items() if document.get("mechanism", {}).get("name") == "shaped-gaussian"}
    assert {name for name, verdict in verdicts.items() if verdict["status"] == "unsupported"} == shaped
    for name in made.keys() - shaped:
        expected = verify(made[name])
        assert expected, name
        assert (verdicts[name]["status"], verdicts[name]["meaning"]) == ("valid", expected.meaning), (
            name,
            verdicts[name],
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", CHANGED)
def test_no_changed_certificate_is_valid_that_python_rejects(node: Node, name: str):
    changed = [
        (what, json.dumps(document)) for what, document in mutations(json.loads(STORED[name].read_text("utf-8")))
    ]
    tried = random.Random(27).sample(changed, min(MOST_CHANGES, len(changed)))

    verdicts = node.verdicts([text for _, text in tried])

    unsound = [
        what
        for (what, text), verdict in zip(tried, verdicts, strict=True)
        if verdict["status"] == "valid" and not verify(text)
    ]
    counts = Counter(verdict["status"] for verdict in verdicts)
    assert not unsound
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


def test_other_methods_are_unsupported(node: Node):
    known = json.loads(STORED["v2/full"].read_text("utf-8"))
    documents = [
        *(to_document(make()) for make in (*edits.EXAMPLES.values(), *units.EXAMPLES.values())),
        *(json.loads(path.read_text("utf-8")) for path in DATA.glob("v1/fleet-*.json")),
        {**known, "method": "spread/v3"},
        {**known, "schema": "smoothgen/certificate/v3"},
    ]

    assert {verdict["status"] for verdict in node.verdicts([*map(json.dumps, documents)])} == {"unsupported"}
