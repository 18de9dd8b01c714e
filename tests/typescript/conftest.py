"""The verifier of clients/typescript, installed and compiled once a session, and run on many certificates at a time."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PACKAGE = Path(__file__).parents[2] / "clients/typescript"


@dataclass(frozen=True)
class Node:
    """The package clients/typescript, compiled with its tests."""

    program: str

    def verdicts(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Returns the verdict on each certificate, given as JSON text: status, meaning, reason, unchecked."""
        written = self.run("build/test/verify/verdicts.js", standard_input="".join(f"{text}\n" for text in texts))
        assert written.returncode == 0, written.stderr
        return [json.loads(line) for line in written.stdout.splitlines()]

    def tests(self) -> subprocess.CompletedProcess[str]:
        """Runs the package's own tests."""
        command = [self.program, "--test", "--test-reporter=tap", *map(str, PACKAGE.glob("build/test/verify/*.test.js"))]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def run(self, script: str, *arguments: str, standard_input: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a compiled script of the package."""
        command = [self.program, str(PACKAGE / script), *arguments]
        return subprocess.run(command, input=standard_input, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def node() -> Node:
    """The compiled package. Fails with a sentence where Node or npm is missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.fail("the tests of clients/typescript need Node 20 or later with npm on the PATH", pytrace=False)
    for command in (["ci", "--no-audit", "--no-fund"], ["run", "build:test"]):
        done = subprocess.run([npm, *command], cwd=PACKAGE, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"npm {' '.join(command)} failed:\n{done.stdout}\n{done.stderr}"
    return Node(node)
