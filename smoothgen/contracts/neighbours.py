"""The token sequences near a prompt: as a job lists them, as its workers run them, and as a client reads them."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

MOST_ROWS_WITH_WORDS: Final = 2_000
"""Runs of a job whose text and output are kept, so that a job of 20,000 runs keeps megabytes of words and no more."""
LONGEST_WORDS: Final = 2_000
"""Characters of a text or an output that are kept of a run."""

_Change = tuple[int, int]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ListedNeighbours(_View):
    """The other token sequences nearest to a job's prompt, cheapest first: a job's selection lists them.

    costs: base64 of little-endian doubles, one a sequence. changes: base64 of little-endian int32 triples (sequence,
    position, token id), in increasing order. next_cost: at most the cost of every sequence that is not listed, None
    where there is no other. threat: of the certificate to come (`smoothgen.certificates.SnapThreat`).
    """

    costs: str
    changes: str
    next_cost: float | None
    threat: dict[str, Any]

    @classmethod
    def of(
        cls,
        costs: NDArray[np.float64],
        changes: Sequence[Sequence[_Change]],
        next_cost: float | None,
        threat: dict[str, Any],
    ) -> Self:
        """Packs a list. costs: shape (n,). changes: of each sequence, the positions where it differs and the token ids
        that stand there."""
        triples = [(k, position, token) for k, of_one in enumerate(changes) for position, token in of_one]
        packed = np.array(triples, dtype="<i4").reshape(-1, 3)
        return cls(
            costs=_base64(costs.astype("<f8").tobytes()),
            changes=_base64(packed.tobytes()),
            next_cost=next_cost,
            threat=threat,
        )

    @property
    def cost_array(self) -> NDArray[np.float64]:
        """Returns the costs, shape (n,), embedding units."""
        return np.frombuffer(base64.b64decode(self.costs), dtype="<f8").astype(np.float64)

    @property
    def change_lists(self) -> list[list[_Change]]:
        """Returns what each sequence changes, by position."""
        found: list[list[_Change]] = [[] for _ in range(len(self.cost_array))]
        for k, position, token in np.frombuffer(base64.b64decode(self.changes), dtype="<i4").reshape(-1, 3).tolist():
            found[k].append((position, token))
        return found


class RunWords(_View):
    """What a run read and said. text, output: None where a prompt or an output is not kept, the output where the run
    failed; longer ones end with "…". writable: whether somebody can type the text so that it is read as these tokens.
    """

    text: str | None
    writable: bool
    output: str | None = None


RUN_WORDS: Final[TypeAdapter[list[RunWords]]] = TypeAdapter(list[RunWords])
"""Reads and writes the words of a chunk's runs."""


class Neighbour(_View):
    """One of the prompts that an attack can turn a prompt into, and what the model made of it."""

    rank: int = Field(
        description="Its place by cost, from 1 on; for mechanism edits its number in the set, and for passages and "
        "words that of the run, from 1 on."
    )
    cost: float = Field(
        description="An attack that reaches it has at least this l2 norm; for mechanism edits, how many edits it "
        "takes; for passages and words, how many units the run left out."
    )
    distance: float | None = Field(
        default=None, description="Of its output to the prompt's own, metric units; null or left out: the run failed."
    )
    changed: bool = Field(
        description="Whether the distance is above the certificate's tolerance, or the run failed; for claims about "
        "the share of an answer, whether it gave another one."
    )
    text: str | None = Field(
        default=None,
        description="Null once prompts are no longer kept. For mechanisms passages and words the numbers of the units "
        'it read, from 1 on, such as "1, 4".',
    )
    writable: bool | None = Field(
        default=None, description="Whether somebody can type it; otherwise only an attack on embeddings reaches it."
    )
    output: str | None = Field(default=None, description="What the model made of it, while outputs are kept.")

    @classmethod
    def of(cls, rank: int, cost: float, distance: float, changed: bool, words: RunWords | None) -> Self:
        """Returns a run as a client reads it. distance: not finite where the run failed. words: what it read and said,
        None where that is not kept."""
        return cls(
            rank=rank,
            cost=cost,
            distance=distance if math.isfinite(distance) else None,
            changed=changed,
            **({} if words is None else words.model_dump()),
        )


class NeighboursView(_View):
    """The runs behind a certificate without noise, nearest first (GET /certificates/{id}/neighbours)."""

    certificate: str
    mechanism: Literal["tokens", "edits", "passages", "words"] = "tokens"
    tolerance: float = Field(
        description="As in the certificate; 0 for a claim about the share of an answer, which any other answer breaks."
    )
    radius: float | None = Field(
        description="As in the certificate; null is infinite, and for mechanism edits that texts were drawn. For "
        "passages and words a number of units."
    )
    next_cost: float | None = Field(description="From which cost on a prompt was left out; null where all were run.")
    runs: int = Field(description="How many neighbours were run.")
    changed: int = Field(description="How many of them changed the answer by more than the tolerance, or failed.")
    words_kept: bool = Field(description="Whether texts and outputs are still kept.")
    pictures: list[int] | None = Field(
        default=None,
        description="The ranks whose picture GET /certificates/{id}/neighbours/{rank}/picture gives, while it is kept; "
        "null or left out where there is none.",
    )
    neighbours: list[Neighbour]


def cut(text: str) -> str:
    """Returns the text, cut to what is kept of a run's words."""
    return text if len(text) <= LONGEST_WORDS else text[: LONGEST_WORDS - 1] + "…"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
