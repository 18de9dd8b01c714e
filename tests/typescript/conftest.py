"""The verifier of clients/typescript, installed and compiled once a session, and run on many certificates at a time."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[2] / "clients/typescript"


@dataclass(frozen=True)
class Node:
    """The package clients/typescript, compiled with its tests into a folder."""

    program: str
    compiled: Path

    def verdicts(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Returns the verdict on each certificate, given as JSON text: status, meaning, reason, unchecked."""
        done = self.run("test/verify/verdicts.js", standard_input="".join(f"{text}\n" for text in texts))
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def run(self, script: str, *arguments: str, standard_input: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a compiled script of the package."""
        return ran([self.program, str(self.compiled / script), *arguments], standard_input)

    def tests(self) -> subprocess.CompletedProcess[str]:
        """Runs the package's own tests."""
        files = sorted(map(str, (self.compiled / "test/verify").glob("*.test.js")))
        return ran([self.program, "--test", "--test-reporter=tap", *files])


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """The compiled package. Fails with a sentence where Node or npm is missing."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        pytest.fail("the tests of clients/typescript need Node 20 or later with npm on the PATH", pytrace=False)
    with (PACKAGE / "package-lock.json").open() as lock:  # whichever test process comes first installs
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = PACKAGE / "node_modules/.package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < (PACKAGE / "package-lock.json").stat().st_mtime:
            require_success(ran([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]))
    compiled = PACKAGE / "build" / f"tests-{os.getpid()}"
    compiler = str(PACKAGE / "node_modules/.bin/tsc")
    require_success(ran([compiler, "-p", "tsconfig.json", "--noEmit", "false", "--outDir", str(compiled)]))
    yield Node(program, compiled)
    shutil.rmtree(compiled)


def require_success(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, f"{done.args} failed:\n{done.stdout}\n{done.stderr}"


def ran(command: list[str], standard_input: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a command in the package's folder."""
    return subprocess.run(command, cwd=PACKAGE, input=standard_input, capture_output=True, text=True, check=False)
