"""Which requests a fleet certificate averages: documents of served pools, the two forgeries and their siblings."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from smoothgen import Gaussian
from smoothgen.certificates.fleet.certify import FleetCertificate, FleetSubject, certify_fleet, verify_fleet
from smoothgen.certificates.fleet.subject import CENTRE_SLACK, MOST_NUMBERS, window_span
from smoothgen.certificates.format.document import content_digest
from smoothgen.certificates.meaning.metrics import METRICS
from smoothgen.contracts import FleetPool
from smoothgen.mechanisms import Mechanism, SynonymClasses
from tests.unit.certificates.test_fleet import ordinary

WINDOW = "hour:2026-11-23T22"
START, END = window_span(WINDOW)
LATER, DURING, BEFORE = END + timedelta(seconds=1), START + timedelta(minutes=40), START - timedelta(seconds=1)
NOISE = Gaussian(0.2)
LARGEST = 16


def pool(mechanism: Mechanism = NOISE, **changes) -> FleetPool:
    fields = {
        "model": "fashion-32",
        "digest": "sha256:" + "1" * 64,
        "mechanism": mechanism.to_dict(),
        "metric": {"name": "sentence-chord"},
        "diameter": 2 * CENTRE_SLACK,
        "randomness": "common",
        "largest_dimension": LARGEST,
    }
    return FleetPool(**{**fields, **changes})


def reading(
    bins: bytes, *, closed: bool = True, about: FleetPool | None = None, mechanism: Mechanism = NOISE, **asked
) -> FleetCertificate:
    """As the gateway makes it."""
    about = about or pool(mechanism)
    settings = {
        "diameter": about.diameter,
        "mechanism": mechanism,
        "alpha": 1e-3,
        "closed": closed,
        "rounding_slack": mechanism.rounding_slack(about.largest_dimension or 1),
        "subject": FleetSubject.of_pool(about.model_dump(mode="json"), about.id, WINDOW),
    }
    return certify_fleet(bins, **{**settings, **asked})


def sealed(certificate: FleetCertificate | dict) -> dict:
    """The document of what it says, statement and digest included."""
    document = certificate.to_dict() if isinstance(certificate, FleetCertificate) else certificate
    document = {**document, "statement": FleetCertificate.from_dict(document).statement}
    return {**document, "digest": content_digest(document)}


def refused_by(document: FleetCertificate | dict, now: datetime = LATER) -> set[str]:
    text = document if isinstance(document, FleetCertificate) else json.dumps(document)
    return {check.name for check in verify_fleet(text, now=now).checks if not check.passed}


@pytest.mark.parametrize("mechanism", [NOISE, SynonymClasses("words", "1", "sha256:" + "0" * 64, NOISE)])
@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("bins", [ordinary(300), b""])
def test_what_a_gateway_writes_is_checked_and_stands(mechanism, closed, bins):
    made = reading(bins, closed=closed, mechanism=mechanism)
    verdict = verify_fleet(json.dumps(made.to_dict()), now=LATER)
    assert verdict, [check for check in verdict.checks if not check.passed]
    assert verdict.meaning == "checked"
    assert FleetCertificate.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_the_document_names_model_metric_pool_and_window():
    document = reading(ordinary(300)).to_dict()
    assert document["subject"]["pool"] == pool().id
    said = document["statement"]
    for words in ("'fashion-32'", "sha256:1111", "hour 2026-11-23T22 (UTC)", METRICS["sentence-chord"].description):
        assert words in said
    assert "queue was full" in said


def test_the_document_names_the_table_that_embeddings_are_snapped_to():
    snapped = pool(snap="sha256:" + "d" * 64)
    made = reading(ordinary(300), about=snapped)
    document = made.to_dict()
    assert not refused_by(made)
    assert document["subject"]["snap"] == snapped.snap
    assert "replaced, position by position, by their nearest rows" in document["statement"]
    assert snapped.id != pool().id
    plain = reading(ordinary(300))
    assert "snap" not in plain.to_dict()["subject"]
    assert plain.curve == made.curve
    assert FleetPool.model_validate_json(snapped.model_dump_json()) == snapped
    for stated in (None, "sha256:" + "e" * 64):  # no pool of these requests, or another's
        forged = replace(made.subject, snap=stated)
        assert refused_by(sealed(replace(made, subject=forged))) == {"subject"}
    for stated in (None, 5, "a table"):
        forged = {**document, "subject": {**document["subject"], "snap": stated}}
        assert refused_by(forged) & {"subject", "document"}


NEEDED = {"label": {"extract": {"kind": "number"}}, "vision-chord": {"model": "dinov2"}}


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_has_its_own_diameter(name):
    largest, asked = METRICS[name].diameter, {"name": name, **NEEDED.get(name, {})}
    fits = pool(metric=asked, diameter=largest * CENTRE_SLACK)
    assert not refused_by(reading(ordinary(50), about=fits))
    assert refused_by(reading(ordinary(50), about=pool(metric=asked, diameter=largest * 0.99))) == {"subject"}
    if METRICS[name].may_be_capped:
        capped = pool(metric={**asked, "cap": 0.25}, diameter=0.25 * CENTRE_SLACK)
        assert not refused_by(reading(ordinary(50), about=capped))
        assert "capped at 0.25" in reading(ordinary(50), about=capped).statement


@pytest.mark.parametrize("name", METRICS)
def test_a_pools_metric_has_the_options_its_name_needs_and_no_others(name):
    largest, asked = METRICS[name].diameter * CENTRE_SLACK, {"name": name, **NEEDED.get(name, {})}
    short = [{k: v for k, v in asked.items() if k != left_out} for left_out in NEEDED.get(name, {})]
    for wrong in ({**asked, "extra": "nonsense"}, {**asked, "encoder": "x"}, *short):
        assert refused_by(reading(ordinary(50), about=pool(metric=wrong, diameter=largest))) == {"subject"}, wrong


@pytest.mark.parametrize(
    ("rule", "stands"),
    [
        ({"kind": "regex", "pattern": "[01]"}, True),
        ({"kind": "number"}, True),
        ({"kind": "first_line"}, True),
        ({"kind": "json_field", "field": "answer"}, True),
        ({"kind": "regex"}, False),
        ({"kind": "regex", "pattern": ""}, False),
        ({"kind": "regex", "pattern": 5}, False),
        ({"kind": "number", "pattern": "[01]"}, False),
        ({"kind": "oracle"}, False),
        ({}, False),
        ("number", False),
        (None, False),
    ],
)
def test_a_pool_of_labels_says_how_they_are_extracted(rule, stands):
    labels = pool(metric={"name": "label", "extract": rule}, diameter=CENTRE_SLACK)
    assert refused_by(reading(ordinary(50), about=labels)) == (set() if stands else {"subject"})


# The forgeries.


def test_a_document_without_a_subject_is_refused():
    bare = certify_fleet(bytes(1000), diameter=1.0, mechanism=NOISE, alpha=1e-3, closed=True)
    assert refused_by(bare) == {"subject"}
    assert verify_fleet(bare).meaning == "not checked"
    assert "whose model and metric this document does not name" in bare.statement


def test_a_running_look_called_closed_is_refused_while_the_window_runs():
    """The first 512 of 812 requests, with α/2 instead of α/60 and the 300 later, worse ones gone."""
    bins = bytes([0] * 512 + [57] * 300)
    running, closed = reading(bins, closed=False), reading(bins[:512])
    assert closed.curve[8][1] < running.curve[8][1]
    assert not refused_by(running, DURING)
    assert refused_by(closed, DURING) == {"window"}
    # Afterwards only a signature could tell, or an earlier reading: that one counts more submissions.
    assert not refused_by(closed, LATER)
    assert closed.submitted < running.submitted


def test_a_running_look_called_closed_in_place_contradicts_its_own_counts():
    document = reading(bytes([0] * 512 + [57] * 300), closed=False).to_dict()
    assert refused_by({**document, "closed": True}) == {"document"}
    assert refused_by({**document, "closed": True, "look": None}) == {"document"}
    assert "digest" in refused_by({**document, "submitted": 512})


def test_a_window_that_has_not_begun_has_no_reading():
    assert refused_by(reading(ordinary(64), closed=False), BEFORE) == {"window"}


@pytest.mark.parametrize(
    "changes",
    [
        {"model": ""},
        {"digest": "x"},
        {"pool": "0" * 16},
        {"pool": "x"},
        {"randomness": "c\u043emmon"},
        {"randomness": "fresh"},  # another pool
        {"metric": {"name": "chord"}},
        {"metric": {"name": "edit"}},
        {"metric": {"name": "sentence-chord", "cap": 0.05}},
        {"metric": {"name": "sentence-chord", "cap": "x"}},
        {"metric": {"name": "label", "cap": 2.0}},
        {"largest_dimension": 8},
        {"largest_dimension": 17},
        {"largest_dimension": 0},
        {"largest_dimension": MOST_NUMBERS + 1},
    ],
    ids=repr,
)
def test_a_subject_that_is_no_pools_is_refused(changes):
    made = reading(ordinary(50))
    try:
        document = sealed(replace(made, subject=replace(made.subject, **changes)))
    except ValueError:  # a statement that cannot be written is refused as a document
        document = {**made.to_dict(), "subject": {**made.subject.to_dict(), **changes}}
    assert refused_by(document) <= {"subject", "document", "digest", "statement"}
    assert refused_by(document)


@pytest.mark.parametrize("window", ["hour:2026-11-23", "day:2026-11-23T22", "week:2026-11", "hour:2026-11-23T7", ""])
def test_a_window_that_is_none_is_refused(window):
    made = reading(ordinary(50))
    assert refused_by(sealed(replace(made, subject=replace(made.subject, window=window)))) == {"window"}


def test_the_rounding_of_the_largest_x_is_paid_for():
    least = NOISE.rounding_slack(LARGEST)
    assert refused_by(reading(ordinary(50), rounding_slack=0.0)) == {"subject"}
    assert refused_by(reading(ordinary(50), rounding_slack=least * 0.99)) == {"subject"}
    assert not refused_by(reading(ordinary(50), rounding_slack=least * 2))
    assert reading(ordinary(50), rounding_slack=1e-3).curve[8][1] > reading(ordinary(50)).curve[8][1]


@pytest.mark.parametrize("subject", [{}, [], 5, {"pool": "0" * 16}, {"metric": 5}])
def test_a_subject_of_another_shape_is_no_document(subject):
    document = {**reading(ordinary(50)).to_dict(), "subject": subject}
    assert "document" in refused_by(document)


def test_a_sentence_in_a_models_name_stays_in_quotation_marks():
    named = pool(model="toy' for all requests ever; 'x")
    made = reading(ordinary(50), about=named)
    assert not refused_by(made)
    assert "to model 'toy\\' for all requests ever; \\'x' (quotation marks inside are escaped)" in made.statement


def test_a_plug_ins_pool_is_marked():
    foreign = pool(metric={"name": "plugin:mine"}, diameter=0.1)
    made = reading(ordinary(50), about=foreign)
    assert not refused_by(made)
    assert verify_fleet(made, now=LATER).meaning == "not checked"
    assert "is not checked: metric defined by a plug-in" in made.statement


def test_a_pool_of_an_earlier_release_keeps_its_name_and_says_what_it_lacks():
    old = pool(largest_dimension=None)
    assert old.id == "e5f87d17d1e50edc"  # as commit 599a310 computes it
    assert old.id != pool().id
    made = reading(ordinary(50), about=old, rounding_slack=0.0)
    assert not refused_by(made)
    assert verify_fleet(made, now=LATER).meaning == "not checked"
    assert "does not say how many numbers x has at most" in made.statement


@pytest.mark.parametrize(("hours", "refused"), [(-2, set()), (2, {"window"})])
def test_the_clock_is_the_systems_by_default(hours, refused):
    """The hour two hours ago is over and the one in two hours is not, whichever minute it is."""
    window = f"hour:{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%dT%H}"
    made = reading(ordinary(64))
    made = replace(made, subject=replace(made.subject, window=window))
    assert {check.name for check in verify_fleet(made).checks if not check.passed} == refused
