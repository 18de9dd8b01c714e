"""Pictures in one pass of a small network, from a condition and a style: what such families share."""

from workers.generators.one_pass.adapter import OnePassModel
from workers.generators.one_pass.prompting import HeadFiles, Prompting

__all__ = ["HeadFiles", "OnePassModel", "Prompting"]
