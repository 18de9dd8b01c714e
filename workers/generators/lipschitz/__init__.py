"""Pictures from a network with a proven Lipschitz constant (theorem T4)."""

from workers.generators.lipschitz.adapter import LipschitzModel
from workers.generators.lipschitz.loading import load_lipschitz

__all__ = ["LipschitzModel", "load_lipschitz"]
