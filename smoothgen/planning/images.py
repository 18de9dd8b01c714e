"""What a picture request leaves open is filled from the model's card; what it asks for is checked against it."""

from __future__ import annotations

from typing import Final

from smoothgen.contracts import ImageCard, ImageParameters, ModelCard, Robustness
from smoothgen.errors import InvalidInput, InvalidParameters, UnknownName
from smoothgen.images import decode_image

EMBEDDING: Final = "embedding"
EMBEDDING_SHAPED: Final = "embedding-shaped"
IMG2IMG: Final = "img2img"
LATENT_SCHEDULE: Final = "latent-schedule"
TOKENS: Final = "tokens"


def plan_image(asked: ImageParameters, robustness: Robustness, card: ModelCard) -> ImageParameters:
    """Returns the parameters with nothing left open. Raises InvalidInput naming the field, the value and the remedy."""
    offered = card.image
    if offered is None:
        raise InvalidInput(f"model {card.id!r} says nothing of the pictures it makes; start its worker again")
    parameters = asked.model_copy(
        update={
            name: default
            for name, default in {
                "num_inference_steps": offered.num_inference_steps,
                "guidance_scale": offered.guidance_scale,
                "width": offered.width,
                "height": offered.height,
                "scheduler": offered.scheduler,
                "strength": offered.strength if asked.image is not None else None,
            }.items()
            if getattr(asked, name) is None
        }
    )
    if parameters.scheduler not in offered.schedulers:
        raise UnknownName("scheduler", str(parameters.scheduler), offered.schedulers, field="parameters.scheduler")
    _require_size(parameters, offered, card.id)
    _require_mechanism_fits(parameters, robustness)
    if parameters.image is not None:
        decode_image(parameters.image)  # refused here, before anything is queued
        steps, strength = parameters.num_inference_steps or 0, parameters.strength or 0.0
        if int(steps * strength) < 1:
            raise InvalidParameters(
                f"strength={strength!r} of {steps} steps leaves no step to take; ask for more of either",
                field="parameters.strength",
            )
    return parameters


def _require_size(parameters: ImageParameters, offered: ImageCard, model: str) -> None:
    for name in ("width", "height"):
        side = getattr(parameters, name)
        if not offered.smallest_side <= side <= offered.largest_side:
            limits = (
                f"only {offered.largest_side}"
                if offered.smallest_side == offered.largest_side
                else f"{offered.smallest_side} to {offered.largest_side} pixels"
            )
            raise InvalidParameters(
                f"{name}={side} is no size of model {model!r}, which takes {limits}", field=f"parameters.{name}"
            )


def _require_mechanism_fits(parameters: ImageParameters, robustness: Robustness) -> None:
    mechanism = robustness.mechanism
    if mechanism == IMG2IMG:
        if parameters.image is None:
            raise InvalidInput(
                f"mechanism {IMG2IMG!r} protects a seed image and none is given; send parameters.image, or use "
                f"mechanism {EMBEDDING!r}",
                field="robustness.mechanism",
            )
        for name in ("sigma", "budget"):
            if getattr(robustness, name) is not None:
                raise InvalidInput(
                    f"{name}={getattr(robustness, name)!r} has no effect with mechanism {IMG2IMG!r}: its noise is the "
                    "pipeline's own and follows from parameters.strength; leave it out",
                    field=f"robustness.{name}",
                )
    if mechanism == TOKENS and parameters.image is not None:
        raise InvalidInput(
            f"mechanism {TOKENS!r} draws from the prompt alone, and a seed image is given; leave parameters.image out, "
            f"or use mechanism {EMBEDDING!r}",
            field="robustness.mechanism",
        )
    if mechanism == TOKENS and robustness.randomness == "fresh":
        raise InvalidInput(
            f"randomness='fresh' contradicts mechanism {TOKENS!r}: the pictures of its runs are compared under one "
            "draw of the initial latent; leave randomness out",
            field="robustness.randomness",
        )
    if mechanism == LATENT_SCHEDULE and parameters.image is None and robustness.randomness == "fresh":
        raise InvalidInput(
            f"randomness='fresh' contradicts mechanism {LATENT_SCHEDULE!r}: the initial latent is what is attacked, so "
            "there is one for all samples; leave randomness out",
            field="robustness.randomness",
        )
