"""The published schema of a study's result is that of the code, and results fit it."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from smoothgen.studies.result import result_schema, write_result
from tests.support import study

FILE = Path(__file__).parents[2] / "docs/evaluation/result.schema.json"


def test_the_published_schema_is_that_of_the_code():
    """After a change: python -m tests.docs.test_evaluation_schema, and a new `schema_version` where a field changes
    its meaning."""
    assert json.loads(FILE.read_text("utf-8")) == result_schema()


def test_a_result_fits_the_schema_and_a_changed_one_does_not(tmp_path):
    written = json.loads(write_result(study.store(tmp_path, study.rows()), tmp_path).read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(json.loads(FILE.read_text("utf-8")))
    validator.validate(written)
    written["tasks"][0]["rows"][0]["radius_in_miles"] = 1
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(written)


if __name__ == "__main__":
    FILE.write_text(json.dumps(result_schema(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
