"""Pictures from the generator of a conditional GAN, a baseline to set beside the diffusion model."""

from workers.generators.gan.adapter import GanModel
from workers.generators.gan.loading import load_gan

__all__ = ["GanModel", "load_gan"]
