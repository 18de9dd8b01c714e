"""Euclidean distance between unit-norm features."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.meaning.metrics import FEATURE_CHORD, SENTENCE_CHORD, VISION_CHORD, MetricMeaning
from smoothgen.errors import GenerationFailed
from workers.distances.protocol import Centre
from workers.features import FeatureMap

__all__ = ["FEATURE_CHORD", "SENTENCE_CHORD", "VISION_CHORD", "Chord"]

_SLACK = 1e-12  # relative; the double arithmetic behind a norm of a few hundred terms


class Chord:
    """The chord ‖f(a) − f(b)‖ between unit-norm features: at most 2 on the unit sphere, and at most 1 + ‖c‖ from a
    centre c inside the ball.

    The centre is the mean feature, rounded to float32 so that the certificate holds exactly the c that was used.
    """

    diameter, band = SENTENCE_CHORD.diameter, SENTENCE_CHORD.band

    def __init__(self, features: FeatureMap, kind: MetricMeaning) -> None:
        self._features = features
        self.name, self.description = kind.name, kind.description

    @property
    def options(self) -> dict[str, Any]:
        """Returns the parameters of the metric: the encoder's name."""
        return {"encoder": self._features.name}

    def choose_centre(self, contents: Sequence[Any]) -> Centre:
        """Returns the mean feature of the selection outputs as the centre. In high dimension the mean distance to it is
        smaller than to the best single sample, by a factor of up to √2."""
        features = self._features.features(contents)
        whole = features[np.isfinite(features).all(axis=1)]
        if not len(whole):
            raise GenerationFailed("no selection output has finite features")
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

    def read_centre(self, document: dict[str, Any], bound: float) -> Centre:
        """Returns the centre from its document: the mean feature, exactly as float32 keeps it."""
        mean = np.frombuffer(base64.b64decode(document["value"]), dtype="<f4")
        return Centre(mean.astype(np.float64), bound, document)

    def distances(self, contents: Sequence[Any], centre: Centre) -> NDArray[np.float64]:
        """Returns ‖f(y) − c‖ for every output."""
        raw: NDArray[np.float64] = np.linalg.norm(self.features(contents) - centre.value, axis=1)
        return np.minimum(raw, centre.bound)

    def features(self, contents: Sequence[Any]) -> NDArray[np.float64]:
        """Returns f(y) for every output, shape (len(contents), k); a row that cannot be computed is NaN."""
        return self._features.features(contents)
