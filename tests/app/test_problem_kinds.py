"""The table of problem kinds against the code that makes problems."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from app.description.problem_kinds import KINDS, OF_A_FAILED_JOB, URN
from app.http.problems import _HTTP_KINDS, _TABLE
from smoothgen.contracts import Problem

ROOT = Path(__file__).parents[2]


def made() -> list[tuple[str, str, int]]:
    """Every problem that is written out in the servers' code: file, kind and status."""
    found = []
    for path in sorted(p for room in ("app", "workers", "smoothgen") for p in (ROOT / room).rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(call, ast.Call) and ast.unparse(call.func) == "Problem.of"):
                continue
            kind, _, status, *_ = (a.value if isinstance(a, ast.Constant) else None for a in call.args)
            if isinstance(kind, str) and isinstance(status, int):
                found.append((path.name, kind, status))
    return found


@pytest.mark.parametrize(("file", "kind", "status"), made())
def test_every_problem_that_the_code_makes_is_in_the_table(file: str, kind: str, status: int) -> None:
    assert kind in KINDS, f"{file} answers {kind!r}: describe it in app/description/problem_kinds.py"
    assert KINDS[kind].status == status


def test_the_kinds_of_our_exceptions_are_in_the_table() -> None:
    assert {(kind, status) for _, status, kind, _, _ in _TABLE} <= {(k, of.status) for k, of in KINDS.items()}
    assert {(kind, status) for status, kind in _HTTP_KINDS.items()} <= {
        *((k, of.status) for k, of in KINDS.items()),
        ("method-not-allowed", 405),  # of no operation that is described
    }


def test_the_table_has_no_kind_that_nothing_answers() -> None:
    answered = {kind for _, kind, _ in made()} | {row[2] for row in _TABLE} | set(_HTTP_KINDS.values())
    assert set(KINDS) == answered - {"method-not-allowed"}


def test_a_failed_jobs_kinds_are_in_the_table() -> None:
    assert set(OF_A_FAILED_JOB) <= set(KINDS)


def test_types_are_named_as_problems_name_them() -> None:
    assert Problem.of("conflict", "", 409, "").type == URN + "conflict"
