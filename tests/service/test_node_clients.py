"""The TypeScript client and OpenAI's own Node client, run by Node against a service."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.support.node import PACKAGE, compiled, require_packages
from tests.support.processes import FASHION, TANH, Serve

TESTS = sorted(path.name.removesuffix(".ts") for path in (PACKAGE / "integration").glob("*.test.ts"))


@pytest.fixture(scope="module")
def built() -> Path:
    return compiled("server")


@pytest.mark.parametrize("name", TESTS)
def test_nodes_tests_pass_against_a_service(served: Serve, built: Path, name: str) -> None:
    settings = {
        "SMOOTHGEN_URL": served.url,
        "SMOOTHGEN_TEXT_MODEL": TANH,
        "SMOOTHGEN_PICTURE_MODEL": FASHION,
    }
    ran = subprocess.run(
        ["node", "--test", "--test-reporter=tap", str(built / "integration" / f"{name}.js")],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-8000:] + ran.stderr[-2000:]
    assert "# skipped 0" in ran.stdout
    assert "# pass 0" not in ran.stdout


def test_the_committed_document_is_the_servers(served: Serve) -> None:
    committed = json.loads((PACKAGE / "openapi.json").read_text("utf-8"))
    published = served.http.get("/openapi.json").json()
    assert committed == published, "run `npm run generate` in clients/typescript, and commit what it writes"


def test_the_committed_types_are_generated_from_the_document(tmp_path: Path) -> None:
    require_packages()
    written = tmp_path / "schema.ts"
    generator = PACKAGE / "node_modules/.bin/openapi-typescript"
    subprocess.run(
        [generator, "openapi.json", "--default-non-nullable=false", "-o", str(written)],
        cwd=PACKAGE,
        check=True,
        capture_output=True,
        timeout=300,
    )
    assert written.read_text("utf-8") == (PACKAGE / "src/api/schema.ts").read_text("utf-8")
