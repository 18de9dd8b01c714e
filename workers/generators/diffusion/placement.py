"""Where a mechanism's noise enters the pipeline (theory §4; derivations in docs/theory/mechanisms).

A placement knows its x and turns a batch of noise into what the pipeline is called with. The mechanism adds its noise
to x on its public grid; whatever is done with the noisy x after that, a cast to 16 bits too, costs no bound anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from workers.generators.conditions import Condition, Draw
from workers.generators.diffusion.randomness import latent_noise

Array = NDArray[np.float64]
NextStep = Callable[[int, dict[str, torch.Tensor]], dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Inputs:
    """What one batch starts with, and what changes before the steps 1, 2, … (None: nothing).

    `next_step(k, tensors)` is given the pipeline's tensors named in `watched` and returns those to replace.
    """

    embeddings: Array
    latents: Array
    watched: tuple[str, ...] = ()
    next_step: NextStep | None = None


@dataclass(frozen=True)
class Start:
    """The latent where denoising starts: a·seed + b·ω, ω standard normal; without a seed image ω itself.

    For text-to-image a is 0 and b is 1, and the pipeline scales the latent by its scheduler's first sigma.
    """

    shape: tuple[int, ...]
    seed: Array | None = None
    signal: float = 0.0
    noise: float = 1.0

    def latents(self, draws: Sequence[Draw], seeds: Array | None = None) -> Array:
        """Returns initial latents (batch, *shape); `seeds` replace the seed image's own latent."""
        omega = self.noise * latent_noise(draws, self.shape)
        if self.seed is None:
            return omega
        return self.signal * (self.seed if seeds is None else seeds) + omega


class Placement(Protocol):
    """The way of one mechanism into the pipeline."""

    @property
    def x(self) -> NDArray[np.float32]:
        """Returns x, which is noised and attacked."""
        ...

    @property
    def mixes(self) -> str | None:
        """Returns the name under which rows of several prompts share a batch; None for a placement that holds its
        prompt."""
        ...

    def inputs(self, condition: Condition, noise: Array, draws: Sequence[Draw]) -> Inputs:
        """Returns a batch's inputs from the mechanism's noise. The condition may be a joined one."""
        ...


@dataclass(frozen=True)
class HeldEmbedding:
    """One noisy embedding for each sample, held through all steps."""

    x: NDArray[np.float32]
    start: Start

    mixes: ClassVar[str | None] = "held"

    def inputs(self, condition: Condition, noise: Array, draws: Sequence[Draw]) -> Inputs:
        """Returns inputs with the embedding x + η."""
        return Inputs(condition.noisy(noise), self.start.latents(draws))

    def read(
        self, noisy: torch.Tensor, embeddings: torch.Tensor, latents: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the embeddings and latents of a batch whose noisy x is `noisy`, for gradients by it."""
        del embeddings
        return noisy, latents


@dataclass(frozen=True)
class FreshEmbedding:
    """A new noisy embedding at every step."""

    x: NDArray[np.float32]
    start: Start

    mixes: ClassVar[str | None] = "fresh"

    def inputs(self, condition: Condition, noise: Array, draws: Sequence[Draw]) -> Inputs:
        """Returns inputs that begin with x + η_T and take x + η_t before step t."""

        def next_step(step: int, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            held = tensors["prompt_embeds"]
            fresh = _like(condition.noisy(noise, step), held)
            # With guidance the pipeline keeps the unconditional half in front.
            return {"prompt_embeds": torch.cat([held[: len(held) - len(fresh)], fresh])}

        return Inputs(condition.noisy(noise), self.start.latents(draws), ("prompt_embeds",), next_step)


@dataclass(frozen=True)
class ScheduledLatent:
    """The latent noise schedule, where x is the initial latent, or the seed image's latent where there is one."""

    x: NDArray[np.float32]
    embedding: NDArray[np.float32]
    start: Start

    mixes: ClassVar[str | None] = None

    def inputs(self, condition: Condition, noise: Array, draws: Sequence[Draw]) -> Inputs:
        """Returns inputs with x + η_T before the network sees anything, and η_t added to the latent before step t."""
        noisy = condition.noisy(noise)

        def next_step(step: int, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            latents = tensors["latents"]
            return {"latents": latents + _like(noise[:, step], latents)}

        latents = noisy if self.start.seed is None else self.start.latents(draws, noisy)
        return Inputs(_repeated(self.embedding, len(noise)), latents, ("latents",), next_step)


@dataclass(frozen=True)
class ForwardNoise:
    """The pipeline's forward noise is the mechanism: a·(x + η), x the seed image's latent."""

    x: NDArray[np.float32]
    embedding: NDArray[np.float32]
    signal: float

    mixes: ClassVar[str | None] = None

    def inputs(self, condition: Condition, noise: Array, draws: Sequence[Draw]) -> Inputs:
        """Returns inputs with the latent of the first step."""
        del draws
        return Inputs(_repeated(self.embedding, len(noise)), self.signal * condition.noisy(noise))

    def read(
        self, noisy: torch.Tensor, embeddings: torch.Tensor, latents: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the embeddings and latents of a batch whose noisy x is `noisy`, for gradients by it."""
        del latents
        return embeddings, self.signal * noisy


@dataclass(frozen=True)
class ReadTokens:
    """No noise: x is the input embeddings of the prompt's own tokens, and the text encoder reads these tokens.

    read: returns what it makes of them, (tokens × width), as a function of them alone. Nothing mixes: every prompt goes
    through the text encoder and the pipeline by itself, so its picture depends on nothing in its batch.
    """

    x: NDArray[np.float32]
    read: Callable[[], NDArray[np.float32]]
    start: Start

    mixes: ClassVar[str | None] = None

    def inputs(self, condition: Condition, noise: Array, draws: Sequence[Draw]) -> Inputs:
        """Returns inputs with the text encoder's embedding of the tokens."""
        del condition
        return Inputs(_repeated(self.read(), len(noise)), self.start.latents(draws))


def _repeated(embedding: NDArray[np.float32], count: int) -> Array:
    """Returns the clean embedding for every sample of a batch."""
    return np.broadcast_to(embedding.astype(np.float64), (count, *embedding.shape))


def _like(values: Array, tensor: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).to(tensor.dtype).to(tensor.device)


def step_end(inputs: Inputs, steps: int) -> dict[str, Any]:
    """Returns the pipeline's callback arguments: it calls back after step k, which is before step k + 1."""
    change = inputs.next_step
    if change is None:
        return {}

    def after(_pipeline: Any, step: int, _time: Any, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return change(step + 1, tensors) if step + 1 < steps else {}

    return {"callback_on_step_end": after, "callback_on_step_end_tensor_inputs": list(inputs.watched)}
