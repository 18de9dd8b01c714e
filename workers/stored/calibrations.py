"""Stored calibrations: one JSON file for each model, with a list of one entry for each metric."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from smoothgen.contracts import Calibration
from workers.loading.broken_files import told_in_one_line

DATA = Path(__file__).parent / "data"
"""The folder of the shipped calibrations and shapes, and of the public prompts they were learnt from."""


def file_name(model: str) -> str:
    """Returns the file of a model's calibrations. Its name is the model's with unusual characters replaced."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", model) + ".json"


def load_calibrations(model: str, folder: Path | None) -> dict[str, Calibration]:
    """Returns the calibrations of a model by metric: those of the folder where it has some for this model, else the
    shipped ones, else none. Raises OSError for a file that holds none."""
    for place in (folder, DATA):
        if place is not None and (path := place / file_name(model)).is_file():
            with told_in_one_line(f"{path} holds no calibrations", "write it again with `smoothgen calibrate`"):
                entries = json.loads(path.read_text(encoding="utf-8"))
                return {e["metric"]: Calibration.model_validate(e) for e in entries}
    return {}


def save_calibrations(model: str, calibrations: Iterable[Calibration], folder: Path) -> Path:
    """Writes a model's calibrations and returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / file_name(model)
    path.write_text(json.dumps([c.model_dump() for c in calibrations], indent=1) + "\n", encoding="utf-8")
    return path
