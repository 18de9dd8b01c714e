"""A served model whose output is its prompt: tests can have a real server say anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from tests.support.plugins import write_package

ECHO: Final = "plugin:echo"
"""The model's name for a worker that sees the folder of `install_echo`."""


def install_echo(site: Path) -> Path:
    """Puts the model into a folder of installed packages, and returns that."""
    code = (Path(__file__).parent / "echo_model.py").read_text(encoding="utf-8")
    write_package(site, code, name="echo", target="echo_model:Echo", group="smoothgen.generators")
    return site


def asked(prompt: str, **robustness: Any) -> dict[str, Any]:
    """A request that has the model say the prompt, with few samples."""
    few = {"samples": 20, "selection_samples": 8, "tolerance": 0.5}
    return {"model": ECHO, "prompt": prompt, "robustness": few | robustness}
