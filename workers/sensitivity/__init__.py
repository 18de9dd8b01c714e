"""The sensitivity of a generator around a prompt: finite differences, automatic differentiation, and their use in the
selection of a job."""

from workers.sensitivity.finite_differences import Probed, probe, public_directions
from workers.sensitivity.sensing import NOTHING_SENSED, Sensed, sense

__all__ = ["NOTHING_SENSED", "Probed", "Sensed", "probe", "public_directions", "sense"]
