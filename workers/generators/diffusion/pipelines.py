"""Which pipelines are taken, and the two that run: text-to-image, and image-to-image from latents made ready."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import torch
from diffusers import StableDiffusionImg2ImgPipeline

from smoothgen.errors import InvalidParameters

FAMILY: Final = ("StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")
_COMPONENTS: Final = (
    "unet",
    "vae",
    "text_encoder",
    "tokenizer",
    "scheduler",
    "safety_checker",
    "feature_extractor",
    "image_encoder",
)
_LIBRARIES: Final = frozenset({"diffusers", "transformers", "stable_diffusion"})


class FromLatents(StableDiffusionImg2ImgPipeline):  # type: ignore[misc]  # diffusers ships no types
    """Image-to-image whose forward noise was added by the caller.

    diffusers draws that noise in the model's precision from its own generators. Here it may be the very noise that is
    certified, so it comes from `smoothgen.noise`, is added in double precision and rounded once.
    """

    def prepare_latents(self, image: torch.Tensor, *args: Any, **options: Any) -> torch.Tensor:
        """Returns `image` as it is: the latent of the first step, noise included."""
        del args, options
        return image


def require_family(name: str, index: Mapping[str, Any]) -> None:
    """Refuses from model_index.json alone, before any weight is loaded. Raises InvalidParameters with the reason."""
    kind = index.get("_class_name")
    if kind not in FAMILY:
        raise InvalidParameters(
            f"model {name!r} is a {kind!r}; taken are {' and '.join(FAMILY)}, whose only path from prompt to picture "
            "is prompt_embeds. Others also hand on a pooled embedding, an image or a size that the noise would "
            "not cover, and a certificate must cover every path"
        )
    for component, value in index.items():
        library = value[0] if isinstance(value, list | tuple) and value else None
        if library is not None and not component.startswith("_") and component not in _COMPONENTS:
            raise InvalidParameters(
                f"model {name!r} has a component {component!r}, which a Stable Diffusion pipeline does not read: it "
                f"would be ignored. Taken are {', '.join(_COMPONENTS)}"
            )
        if not component.startswith("_") and library is not None and library not in _LIBRARIES:
            raise InvalidParameters(
                f"component {component!r} of model {name!r} comes from {library!r}; only diffusers' and transformers' "
                "own classes are loaded, never code that comes with weights"
            )


def require_known_paths(name: str, unet: Any) -> None:
    """Refuses a U-Net with a condition that bypasses prompt_embeds. Raises InvalidParameters with the reason."""
    config = unet.config
    for option in ("addition_embed_type", "class_embed_type", "num_class_embeds"):
        if config.get(option) is not None:
            raise InvalidParameters(
                f"the U-Net of model {name!r} has {option}={config.get(option)!r}: a second condition beside "
                "prompt_embeds, which the noise would not cover"
            )
    if config.get("attention_type") not in (None, "default"):
        raise InvalidParameters(
            f"the U-Net of model {name!r} has attention_type={config.get('attention_type')!r}: it takes boxes and "
            "their words beside prompt_embeds, which the noise would not cover"
        )
    if config.get("encoder_hid_dim_type") not in (None, "text_proj"):
        raise InvalidParameters(
            f"the U-Net of model {name!r} has encoder_hid_dim_type={config.get('encoder_hid_dim_type')!r}: it takes "
            "image conditions beside prompt_embeds, which the noise would not cover"
        )
    if config.in_channels != config.out_channels:
        raise InvalidParameters(
            f"the U-Net of model {name!r} reads {config.in_channels} channels and writes {config.out_channels}: an "
            "inpainting or depth model sees more than the latent at every step, which the noise would not cover"
        )
    if not isinstance(config.sample_size, int):
        raise InvalidParameters(
            f"the U-Net of model {name!r} has sample_size={config.sample_size!r}: diffusers' image-to-image takes a "
            "square one, given as one number"
        )
