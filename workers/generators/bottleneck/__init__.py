"""Language models whose prompt passes through a few noised numbers (docs/bottleneck.md)."""

from workers.generators.bottleneck.adapter import BottleneckModel
from workers.generators.bottleneck.loading import load_bottleneck

__all__ = ["BottleneckModel", "load_bottleneck"]
