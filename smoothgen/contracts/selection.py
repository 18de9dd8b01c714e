"""What a job's selection fixed: one worker writes it, and any worker goes on from it."""

from __future__ import annotations

import hashlib
from itertools import accumulate, pairwise
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from smoothgen.certificates.format.canonical import canonical
from smoothgen.contracts.adapting import LipschitzEstimate
from smoothgen.contracts.edits import ListedEdits
from smoothgen.contracts.job import Note, Output, TokenCounts
from smoothgen.contracts.neighbours import ListedNeighbours


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


EncodedAfter = Literal["", "\n", " "]
"""What a turn's text is encoded behind, so that its ids are those it has in the template: nothing; a line break, whose
own ids are left out again; or a space, which becomes part of the turn's first token."""


class EarlierTurn(_View):
    """A turn of the user's before the prompt that attacks are certified on too.

    before: the ids that are held fixed between the attacked turn before it, if any, and this one. tokens: its own ids.
    encoded_after, trims: as those of `Template`.
    """

    before: tuple[int, ...]
    tokens: tuple[int, ...]
    encoded_after: EncodedAfter = ""
    trims: bool = False


class Template(_View):
    """A chat template rendered around a job's prompt: the token ids before and after the prompt's.

    trims: whether the template takes white space off the prompt's ends. earlier: the turns before the prompt that
    attacks are certified on too, in order. Where there are some, `before` begins behind the last of them.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    encoded_after: EncodedAfter = ""
    trims: bool = False
    earlier: tuple[EarlierTurn, ...] = ()

    @property
    def digest(self) -> str:
        """sha256 over the ids that are held fixed as canonical JSON, "sha256:<hex>"."""
        ids: dict[str, Any] = {"before": self.before, "after": self.after}
        if self.earlier:
            ids["earlier"] = [turn.before for turn in self.earlier]
        return f"sha256:{hashlib.sha256(canonical(ids).encode()).hexdigest()}"

    @property
    def fixed_tokens(self) -> int:
        """Returns how many tokens around the attacked turns are held fixed."""
        return len(self.before) + len(self.after) + sum(len(turn.before) for turn in self.earlier)

    @property
    def earlier_tokens(self) -> tuple[int, ...]:
        """Returns the ids of the earlier attacked turns, one after the other."""
        return tuple(token for turn in self.earlier for token in turn.tokens)

    def parts(self, tokens: int) -> list[slice]:
        """Returns where each attacked turn stands among so many tokens of all of them, in order; the prompt is last."""
        ends = list(accumulate((len(turn.tokens) for turn in self.earlier), initial=0))
        return [slice(start, end) for start, end in pairwise([*ends, tokens])]


class Selection(_View):
    """What a job's selection fixed before certification: one worker writes it, and any worker goes on from it.

    rounding_slack: total variation between the noise as the model receives it and ideal noise.
    centre, bound, diameter: the point that distances are measured from, in the form its metric writes, D_c and D.
    mechanism, provenance: those of the certificate to come. template: the chat template that every sample's prompt
    stands in. batch_size: the samples of every batch of the job, None where outputs do not depend on it. neighbours,
    edits: what the job runs, for the mechanisms tokens and edits. claims: those on scores, as certificates write them,
    with the range and digest of each score as it was loaded; scores: of the output, one for each claim. random:
    whether the model draws randomness of its own under the job's parameters. tokens: of the output, for language
    models. nearest_synonym: the norm that leads to the nearest text with one word swapped for a synonym, embedding
    units.
    """

    output: Output
    centre: dict[str, Any]
    bound: float
    diameter: float
    band: str
    mechanism: dict[str, Any]
    provenance: dict[str, Any]
    notes: list[Note] | None
    lipschitz_estimate: LipschitzEstimate | None = None
    sigma_selection: dict[str, Any] | None = None
    lipschitz: dict[str, Any] | None = None
    rounding_slack: float = 0.0
    template: Template | None = None
    generations: int
    device_s: float
    queued_s: float
    batch_size: int | None = None
    neighbours: ListedNeighbours | None = None
    edits: ListedEdits | None = None
    claims: list[dict[str, Any]] | None = None
    scores: list[float] | None = None
    random: bool = False
    nearest_synonym: float | None = None
    tokens: TokenCounts | None = None
