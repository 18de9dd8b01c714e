"""A pipeline that reads every prompt as tokens of its text encoder (mechanism tokens, without noise)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.exhaustive.threat import INPUT_EMBEDDINGS, held_by_pictures
from smoothgen.contracts import TOKENS, ListedNeighbours, Parameters, RunWords
from smoothgen.errors import InvalidParameters
from smoothgen.tokens import TokenTable
from workers.generators.conditions import Condition, Smoothing
from workers.generators.diffusion.adapter import DiffusionModel, Prepared, image_parameters
from workers.generators.diffusion.placement import ReadTokens
from workers.generators.diffusion.token_readers import TokenReader
from workers.generators.unnoised import Unnoised


class TokenDiffusion(DiffusionModel):
    """A DiffusionModel that offers mechanism tokens too: x is the input embeddings of the prompt's own tokens, each of
    which is read as the nearest row of the text encoder's table.

    The prompt's own picture is the pipeline's, without noise. All that the model otherwise learns from the prompt, its
    token count and so its mask and positions, is held fixed.
    """

    def __init__(self, *arguments: Any, reader: TokenReader, **named: Any) -> None:
        """reader: from the tokens to the condition. The rest goes to `DiffusionModel`."""
        super().__init__(*arguments, **named)
        self._reader = reader
        self.mechanisms = (*self.mechanisms, TOKENS)

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        """Embeds the prompt. Raises InvalidPrompt, and InvalidParameters for a seed image under mechanism tokens."""
        if smoothing.mechanism != TOKENS:
            return super().condition(prompt, parameters, smoothing)
        asked = image_parameters(parameters)
        if asked.image is not None:
            raise InvalidParameters(
                f"mechanism {TOKENS!r} draws from the prompt alone; leave the image out, or use mechanism 'embedding'",
                field="parameters.image",
            )
        prompted = self._prompts.encode(prompt, asked.negative_prompt)
        own = self._reader.own(prompt)
        start, steps = self._start(asked)
        x = self._reader.tokens.rows(own)
        return Condition(
            x,
            attack_on=INPUT_EMBEDDINGS,
            mechanism=Unnoised(),
            held_fixed=held_by_pictures(len(own), negative=bool(asked.negative_prompt)),
            random=True,
            notes=prompted.notes,
            numbers_per_token=x.shape[1],
            tokens=tuple(own),
            private=Prepared(ReadTokens(x, partial(self._reader.read, own), start), prompted.unconditional, steps),
        )

    def snap_table(self) -> TokenTable:
        """Returns the rows that embeddings are snapped to. Raises UnusableTable."""
        return self._reader.tokens.snap.table

    def listed(self, condition: Condition, number: int) -> ListedNeighbours:
        """Returns the `number` other token sequences nearest to a snapped prompt, or all there are. Raises
        UnusableTable."""
        return self._reader.tokens.snap.listed(condition.tokens, number, condition.attack_on, condition.held_fixed)

    def changed(self, condition: Condition, changes: Sequence[tuple[int, int]]) -> Condition:
        """Returns the condition of another token sequence. changes: the positions where it differs, and the ids that
        stand there."""
        own = list(condition.tokens)
        for position, token in changes:
            own[position] = token
        x, prepared = self._reader.tokens.rows(own), condition.private
        placement = ReadTokens(x, partial(self._reader.read, own), prepared.placement.start)
        return replace(condition, embedding=x, tokens=tuple(own), private=replace(prepared, placement=placement))

    def attacked(self, condition: Condition, embeddings: NDArray[np.float32]) -> Condition:
        """Returns the condition of what attacked input embeddings, shape (tokens, width), are read as: the nearest
        rows. Raises InvalidTokens."""
        own = self._reader.tokens.snap.snapped(embeddings, condition.tokens)
        return self.changed(condition, list(enumerate(own)))

    def words(self, condition: Condition) -> RunWords:
        """Returns the text of a snapped condition's tokens, cut to what is kept of it."""
        return self._reader.tokens.snap.words_of(condition.tokens, self._reader.tokens.text, self._reader.own)

    def cost(self, condition: Condition, other: Condition) -> float:
        """Returns a lower bound of the l2 norm of every attack that turns the one prompt into the other. Raises
        InvalidTokens."""
        return self._reader.tokens.snap.cost(condition.tokens, other.tokens)
