"""The folders of a run."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """folder: the run's own, removed at its end. data: the engine's. out: what is left for the reader."""

    folder: Path
    data: Path
    out: Path

    @property
    def state(self) -> Path:
        """Sockets and process ids of the engine that runs at the moment."""
        return self.folder / "engine"

    @property
    def steps(self) -> Path:
        """The record of the steps."""
        return self.out / "steps.jsonl"


def places(what: str | None) -> Places:
    """Returns the folders named on the command line of one half of a run."""
    parser = argparse.ArgumentParser(description=what)
    for name in ("folder", "data", "out"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    return Places(given.folder, given.data, given.out)
