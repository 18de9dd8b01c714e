"""What packages can bring to SmoothGen: scores, metrics and generators, by entry points (docs/plugins.md)."""

from smoothgen.plugins.entry_points import FAULTS, GENERATORS, METRICS, SCORES, Loaded, load, names
from smoothgen.plugins.generator import GeneratorPlugin
from smoothgen.plugins.metric import MetricPlugin
from smoothgen.plugins.score import ScorePlugin
from smoothgen.plugins.stated import StatedGenerator, StatedMetric, stated_by_generator, stated_by_metric

__all__ = [
    "FAULTS",
    "GENERATORS",
    "METRICS",
    "SCORES",
    "GeneratorPlugin",
    "Loaded",
    "MetricPlugin",
    "ScorePlugin",
    "StatedGenerator",
    "StatedMetric",
    "load",
    "names",
    "stated_by_generator",
    "stated_by_metric",
]
