"""What packages can bring to SmoothGen: scores, by entry points of the group smoothgen.scores (docs/plugins.md)."""

from smoothgen.plugins.entry_points import SCORES, Loaded, load, names
from smoothgen.plugins.protocol import ScorePlugin

__all__ = ["SCORES", "Loaded", "ScorePlugin", "load", "names"]
