"""A whole study as one file: what is published beside a report, and read by other people's programs.

docs/evaluation/result.schema.json is its JSON schema, and docs/evaluation/benchmark.md says how to use it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from smoothgen.errors import InvalidInput
from smoothgen.studies.store import Finished

ADDRESS = "docs/evaluation/result.schema.json"


class Result(BaseModel):
    """Every finished task of a study, in the order of its key."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal["smoothgen-evaluation-result/v1"] = "smoothgen-evaluation-result/v1"
    tasks: tuple[Finished, ...]


def write_result(finished: Iterable[Finished], folder: Path) -> Path:
    """Writes `result.json` into `folder` and returns it."""
    path = folder / "result.json"
    path.write_text(Result(tasks=tuple(finished)).model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def read_result(path: Path | str) -> Result:
    """Returns a published study, by its file. Raises InvalidInput for a file that is none, OSError for one that cannot
    be read."""
    try:
        return Result.model_validate_json(Path(path).read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InvalidInput(
            f"{path} is no result of an evaluation ({error.error_count()} errors, first at {where or 'the top'}: "
            f"{first['msg']}); {ADDRESS} says what one holds",
            field="result",
        ) from error


def result_schema() -> dict[str, Any]:
    """Returns the JSON schema of a result, as it is published."""
    found = Result.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
