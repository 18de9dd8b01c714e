"""The parameters of a request that names none, of a model as it is served."""

from __future__ import annotations

from smoothgen.contracts import ImageParameters, Parameters, TextParameters
from workers.serving.loaded_model import LoadedModel


def default_parameters(loaded: LoadedModel, *, max_new_tokens: int = TextParameters().max_new_tokens) -> Parameters:
    """Returns the parameters of a request that names none. max_new_tokens: for texts."""
    card = loaded.card.image
    if card is None:
        return TextParameters(max_new_tokens=max_new_tokens)
    return ImageParameters(
        num_inference_steps=card.num_inference_steps,
        guidance_scale=card.guidance_scale,
        width=card.width,
        height=card.height,
        scheduler=card.scheduler,
    )
