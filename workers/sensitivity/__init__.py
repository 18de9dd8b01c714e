"""How sensitive a generator is around a prompt: finite differences, autodiff, and what an opening does with them."""

from workers.sensitivity.finite_differences import Probed, probe, public_directions
from workers.sensitivity.sensing import NOTHING_SENSED, Sensed, sense

__all__ = ["NOTHING_SENSED", "Probed", "Sensed", "probe", "public_directions", "sense"]
