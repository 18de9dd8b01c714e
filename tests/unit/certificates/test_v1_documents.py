"""Version 1 documents verify for ever: those in tests/data/v1 were written by the old code (tests/data/v1/make.py)."""

import copy
import json
from pathlib import Path

import pytest

from smoothgen import verify
from smoothgen.certificates import from_document, to_document
from smoothgen.certificates.bounds.rounding import round_up
from smoothgen.certificates.fleet.certify import FleetCertificate, verify_fleet
from smoothgen.certificates.format.document import content_digest

STORED = {
    path.stem: json.loads(path.read_text("utf-8")) for path in (Path(__file__).parents[2] / "data/v1").glob("*.json")
}
FLEETS = {name: document for name, document in STORED.items() if name.startswith("fleet-")}
CERTIFICATES = {name: document for name, document in STORED.items() if name not in FLEETS}


def test_every_tier_mechanism_and_band_is_stored():
    mechanisms = ("gaussian", "gaussian-per-step", "latent-schedule", "forward-diffusion", "shaped-gaussian")
    for mechanism in (*mechanisms, "synonym-classes"):
        for tier in ("request", "universal"):
            assert CERTIFICATES[f"tier-{tier}-{mechanism}"]["mechanism"]["name"] == mechanism
    bands = {document["band"] for document in CERTIFICATES.values()}
    assert bands == {"order-statistics/v1", "two-valued/v1", "no-samples/v1"}
    for section in ("looks", "sigma_selection", "lipschitz"):
        assert any(section in document for document in CERTIFICATES.values())
    assert {document["closed"] for document in FLEETS.values()} == {True, False}
    assert {document["method"] for document in STORED.values()} == {"spread/v1", "fleet/v1"}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_stored_certificate_verifies_and_reads_back(name):
    document = CERTIFICATES[name]
    verdict = verify(json.dumps(document))
    assert verdict, [check for check in verdict.checks if not check.passed]
    assert verdict.meaning == "not checked"
    assert to_document(from_document(document)) == document, "word for word, the statement included"


@pytest.mark.parametrize("name", FLEETS)
def test_a_stored_fleet_certificate_verifies_and_reads_back(name):
    document = FLEETS[name]
    verdict = verify_fleet(json.dumps(document))
    assert verdict, [check for check in verdict.checks if not check.passed]
    assert verdict.meaning == "not checked"
    assert FleetCertificate.from_dict(document).to_dict() == document


def altered(document, field):
    """A tenth of a percent more, one more, or other words."""
    changed = copy.deepcopy(document)
    value = changed[field]
    if isinstance(value, bool):
        changed[field] = not value
    elif isinstance(value, int | float):
        changed[field] = value * 1.001 if isinstance(value, float) else value + 1
    else:
        changed[field] = value + " " if isinstance(value, str) else [] if value else [[0.0, 0.0]]
    return changed


FIELDS = (
    "statement",
    "radius",
    "w1_bound",
    "curve",
    "deviation",
    "alpha",
    "tolerance",
    "confidence",
    "samples",
    "failed",
)


@pytest.mark.parametrize("name", CERTIFICATES)
@pytest.mark.parametrize("field", FIELDS)
def test_a_tampered_stored_certificate_is_refused(name, field):
    document = CERTIFICATES[name]
    changed = altered(document, field)
    assert not verify(changed)
    if (name, field) != ("sigma-selection", "tolerance"):  # the selection limits that radius, not the tolerance
        assert not verify({**changed, "digest": content_digest(changed)})


@pytest.mark.parametrize("name", FLEETS)
@pytest.mark.parametrize(
    "field", ["statement", "counts", "requests", "alpha", "confidence", "closed", "look_alpha", "curve", "submitted"]
)
def test_a_tampered_stored_fleet_certificate_is_refused(name, field):
    if (name, field) != ("fleet-empty", "submitted"):  # of a window nobody looked into, nothing follows but T1
        assert not verify_fleet(altered(FLEETS[name], field))


@pytest.mark.parametrize("name", CERTIFICATES)
def test_a_v1_document_cannot_pass_for_v2(name):
    document = {
        **CERTIFICATES[name],
        "schema": "smoothgen/certificate/v2",
        "method": "spread/v2",
        "rounding_slack": 0.0,
    }
    assert not verify({**document, "digest": content_digest(document)})
    assert not verify({**CERTIFICATES[name], "rounding_slack": 0.0})


def test_a_unit_of_the_ninth_digit_is_accepted_either_way_as_it_always_was():
    document = copy.deepcopy(CERTIFICATES["tier-request-gaussian"])
    document["curve"][7][1] = round_up(document["curve"][7][1] * (1 + 1e-15))
    assert verify({**document, "digest": content_digest(document)})
