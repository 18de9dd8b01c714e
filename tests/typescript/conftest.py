"""The verifier of clients/typescript, installed and compiled once a session, and run on many certificates at a time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.node import compiled, program, ran


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
        return ran(self.program, str(self.compiled / script), *arguments, standard_input=standard_input)

    def tests(self) -> subprocess.CompletedProcess[str]:
        """Runs the package's own tests."""
        files = sorted(map(str, (self.compiled / "test/verify").glob("*.test.js")))
        return ran(self.program, "--test", "--test-reporter=tap", *files)


@pytest.fixture(scope="session")
def node() -> Iterator[Node]:
    """The compiled package. Fails with a sentence where Node or npm is missing."""
    folder = compiled(f"tests-{os.getpid()}")
    yield Node(program("node"), folder)
    shutil.rmtree(folder)
