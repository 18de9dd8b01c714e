"""The score "how similar the text is to a reference text"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidClaim
from smoothgen.scores import similarity_identity
from workers.features import FeatureMap


class Similarity:
    """The cosine between the sentence embeddings of a text and of a reference text, in [−1, 1]."""

    def __init__(self, reference: str, encoder: FeatureMap) -> None:
        """Raises InvalidClaim for a reference text that the encoder cannot embed."""
        self._encoder = encoder
        [self._reference] = encoder.features([reference])
        if not np.isfinite(self._reference).all():
            raise InvalidClaim(f"the reference text {reference!r:.80} has no sentence embedding; give another")
        self.identity = similarity_identity(reference, encoder.name)

    def values(self, contents: Sequence[str]) -> NDArray[np.float64]:
        """Returns the cosine of each text; NaN where the encoder fails."""
        # Each text alone: in a batch its last digits would depend on the others, and a retry has other batches.
        found = {text: float(self._encoder.features([text])[0] @ self._reference) for text in dict.fromkeys(contents)}
        cosines: NDArray[np.float64] = np.clip(np.array([found[text] for text in contents]), -1.0, 1.0)
        return cosines
