"""A software bill of materials of each image's Python environment, as CycloneDX JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.containers.engine import Engine, run

_TOOL = "cyclonedx-bom==7.5.0"
# The tool's folder is last on the path of its own process, and not on that of the environment it reads.
_INSIDE = "import runpy, sys; sys.path.append('/tool'); runpy.run_module('cyclonedx_py', run_name='__main__')"


def install_tool(folder: Path, environment: dict[str, str]) -> None:
    """Installs the tool into a folder of its own, which is mounted into containers and thrown away afterwards."""
    if not folder.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        run([*pip, "--target", str(folder), _TOOL], environment)


def write_sbom(engine: Engine, image: str, tool: Path, file: Path) -> int:
    """Writes the bill of materials of an image to `file`, and returns how many components it lists."""
    command = ["run", "--rm", "--network=none", "--volume", f"{tool}:/tool:ro", "--entrypoint=/opt/venv/bin/python"]
    options = ["environment", "--output-format", "JSON", "--output-reproducible", "/opt/venv/bin/python"]
    text = engine.docker(*command, image, "-c", _INSIDE, *options)
    file.write_text(text)
    return len(json.loads(text)["components"])
