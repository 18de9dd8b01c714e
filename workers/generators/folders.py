"""Where model folders lie, and the file by which each family's folder is told."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SHIPPED: Final = Path(__file__).parent.parent / "models"
"""Models that come with the package, a folder each."""
LIPSCHITZ_CONFIG: Final = "lipschitz.json"
"""A folder with this file holds a network with a proven Lipschitz constant."""
BOTTLENECK_CONFIG: Final = "bottleneck.json"
"""A folder with this file holds what stands between a prompt and a language model: a few noised numbers."""
GAN_CONFIG: Final = "gan.json"
"""A folder with this file holds the generator of a conditional GAN."""
