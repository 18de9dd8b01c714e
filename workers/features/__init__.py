"""Feature maps: where outputs are compared."""

from workers.features.protocol import FeatureMap

__all__ = ["FeatureMap"]
