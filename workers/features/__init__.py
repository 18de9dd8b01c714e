"""Feature maps: the spaces in which outputs are compared."""

from workers.features.protocol import Classifier, FeatureMap, PictureText, PromptReader, require_whole

__all__ = ["Classifier", "FeatureMap", "PictureText", "PromptReader", "require_whole"]
