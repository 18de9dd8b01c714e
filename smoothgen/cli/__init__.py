"""The command line: `smoothgen --help` lists its commands."""

from smoothgen.cli.main import main

__all__ = ["main"]
