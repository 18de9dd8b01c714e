"""A fleet certificate as JSON: read back, verified, altered, contradicting itself."""

import copy
import json
import math
from dataclasses import replace

import pytest

from smoothgen.certificates.bounds.rounding import round_down, round_up
from smoothgen.certificates.fleet.certify import (
    NOT_SERVED,
    OUTSTANDING,
    FleetCertificate,
    fleet_thresholds,
    verify_fleet,
)
from smoothgen.certificates.format.document import content_digest
from smoothgen.errors import InvalidCertificate
from tests.support.certificates.examples import MECHANISMS
from tests.unit.certificates.test_fleet import made, ordinary

J = len(fleet_thresholds())


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("mechanism", MECHANISMS.values(), ids=MECHANISMS)
def test_to_json_and_back(mechanism, closed):
    bins = ordinary(300) + bytes([NOT_SERVED, OUTSTANDING])
    certificate = made(bins, closed, mechanism=mechanism)
    text = json.dumps(certificate.to_dict(), allow_nan=False)
    assert FleetCertificate.from_dict(json.loads(text)) == certificate
    verification = verify_fleet(text)
    assert verification, [check for check in verification.checks if not check.passed]
    assert verify_fleet(certificate)


def test_the_statement_says_average_and_how_sure():
    certificate = made(ordinary(300) + bytes([NOT_SERVED] * 2), closed=False)
    epsilon, bound = certificate.curve[8]
    assert epsilon == 0.25
    said = certificate.statement
    for phrase in ("With confidence 0.999", repr(epsilon), repr(bound), "on average", "not a promise to each", "256"):
        assert phrase in said
    assert "44 later" in made(ordinary(300), closed=False).statement
    assert "2 refused" in made(ordinary(300) + bytes([NOT_SERVED] * 2)).statement
    assert MECHANISMS["gaussian-per-step"].remark in made(b"\0", mechanism=MECHANISMS["gaussian-per-step"]).statement


DOCUMENT = made(ordinary(300) + bytes([NOT_SERVED, OUTSTANDING])).to_dict()


@pytest.mark.parametrize("field", DOCUMENT)
def test_every_altered_field_is_found(field):
    for value in (None, -1, 3, 0.31, "other", [], {}, True, [[0.0, 0.1]], math.nan, 2**70, b"\xff"):
        if value == DOCUMENT[field] or (field, value) == ("diameter", True):
            continue
        altered = {**copy.deepcopy(DOCUMENT), field: value}
        assert not verify_fleet(altered), value
        del altered[field]
        assert not verify_fleet(altered)


def test_an_altered_count_or_a_point_of_the_curve_is_found():
    for j in (0, 20, J - 1):
        altered = copy.deepcopy(DOCUMENT)
        altered["counts"][j] -= 1
        assert not verify_fleet(altered)
    for place in (0, 1):
        altered = copy.deepcopy(DOCUMENT)
        altered["curve"][12][place] *= 1 - 1e-7
        assert not verify_fleet(altered)
    assert not verify_fleet({**DOCUMENT, "note": "checked by hand"})


def sealed(document):
    return {**document, "digest": content_digest(document)}


def test_one_unit_of_the_last_digit_is_another_machines_erf_two_are_not():
    altered = copy.deepcopy(DOCUMENT)
    point = altered["curve"][12]
    point[1] = round_up(math.nextafter(point[1], math.inf))
    assert verify_fleet(sealed(altered))
    point[1] = round_up(math.nextafter(point[1], math.inf))
    assert not verify_fleet(sealed(altered))


def test_one_unit_towards_the_claimant_is_no_rounding():
    below = [k for k, (_, bound) in enumerate(DOCUMENT["curve"]) if k >= 4 and bound < DOCUMENT["diameter"]]
    assert below
    for k in below:
        altered = copy.deepcopy(DOCUMENT)
        point = altered["curve"][k]
        point[1] = round_down(math.nextafter(point[1], 0.0))
        assert {c.name for c in verify_fleet(sealed(altered)).checks if not c.passed} >= {"curve"}


def test_true_is_no_number_of_the_curve():
    # At sigma 0.5 the last attack, of two sigmas, has norm 1, which true equals in Python.
    assert DOCUMENT["curve"][-1][0] == 1
    altered = copy.deepcopy(DOCUMENT)
    altered["curve"][-1][0] = True
    assert "curve" in {check.name for check in verify_fleet(sealed(altered)).checks if not check.passed}


def test_the_statement_follows_the_stated_curve():
    altered = copy.deepcopy(DOCUMENT)
    point = altered["curve"][8]
    stated = point[1]
    point[1] = round_up(math.nextafter(stated, math.inf))
    assert not verify_fleet(sealed(altered))
    altered["statement"] = altered["statement"].replace(repr(stated), repr(point[1]))
    assert verify_fleet(sealed(altered))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "1", '{"schema": "smoothgen/fleet/v1"}', b"\xff"])
def test_what_is_no_document_gets_a_verdict(text):
    verification = verify_fleet(text)
    assert not verification
    assert [check.name for check in verification.checks] == ["document"]


@pytest.mark.parametrize(
    "contradiction",
    [
        {"requests": 300},
        {"outstanding": 200},
        {"left_out": 2},
        {"submitted": 5},
        {"look": 8},
        {"closed": False},
        {"closed": False, "look": 30},
        {"closed": False, "look": -1},
        {"grid": "fleet-grid/v2"},
        {"counts": (1,)},
        {"counts": (302, *made(ordinary(300) + bytes([NOT_SERVED, OUTSTANDING])).counts[1:])},
    ],
    ids=str,
)
def test_a_certificate_that_contradicts_itself_cannot_be_made(contradiction):
    with pytest.raises(InvalidCertificate):
        replace(made(ordinary(300) + bytes([NOT_SERVED, OUTSTANDING])), **contradiction)
