"""The installed package as a user's project sees it under a strict type checker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.architecture.test_wheel import installed, wheel

__all__ = ["installed", "wheel"]

PROJECT = """\
import asyncio
from typing import assert_type

import smoothgen
from smoothgen.certificates import AnyCertificate
from smoothgen.client import Generation
from smoothgen.contracts import AbstentionView, Decision, Note, Usage


def ask(prompt: str) -> Generation:
    with smoothgen.Client("http://127.0.0.1:8000", api_key="k") as client:
        return client.generate(prompt, model="closed-form-tanh", sigma=0.5, samples=400)


def read(generation: Generation) -> None:
    assert_type(generation.text, str)
    assert_type(generation.statement, str | None)
    assert_type(generation.certificate, AnyCertificate | None)
    assert_type(generation.abstention, AbstentionView | None)
    assert_type(generation.decision, Decision | None)
    assert_type(generation.notes, list[Note])
    assert_type(generation.usage, Usage | None)
    if (certificate := generation.certificate) is not None:
        assert_type(certificate.radius, float)
        assert_type(smoothgen.verify(certificate).valid, bool)
    if generation.decision is not None:
        assert_type(generation.decision.holds, bool)


async def later(prompt: str) -> Generation:
    async with smoothgen.AsyncClient() as client:
        return await client.generate(prompt)


read(ask("0.25"))
read(asyncio.run(later("0.25")))
"""
WRONG = "\n\nprint(ask(3).statement.upper())\n"


def checked(installed: Path, tmp_path: Path, project: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "project.py").write_text(project)
    (tmp_path / "mypy.ini").write_text("[mypy]\nstrict = True\n")
    python = installed.parent / "python"
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--python-executable", str(python), "--cache-dir", str(tmp_path), "project.py"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "MYPYPATH")},
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_results_are_typed_for_a_strict_project(installed: Path, tmp_path: Path) -> None:
    found = checked(installed, tmp_path, PROJECT)
    assert found.returncode == 0, found.stdout + found.stderr

    wrong = checked(installed, tmp_path, PROJECT + WRONG)
    assert wrong.returncode == 1
    assert 'expected "str"' in wrong.stdout
    assert 'has no attribute "upper"' in wrong.stdout
