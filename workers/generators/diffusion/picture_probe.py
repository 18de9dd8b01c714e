"""The check of a pipeline when it is loaded: every picture of a batch is a function of its own row alone."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import torch

from smoothgen.contracts import ImageParameters
from smoothgen.errors import InvalidParameters
from smoothgen.noise import Seed, Stream
from workers.generators.conditions import Condition, Draw, Smoothing
from workers.generators.diffusion.adapter import DiffusionModel
from workers.generators.diffusion.decoding import Decoded
from workers.loading.broken_files import told_in_one_line

_SEED: Final = Seed(0, "server")
_ROWS: Final = 3
_SENSITIVITY_ROWS: Final = 8
_FEW_STEPS: Final = (2, 4)
"""The numbers of steps to try. PNDM needs four or more."""
_LEVELS, _SHARE = 2, 0.01
"""How far a picture drawn alone may be from the same one drawn in a batch: products of another shape round differently
(at most 1 of 256 levels was seen, in 0.05 % of the values)."""


def probe(name: str, model: DiffusionModel, *, sixteen_bits: bool) -> float | None:
    """Draws a few noisy pictures, together and alone. Raises InvalidParameters where one depends on the others, OSError
    where none can be drawn at all.

    Returns the share of rows whose picture changes with the batch size where the network computes in 16 bits; None in
    32 bits, where a picture changes by a rounding at most.
    """
    with told_in_one_line(
        f"model {name!r} cannot draw a picture", "its parts do not fit together: save the pipeline as a whole"
    ):
        asked, condition = _short_job(name, model)
        together = _draw(model, condition, asked, list(range(_ROWS)))
        # A batch of the same size with one row changed: no other row may change by a single bit.
        for changed in range(_ROWS):
            rows = [k + _ROWS if k == changed else k for k in range(_ROWS)]
            others = [k for k in range(_ROWS) if k != changed]
            if not _equal(together, _draw(model, condition, asked, rows), others):
                raise InvalidParameters(
                    f"model {name!r} reads the rows of a batch together: a picture changes with the noise of its "
                    "neighbours, so its certificate would be false. Serve a network without layers across the batch"
                )
        if sixteen_bits:
            return _sensitivity(model, asked)
        alone = [_levels(_draw(model, condition, asked, [k])) for k in range(_ROWS)]
        drawn = torch.cat(alone), _levels(together)
        # A picture that is not finite is a failed sample, alone as in a batch.
        both = [k for k in range(_ROWS) if all((levels[k] >= 0).all() for levels in drawn)]
        differs = (drawn[0][both] - drawn[1][both]).abs() > _LEVELS
        if both and differs.float().mean().item() > _SHARE:
            raise InvalidParameters(
                f"model {name!r} draws another picture alone than in a batch of {_ROWS}: a sample would depend on how "
                "many are computed with it. Serve a network that does not read the size of its batch"
            )
    return None


def _short_job(name: str, model: DiffusionModel) -> tuple[ImageParameters, Condition]:
    """Returns the fewest steps on the smallest picture, with noise on the prompt's embedding."""
    card = model.image
    if card.scheduler not in card.schedulers:
        raise InvalidParameters(
            f"model {name!r} has the scheduler {card.scheduler}, with which a sample would depend on its neighbours or "
            "which only another network understands; save it with another, such as EulerDiscreteScheduler"
        )
    asked = ImageParameters(
        num_inference_steps=card.num_inference_steps,
        guidance_scale=card.guidance_scale,
        width=card.smallest_side,
        height=card.smallest_side,
        scheduler=card.scheduler,
    )
    for steps in _FEW_STEPS:
        few = asked.model_copy(update={"num_inference_steps": steps})
        with suppress(InvalidParameters):
            return few, _condition(model, few)
    return asked, _condition(model, asked)


def _condition(model: DiffusionModel, asked: ImageParameters) -> Condition:
    smoothing = Smoothing("embedding", model.default_sigma, Draw(_SEED, Stream.GENERATOR_COMMON, 0))
    return model.condition("a picture", asked, smoothing)


def _draw(model: DiffusionModel, condition: Condition, asked: ImageParameters, rows: list[int]) -> Decoded:
    noise = condition.mechanism.draw(_SEED, Stream.CERTIFICATION, rows, condition.embedding.shape)
    return model.decoded(condition, noise, [Draw(_SEED, Stream.GENERATOR, row) for row in rows], asked)


def _equal(one: Decoded, other: Decoded, rows: list[int]) -> bool:
    return all(
        torch.allclose(first[rows], second[rows], rtol=0, atol=0, equal_nan=True)
        for first, second in ((one.latents, other.latents), (one.pixels, other.pixels))
    )


def _levels(decoded: Decoded) -> torch.Tensor:
    """Returns pixels of 256 levels, or −1 where the decoder's output is not finite."""
    levels = (decoded.clamped.float() * 255).round()
    return torch.where(torch.isfinite(decoded.pixels), levels, -1).cpu()


def _sensitivity(model: DiffusionModel, asked: ImageParameters) -> float:
    """Returns the share of rows whose picture differs between a batch and the row alone, with the steps that are
    served."""
    full = asked.model_copy(update={"num_inference_steps": model.image.num_inference_steps})
    condition = _condition(model, full)
    together = _levels(_draw(model, condition, full, list(range(_SENSITIVITY_ROWS))))
    changed = [
        not torch.equal(_levels(_draw(model, condition, full, [row]))[0], together[row])
        for row in range(_SENSITIVITY_ROWS)
    ]
    return sum(changed) / len(changed)
