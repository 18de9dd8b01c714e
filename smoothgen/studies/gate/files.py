"""The result of a gate as files that machines read: JSON, and JUnit XML as continuous integration shows it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from pydantic import BaseModel

from smoothgen.studies.gate.checks import Check

SCHEMA = "smoothgen-gate/v1"


class _Result(BaseModel):
    schema_version: str = SCHEMA
    weights: Mapping[str, Sequence[str]]
    passed: bool
    checks: tuple[Check, ...]


def write_json(checks: Sequence[Check], path: Path, weights: Mapping[str, Sequence[str]] | None = None) -> None:
    """Writes every check, and whether all passed. weights: digests of what ran, by model."""
    result = _Result(weights=weights or {}, passed=all(one.passed for one in checks), checks=tuple(checks))
    path.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")


def write_junit(checks: Sequence[Check], path: Path) -> None:
    """Writes one test case for each check: class name the model, and the prompts that fell in the failure's text."""
    failed = sum(not one.passed for one in checks)
    suite = ElementTree.Element("testsuite", name="smoothgen", tests=str(len(checks)), failures=str(failed), errors="0")
    for one in checks:
        name = _legal(f"{one.where}: {one.required}")
        case = ElementTree.SubElement(suite, "testcase", classname=_legal(one.model), name=name)
        if not one.passed:
            failure = ElementTree.SubElement(case, "failure", message=_legal(one.measured))
            failure.text = _legal("\n".join(f"{fell.prompt}: {fell.why}" for fell in one.fell))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _legal(text: str) -> str:
    """Returns text without the characters that XML cannot hold: prompts may."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
