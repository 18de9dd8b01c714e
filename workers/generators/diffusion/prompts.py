"""How a prompt becomes the condition of a pipeline: through its own text encoder, or through a trained head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen.contracts import Note
from smoothgen.errors import InvalidPrompt
from workers.features import FeatureMap
from workers.generators.diffusion.text_head import TextHead

_RECOGNISED: Final = 0.5
"""A part of the condition is recognised where one of its names has at least this probability."""


@dataclass(frozen=True)
class Prompted:
    """embedding: x, (tokens, width). unconditional: what guidance compares with, of the same shape, never noised."""

    embedding: NDArray[np.float32]
    unconditional: NDArray[np.float32]
    notes: tuple[Note, ...] = ()


class PromptEncoder(Protocol):
    """Turns prompts into conditions."""

    @property
    def attack_on(self) -> str:
        """What x is, for the certificate."""
        ...

    @property
    def longest_tokens(self) -> int | None:
        """The longest prompt, None where there is no limit."""
        ...

    @property
    def dimension(self) -> int | None:
        """The numbers of x, None where the encoder has no longest prompt."""
        ...

    def encode(self, prompt: str, negative: str | None) -> Prompted:
        """Embed a prompt and its negative. Raises InvalidPrompt."""
        ...


class PipelinePrompts:
    """The text encoder of a Stable Diffusion pipeline. x is the whole (tokens × width) block of its last states."""

    attack_on = "prompt embedding (the text encoder's last hidden states)"

    def __init__(self, pipeline: Any) -> None:
        self._pipeline = pipeline
        # A tokenizer saved without its own limit has one of 10³⁰; the text encoder's positions are the real one.
        positions = getattr(
            pipeline.text_encoder.config, "max_position_embeddings", pipeline.tokenizer.model_max_length
        )
        self.longest_tokens: int | None = min(pipeline.tokenizer.model_max_length, positions)
        pipeline.tokenizer.model_max_length = self.longest_tokens
        self.dimension: int | None = self.longest_tokens * pipeline.text_encoder.config.hidden_size

    def encode(self, prompt: str, negative: str | None) -> Prompted:
        """Raises InvalidPrompt for a text the encoder would cut off."""
        for field, text in (("prompt", prompt), ("parameters.negative_prompt", negative or "")):
            count = len(self._pipeline.tokenizer(text, truncation=False, verbose=False)["input_ids"])
            if self.longest_tokens is not None and count > self.longest_tokens:
                raise InvalidPrompt(
                    f"the {field} has {count} tokens and the text encoder reads {self.longest_tokens}; shorten it",
                    field=field,
                )
        with torch.inference_mode():
            embedding, unconditional = self._pipeline.encode_prompt(
                prompt, self._pipeline.device, 1, True, negative_prompt=negative or ""
            )
        return Prompted(embedding[0].float().cpu().numpy(), unconditional[0].float().cpu().numpy())


class HeadPrompts:
    """A frozen sentence encoder and a small trained head: x is the head's point in a space of a few meanings."""

    longest_tokens = None

    def __init__(self, encoder: FeatureMap, head: TextHead) -> None:
        self._encoder, self._head = encoder, head
        self.attack_on = f"prompt's point in the {head.width}-dimensional conditioning space"
        self.dimension = head.width

    def encode(self, prompt: str, negative: str | None) -> Prompted:
        """Every text has a point; one that names nothing the head knows lies near 0, and is noted."""
        probabilities = self._head.probabilities(self._encoder.features([prompt]))
        embedding = self._head.place(probabilities).astype(np.float32)
        unconditional = np.zeros_like(embedding)
        if negative is not None and negative.strip():
            unconditional = self._head.points(self._encoder.features([negative])).astype(np.float32)
        notes = tuple(
            self._note(part, names, first=k == 0)
            for k, ((part, names), p) in enumerate(zip(self._head.config.parts.items(), probabilities, strict=True))
            if p.max() < _RECOGNISED
        )
        return Prompted(embedding, unconditional, notes)

    @staticmethod
    def _note(part: str, names: list[str], *, first: bool) -> Note:
        known = f"it knows {', '.join(names)}"
        if first:  # what a picture is of; the other parts only say how it looks
            return Note(
                code="out_of_vocabulary",
                detail=f"the prompt lies outside the model's vocabulary: it names no {part} the model recognises "
                f"({known}). The picture and its certificate stand, but need not show what the prompt says.",
            )
        return Note(
            code="underspecified",
            detail=f"the prompt names no {part} the model recognises ({known}), so the model chooses one.",
        )
