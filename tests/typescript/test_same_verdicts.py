"""The verifier in TypeScript and Python's say the same of the same certificates, and of the same forgeries."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from smoothgen import verify
from tests.typescript.conftest import Node
from tests.typescript.fresh import documents
from tests.typescript.mutations import mutations

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
"""Changes of one document that are tried, of about a thousand; drawn anew in every run."""


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
    changed = [(what, json.dumps(document)) for what, document in mutations(json.loads(STORED[name].read_text("utf-8")))]
    tried = random.sample(changed, min(MOST_CHANGES, len(changed)))

    verdicts = node.verdicts([text for _, text in tried])

    unsound = [
        what
        for (what, text), verdict in zip(tried, verdicts, strict=True)
        if verdict["status"] == "valid" and not verify(text)
    ]
    counts = Counter(verdict["status"] for verdict in verdicts)
    assert not unsound
    assert counts["rejected"] > len(tried) / 2, counts


def one_unit(value: float, sign: int) -> float:
    """Returns a certified number moved by a unit of its ninth digit."""
    mantissa, exponent = f"{value:.8e}".split("e")
    return float(f"{float(mantissa) + sign * 1e-8:.8f}e{exponent}")


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("name", ["v2/full", "v2/early", "v2/label"])
def test_one_unit_of_the_ninth_digit_too_tight_is_rejected(node: Node, name: str, sign: int):
    honest: dict[str, Any] = json.loads(STORED[name].read_text("utf-8"))
    changed = [document for what, document in mutations(honest) if what in ("w1_bound #0", "w1_bound #1")]
    moved = one_unit(honest["w1_bound"], sign)
    texts = [json.dumps(document) for document in changed]

    verdicts = node.verdicts([*texts, json.dumps(honest), json.dumps({**honest, "w1_bound": moved})])

    assert [verdict["status"] for verdict in verdicts] == ["rejected", "rejected", "valid", "rejected"]


def test_other_methods_are_unsupported(node: Node):
    from tests.support.certificates import edits, units

    texts = [
        *(json.dumps(to_document_of(make())) for make in (next(iter(edits.EXAMPLES.values())),)),
        *(json.dumps(to_document_of(make())) for make in (next(iter(units.EXAMPLES.values())),)),
        json.dumps(json.loads((DATA / "v1/fleet-closed-gaussian.json").read_text("utf-8"))),
        json.dumps({**json.loads(STORED["v2/full"].read_text("utf-8")), "method": "spread/v3"}),
        json.dumps({**json.loads(STORED["v2/full"].read_text("utf-8")), "schema": "smoothgen/certificate/v3"}),
    ]

    assert {verdict["status"] for verdict in node.verdicts(texts)} == {"unsupported"}
