"""Which token logits choose, and by how much."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from smoothgen.contracts import TextParameters
from smoothgen.noise import Stream
from workers.generators.conditions import Draw
from workers.generators.language.token_sampling import Gumbels, Temperature


class Choice:
    """Chooses tokens as `token_sampling` does, for any steps of a text, and says where a choice is near a tie."""

    def __init__(self, parameters: TextParameters, draws: Sequence[Draw], rounding: float) -> None:
        """draws: of each row. rounding: how far a logit may be moved by the shape of the computation."""
        self._temperature = Temperature(parameters.temperature) if parameters.temperature > 0 else None
        self._gumbels = Gumbels(draws)
        self._margin = 2 * rounding / (parameters.temperature if parameters.temperature > 0 else 1.0)

    def tokens(
        self, logits: torch.Tensor, rows: Sequence[int], steps: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Returns the tokens chosen, and whether each was chosen clearly: rounding could not choose another.

        logits: (rows, places, vocabulary). rows: which of the draws each belongs to. steps: how many tokens of the text
        come before the first place of each row. Where logits are not finite no choice is clear.
        """
        scores = logits if self._temperature is None else self._drawn(self._temperature.scores(logits), rows, steps)
        best, chosen = scores.max(dim=-1)
        near = (scores >= best[..., None] - self._margin).sum(dim=-1)  # itself included, and none if it is no number
        return chosen, best.isfinite() & (near == 1)

    def _drawn(self, scores: torch.Tensor, rows: Sequence[int], steps: Sequence[int]) -> torch.Tensor:
        """Returns the scores with the Gumbel numbers of each place."""
        places, vocabulary = scores.shape[1:]
        added = self._gumbels.of(
            [row for row in rows for _ in range(places)],
            [step + place for step in steps for place in range(places)],
            vocabulary,
        )
        return scores + added.to(scores.device, scores.dtype).view(scores.shape)


def can_be_checked(parameters: TextParameters, draws: Sequence[Draw], rows: int) -> bool:
    """Returns whether drafts are checked for so many rows under these parameters: greedy, or with numbers that all
    samples share. A row's draw says whose drafts it is checked against, so each needs one.

    Among the likeliest tokens only (top_k, top_p) a choice depends on the border as well, so its margin is not that of
    the best two scores; and samples with numbers of their own say different things.
    """
    if len(draws) < rows:
        return False
    if parameters.temperature == 0:
        return True
    common = all(draw.stream == Stream.GENERATOR_COMMON for draw in draws)
    everything = parameters.top_k is None and parameters.top_p in (None, 1.0)
    return common and everything and parameters.temperature >= 1e-3  # below, single precision decides ties
