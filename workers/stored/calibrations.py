"""Stored calibrations: one JSON file a model, a list with one entry a metric."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from smoothgen.contracts import Calibration

DATA = Path(__file__).parent / "data"
"""Shipped calibrations and shapes, and the public prompts they were learnt from."""


def file_name(model: str) -> str:
    """The file of a model's calibrations: its name with everything unusual replaced."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model) + ".json"


def load_calibrations(model: str, folder: Path | None) -> dict[str, Calibration]:
    """Calibrations by metric: the folder's where it has some for this model, else the shipped ones, else none."""
    for place in (folder, DATA):
        if place is not None and (path := place / file_name(model)).is_file():
            entries = json.loads(path.read_text(encoding="utf-8"))
            return {e["metric"]: Calibration.model_validate(e) for e in entries}
    return {}


def save_calibrations(model: str, calibrations: Iterable[Calibration], folder: Path) -> Path:
    """Write a model's calibrations and return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name(model)
    path.write_text(json.dumps([c.model_dump() for c in calibrations], indent=1) + "\n", encoding="utf-8")
    return path
