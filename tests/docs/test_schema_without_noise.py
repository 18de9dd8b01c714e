"""docs/certificate-v2.schema.json on certificates of methods that draw no noise: each fits its own part alone."""

import jsonschema
import pytest

from smoothgen.certificates import read_certificate, to_document, verify
from smoothgen.certificates.format.document import content_digest
from smoothgen.errors import InvalidCertificate
from tests.docs.test_schema import OF_V1, SCHEMA, VALIDATOR
from tests.support.certificates import edits, exhaustive, units

EXAMPLES = {"exhaustive": exhaustive.EXAMPLES, "edits": edits.EXAMPLES, "units": units.EXAMPLES}
PARTS = {name: SCHEMA["$defs"][name] for name in ("noise", *EXAMPLES)}
RANGES = {
    "exhaustive": [
        (None, {"surprise": 1}),
        (None, {"mechanism": {"name": "gaussian", "sigma": 0.5}}),
        (None, {"sampling": {}}),
        (None, {"alpha": 1e-3}),
        (None, {"confidence": 0.999}),
        (None, {"keeps": []}),
        (None, {"keeps": [{"share": 1.5, "radius": 0.5}]}),
        (None, {"keeps": [{"radius": 0.5}]}),
        (None, {"curve": [[0.0, 0.0, 0.0]]}),
        (None, {"next_cost": -1.0}),
        (None, {"runs": 0}),
        ("broken_by", {"index": 0}),
        ("broken_by", {"reason": "none"}),
        ("threat", {"norm": "l1"}),
        ("threat", {"tokens": 0}),
        ("threat", {"squared_error": -1e-9}),
        ("threat", {"table": "sha256:7"}),
        ("evidence", {"encoding": "float32-le/base64"}),
    ],
    "edits": [
        (None, {"surprise": 1}),
        (None, {"sampling": {}}),
        (None, {"w1_bound": 0.5}),
        (None, {"radius": 0}),
        (None, {"curve": [[1, 0.5]]}),
        (None, {"alpha": 0.0}),
        (None, {"confidence": 1.0}),
        (None, {"share": 1.5}),
        (None, {"size": 0}),
        (None, {"runs": 0}),
        (None, {"broken_by": [{"index": 0}]}),
        ("draws", {"seed": "7"}),
        ("draws", {"noise_scheme": "rot13"}),
        ("edit_set", {"version": "edits/v0"}),
        ("edit_set", {"kinds": ["prayer"]}),
        ("edit_set", {"at_once": 3}),
        ("edit_set", {"partition": "none"}),
        ("edit_set", {"digest": "sha256:7"}),
        ("evidence", {"encoding": "float32-le/base64"}),
    ],
    "units": [
        (None, {"surprise": 1}),
        (None, {"sampling": {}}),
        (None, {"alpha": 0.0}),
        (None, {"confidence": 1.0}),
        (None, {"missing": 1}),
        (None, {"share": None}),
        (None, {"share": 1.5}),
        (None, {"keeps": None}),
        (None, {"keeps": [[0, 1.5]]}),
        (None, {"curve": []}),
        (None, {"curve": [[0, 0.0, 0.0]]}),
        (None, {"majority": None}),
        (None, {"two_valued": False}),
        (None, {"tolerance": 0.1}),
        (None, {"keep": None}),
        (None, {"keep": 1.0}),
        (None, {"altered": 0}),
        (None, {"runs": 0}),
        ("choice", {"probability": 0.5}),
        ("choice", {"size": 0}),
        ("choice", {"units": 0}),
        ("choice", {"units": 10_001}),
        ("draws", {"seed": "7"}),
        ("draws", {"noise_scheme": "rot13"}),
        ("looks", {"taken": -1}),
        ("threat", {"digest": "sha256:7"}),
        ("threat", {"attack_on": ""}),
        ("threat", {"norm": "l2"}),
        ("evidence", {"encoding": "float64-le/base64"}),
    ],
}
"""Of each method, what the section of a document, or the document itself (None), cannot say."""
WITH_EVERY_SECTION = {"exhaustive": exhaustive.full, "edits": edits.drawn, "units": units.drawn}


@pytest.mark.parametrize(("method", "name"), [(method, name) for method, made in EXAMPLES.items() for name in made])
def test_certificates_fit_the_schema_and_no_other_part_of_it(method, name):
    document = to_document(EXAMPLES[method][name]())
    VALIDATOR.validate(document)
    assert not OF_V1.is_valid(document)
    for other in PARTS.keys() - {method}:
        part = jsonschema.Draft202012Validator({**PARTS[other], "$defs": SCHEMA["$defs"]})
        assert not part.is_valid(document), other


@pytest.mark.parametrize(
    ("method", "name"), [(method, name) for method in EXAMPLES for name in PARTS[method]["required"]]
)
def test_a_missing_field_is_refused_by_schema_and_reader(method, name):
    document = {key: value for key, value in to_document(EXAMPLES[method]["full"]()).items() if key != name}
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(InvalidCertificate, match=name):
        read_certificate(document)


@pytest.mark.parametrize(
    ("method", "section", "changes"), [(method, *each) for method, ranges in RANGES.items() for each in ranges]
)
def test_what_a_document_says_has_its_range(method, section, changes):
    document = to_document(WITH_EVERY_SECTION[method]())
    document = {**document, **({section: {**document[section], **changes}} if section else changes)}
    assert not VALIDATOR.is_valid(document)
    assert not verify({**document, "digest": content_digest(document)})


@pytest.mark.parametrize("changes", [{"seed": "7"}, {"seed_origin": "mine"}, {"noise_scheme": "rot13"}])
def test_the_seed_of_a_models_own_randomness_has_its_range(changes):
    document = to_document(exhaustive.drawn())
    document = {**document, "randomness": {**document["randomness"], **changes}}
    assert not VALIDATOR.is_valid(document)
    assert not verify({**document, "digest": content_digest(document)})
