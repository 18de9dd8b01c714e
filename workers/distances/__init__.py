"""Output metrics. Each is a pseudo-metric with proven bounds, a way to choose a centre, and distances to the centre."""

from workers.distances.plugin import plugged_kinds, require_same_metric
from workers.distances.protocol import Centre, OutputMetric
from workers.distances.registry import Instruments, metric_cards, output_metric

__all__ = [
    "Centre",
    "Instruments",
    "OutputMetric",
    "metric_cards",
    "output_metric",
    "plugged_kinds",
    "require_same_metric",
]
