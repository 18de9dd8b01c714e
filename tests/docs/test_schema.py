"""docs/certificate-v1.schema.json describes the certificates that are really issued, and the reader agrees with it."""

import json
from pathlib import Path

import jsonschema
import pytest

from smoothgen.certificates import from_document, to_document
from smoothgen.errors import InvalidCertificate
from tests.unit.certificates import examples

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "certificate-v1.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("example", [examples.plain, examples.full, examples.label])
def test_issued_certificates_fit_the_schema(example):
    VALIDATOR.validate(to_document(example()))


@pytest.mark.parametrize("name", SCHEMA["required"])
def test_a_missing_field_is_refused_by_schema_and_reader(name):
    document = {key: value for key, value in to_document(examples.full()).items() if key != name}
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(InvalidCertificate, match=name):
        from_document(document)


def test_an_unknown_field_is_refused_by_schema_and_reader():
    document = {**to_document(examples.full()), "surprise": 1}
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(InvalidCertificate, match="surprise"):
        from_document(document)
