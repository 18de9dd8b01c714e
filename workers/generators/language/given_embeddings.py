"""Embeddings that a request brings in place of its prompt: the tokens they are read as."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import Note, PromptEmbeds
from smoothgen.errors import InvalidParameters
from smoothgen.tokens import TokenTable
from workers.generators.language.snapping import Snapping

FIELD = "parameters.prompt_embeds"


class GivenEmbeddings:
    """What stands in the prompt's place in one request, before and after the snap."""

    def __init__(self, given: PromptEmbeds, width: int, name: str) -> None:
        """width: of the model's rows. name: the model's, for messages. Raises InvalidParameters for embeddings of
        another width, and where only their digest is left."""
        if given.is_named:
            raise InvalidParameters(
                f"the embeddings {given.data!r:.24} that stood in the prompt's place are not kept, so nothing can be "
                "compared with them; compare prompts with the certificate of a prompt that was sent as text",
                field=f"{FIELD}.data",
            )
        if given.shape[1] != width:
            raise InvalidParameters(
                f"prompt_embeds has shape {[*given.shape]}, and an embedding of model {name!r} has {width} numbers; "
                f"send embeddings of this model, of shape [tokens, {width}]",
                field=f"{FIELD}.shape",
            )
        self._given = given

    @property
    def count(self) -> int:
        """Returns how many tokens they are read as."""
        return self._given.shape[0]

    def read(self, snapping: Snapping) -> tuple[list[int], tuple[Note, ...]]:
        """Returns the token ids, and a note where the embeddings lie off the rows of these tokens: a certificate counts
        from the rows. Raises UnusableTable."""
        embeddings = self._given.array
        ids = snapping.snapped(embeddings)
        distance = _distance(embeddings, snapping.table, ids)
        if distance == 0:
            return ids, ()
        return ids, (
            Note(
                code="embeddings_snapped",
                detail=f"the embeddings given lie {distance:.6g} (l2) from those of the tokens that they were read as; "
                "the model read the tokens, and the certificate is about attacks on the tokens' embeddings: whoever "
                "altered the given ones is covered with that distance added to what he altered",
            ),
        )


def _distance(embeddings: NDArray[np.float32], table: TokenTable, ids: list[int]) -> float:
    return float(np.linalg.norm(embeddings.astype(np.float64) - table.rows[ids]))
