"""The smoke form of a benchmark: `--smoke` takes the smallest sizes, to see in seconds that it runs at all."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path


def parse_sizes(parser: argparse.ArgumentParser, **smallest: object) -> argparse.Namespace:
    """Parses the command line. With `--smoke`, options that are not given take the values named here as defaults.

    The figures of a smoke run mean nothing, so its files go to a temporary folder: see `smoke_path`.
    """
    parser.add_argument("--smoke", action="store_true", help="the smallest sizes; the figures mean nothing")
    if "--smoke" in sys.argv[1:]:
        for action in parser._actions:
            action.required = False
        parser.set_defaults(**smallest)
    return parser.parse_args()


def smoke_path(name: str) -> Path:
    """A file or folder in a new temporary folder."""
    return Path(tempfile.mkdtemp(prefix="smoothgen-smoke-")) / name
