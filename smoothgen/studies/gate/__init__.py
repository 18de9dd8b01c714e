"""The gate: does a study reach what a file of thresholds demands of a model before it is served?

thresholds: the file. checks: rows against it. files: the result as JSON and as JUnit XML.
docs/evaluation/gate.md tells a team how to use it.
"""

from smoothgen.studies.gate.checks import Check, Fallen, check
from smoothgen.studies.gate.files import write_json, write_junit
from smoothgen.studies.gate.thresholds import Thresholds, read_thresholds

__all__ = ["Check", "Fallen", "Thresholds", "check", "read_thresholds", "write_json", "write_junit"]
