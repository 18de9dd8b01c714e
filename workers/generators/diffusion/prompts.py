"""The step from a prompt to the condition of a pipeline: through its own text encoder, or through a trained head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen.contracts import Note
from smoothgen.errors import InvalidPrompt
from workers.features import PromptReader, require_whole
from workers.generators.diffusion.text_head import TextHead
from workers.generators.vocabulary import note_on_captions

_RECOGNISED: Final = 0.5
"""The least probability of one of its names with which a part of the condition counts as recognised."""


@dataclass(frozen=True)
class Prompted:
    """An embedded prompt. embedding: x, (tokens, width). unconditional: what guidance compares with, of the same shape,
    never noised."""

    embedding: NDArray[np.float32]
    unconditional: NDArray[np.float32]
    notes: tuple[Note, ...] = ()


class PromptEncoder(Protocol):
    """A map from prompts to conditions."""

    @property
    def attack_on(self) -> str:
        """Returns what x is, in words for the certificate."""
        ...

    @property
    def longest_tokens(self) -> int | None:
        """Returns the longest prompt in tokens; None where there is no limit."""
        ...

    @property
    def dimension(self) -> int | None:
        """Returns the number of coordinates of x; None where the encoder has no longest prompt."""
        ...

    def encode(self, prompt: str, negative: str | None) -> Prompted:
        """Embeds a prompt and its negative. Raises InvalidPrompt."""
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

        self._vectors = _textual_inversions(pipeline.tokenizer)

    def encode(self, prompt: str, negative: str | None) -> Prompted:
        """Raises InvalidPrompt for a text the encoder would cut off."""
        for field, text in (("prompt", prompt), ("parameters.negative_prompt", negative or "")):
            self.require_whole(field, text)
        with torch.inference_mode():
            embedding, unconditional = self._pipeline.encode_prompt(
                prompt, self._pipeline.device, 1, True, negative_prompt=negative or ""
            )
        return Prompted(embedding[0].float().cpu().numpy(), unconditional[0].float().cpu().numpy())

    def require_whole(self, field: str, text: str) -> None:
        """Raises InvalidPrompt for a text that is longer than the window once its textual inversions are expanded."""
        written = self._ids(text)
        expanded = [vector for token in written for vector in self._vectors.get(token, (token,))]
        # diffusers expands by replacing text, wherever the name stands: inside another's name, in another case.
        if self._ids(self._pipeline.maybe_convert_prompt(text, self._pipeline.tokenizer)) != expanded:
            raise InvalidPrompt(
                f"the {field} spells a textual inversion so that not all its vectors would be read; write its name "
                "as it was trained, and none of its single vectors",
                field=field,
            )
        if self.longest_tokens is not None and len(expanded) > self.longest_tokens:
            counted = (
                "" if len(expanded) == len(written) else f" ({len(written)} before textual inversions are expanded)"
            )
            raise InvalidPrompt(
                f"the {field} has {len(expanded)} tokens{counted} and the text encoder reads {self.longest_tokens}; "
                "shorten it",
                field=field,
            )

    def _ids(self, text: str) -> list[int]:
        found: list[int] = self._pipeline.tokenizer(text, truncation=False, verbose=False)["input_ids"]
        return found


def _textual_inversions(tokenizer: Any) -> dict[int, tuple[int, ...]]:
    """Returns the tokens of each textual inversion of several vectors ("<cat>", "<cat>_1", …) by its first token, as
    diffusers names them."""
    added = tokenizer.get_added_vocab()
    found = {}
    for word, first in added.items():
        vectors = [first]
        while f"{word}_{len(vectors)}" in added:
            vectors.append(added[f"{word}_{len(vectors)}"])
        if len(vectors) > 1:
            found[first] = tuple(vectors)
    return found


class HeadPrompts:
    """A frozen sentence encoder and a small trained head: x is the head's point in a space of a few meanings."""

    def __init__(self, encoder: PromptReader, head: TextHead) -> None:
        self._encoder, self._head = encoder, head
        self.longest_tokens = encoder.longest_tokens
        self.attack_on = f"prompt's point in the {head.width}-dimensional conditioning space"
        self.dimension = head.width

    def encode(self, prompt: str, negative: str | None) -> Prompted:
        """Returns the points of prompt and negative prompt, shape (1, width) each. Every text has a point; one that
        names nothing the head knows lies near 0, and is noted.

        Raises InvalidPrompt for a text the encoder would cut off.
        """
        for field, text in (("prompt", prompt), ("parameters.negative_prompt", negative or "")):
            require_whole(self._encoder, text, field)
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
        if self._head.caption_words is not None:
            notes += tuple(note_on_captions(prompt, self._head.caption_words))
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
