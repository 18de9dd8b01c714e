"""Text-to-image and image-to-image through diffusers: the StableDiffusionPipeline family."""

from workers.generators.diffusion.adapter import DiffusionModel
from workers.generators.diffusion.loading import is_pipeline, load_diffusion

__all__ = ["DiffusionModel", "is_pipeline", "load_diffusion"]
