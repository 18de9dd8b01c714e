"""The command line: `smoothgen serve | worker | generate | verify | calibrate | models | demo`."""

from smoothgen.cli.main import main

__all__ = ["main"]
