"""Decoding with the drafts of the jobs that ran last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from smoothgen.contracts import TextParameters
from smoothgen.noise import Seed
from workers.generators.conditions import Draw
from workers.generators.language.drafts.choosing import Choice
from workers.generators.language.drafts.prefix_tree import PrefixTree
from workers.generators.language.drafts.verification import decoded

_MOST_JOBS: Final = 64


@dataclass(frozen=True)
class Measured:
    """What drafts need to know of a network on its device.

    rounding: how far the shape of a computation may move a logit. overhead: how many tokens are computed in the time
    that a pass takes whatever it computes.
    """

    rounding: float
    overhead: float


class JobDrafts:
    """What samples of the last jobs said. The seed of a sample's draw says whose sample it is."""

    def __init__(self, network: Any, measured: Measured) -> None:
        self.measured = measured
        self._network = network
        self._said: OrderedDict[Seed, PrefixTree] = OrderedDict()

    def decoded(
        self, embeddings: torch.Tensor, draws: Sequence[Draw], parameters: TextParameters, ends: Collection[int]
    ) -> list[list[int] | None]:
        """Returns the tokens that each row of embeddings, (rows, tokens, width), says, its end token included; None
        for a row with a choice that rounding could change. draws: of each row."""
        return decoded(
            self._network,
            embeddings,
            Choice(parameters, draws, self.measured.rounding),
            [self._of(draw.seed) for draw in draws],
            ends=ends,
            limit=parameters.max_new_tokens,
            overhead=self.measured.overhead,
        )

    def _of(self, job: Seed) -> PrefixTree:
        """Returns the outputs of a job, and keeps them longest."""
        tree = self._said.setdefault(job, PrefixTree())
        self._said.move_to_end(job)
        while len(self._said) > _MOST_JOBS:
            self._said.popitem(last=False)
        return tree
