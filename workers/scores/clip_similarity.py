"""The score "how well the picture shows the prompt", by a CLIP model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smoothgen.scores import clip_similarity_identity
from workers.features import PictureText

Pixels = NDArray[np.uint8]


class ClipSimilarity:
    """The cosine between CLIP's embeddings of a picture and of the request's prompt, in [−1, 1]."""

    def __init__(self, prompt: str, clip: PictureText) -> None:
        """prompt: the request's own, which no attack touches here: the score is fixed before any sample is drawn.

        Raises InvalidClaim for a prompt of which CLIP would read only the beginning.
        """
        self._clip, self._prompt = clip, clip.text_feature(prompt)
        self.identity = clip_similarity_identity(prompt, clip.name)

    def values(self, contents: Sequence[Pixels]) -> NDArray[np.float64]:
        """Returns the cosine of each picture; NaN where CLIP fails."""
        # Each picture alone: in a batch its last digits would depend on the others, and a retry has other batches.
        cosines = [float(self._clip.features([pixels])[0] @ self._prompt) for pixels in contents]
        clipped: NDArray[np.float64] = np.clip(np.array(cosines), -1.0, 1.0)
        return clipped
