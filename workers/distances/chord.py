"""Euclidean distance between unit-norm features."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bands import ORDER_STATISTICS
from smoothgen.errors import GenerationFailed
from workers.distances.protocol import Centre
from workers.features import FeatureMap

_SLACK = 1e-12  # relative; the double arithmetic behind a norm of a few hundred terms


class Chord:
    """‖f(a) − f(b)‖ ≤ 2 on the unit sphere; from a centre c inside the ball at most 1 + ‖c‖.

    The centre is the mean feature, rounded to float32 so that the certificate holds exactly the c that was used.
    """

    name = "sentence-chord"
    description = "the chord distance of unit-norm sentence embeddings (0 to 2)"
    diameter = 2.0
    band = ORDER_STATISTICS.name

    def __init__(self, features: FeatureMap) -> None:
        self._features = features

    @property
    def options(self) -> dict[str, Any]:
        """The encoder."""
        return {"encoder": self._features.name}

    def choose_centre(self, texts: Sequence[str]) -> Centre:
        """The mean feature; it beats the best single sample by up to √2 in high dimension."""
        features = self._features.features(texts)
        whole = features[np.isfinite(features).all(axis=1)]
        if not len(whole):
            raise GenerationFailed("no selection output has finite sentence features")
        mean = whole.mean(axis=0).astype(np.float32)
        centre = mean.astype(np.float64)
        return Centre(
            value=centre,
            # Not min(2, …): rounding to float32 can leave the centre a hair outside the ball.
            bound=(1 + float(np.linalg.norm(centre))) * (1 + _SLACK),
            representative=int(np.nanargmin(np.linalg.norm(features - centre, axis=1))),
            document={
                "kind": "mean feature",
                "encoding": "float32-le/base64",
                "value": base64.b64encode(mean.astype("<f4").tobytes()).decode("ascii"),
                "norm": float(np.linalg.norm(centre)),
            },
        )

    def distances(self, texts: Sequence[str], centre: Centre) -> NDArray[np.float64]:
        """‖f(text) − c‖."""
        raw: NDArray[np.float64] = np.linalg.norm(self._features.features(texts) - centre.value, axis=1)
        return np.minimum(raw, centre.bound)
