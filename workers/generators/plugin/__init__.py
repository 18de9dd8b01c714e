"""Generators that installed packages bring (smoothgen.plugins.GeneratorPlugin)."""

from workers.generators.plugin.adapter import PluggedModel
from workers.generators.plugin.loading import load_plugged_model

__all__ = ["PluggedModel", "load_plugged_model"]
