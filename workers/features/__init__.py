"""Feature maps: where outputs are compared."""

from workers.features.protocol import Classifier, FeatureMap

__all__ = ["Classifier", "FeatureMap"]
