"""Plug-ins as packages that are installed: the examples of the documentation, and packages that a test writes."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

from smoothgen import plugins
from smoothgen.plugins import entry_points

EXAMPLES = Path(__file__).parents[2] / "docs/examples/plugins"


def write_package(folder: Path, code: str, *, name: str, target: str, group: str = plugins.SCORES) -> None:
    """Puts a package into a folder as pip leaves it there: its module, and metadata that names the entry point."""
    folder.mkdir(exist_ok=True)
    module = target.partition(":")[0]
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    metadata = folder / f"{module}-1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {module.replace('_', '-')}\nVersion: 1.0\n", encoding="utf-8"
    )
    (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n", encoding="utf-8")


def pip_install(package: Path, folder: Path) -> None:
    """Installs a package into a folder with pip, without asking any index."""
    options = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, "--target", str(folder), str(package)],
        check=True,
        timeout=120,
    )


def forget(*modules: str) -> None:
    """Makes this process load plug-ins anew."""
    for module in modules:
        sys.modules.pop(module, None)
    importlib.invalidate_caches()
    entry_points.load.cache_clear()
