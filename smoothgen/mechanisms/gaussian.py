"""One Gaussian draw per sample on the whole embedding (theory §4, first row; Cohen, Rosenfeld & Kolter 2019)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidCertificate, InvalidEpsilon, InvalidSigma
from smoothgen.noise import Seed, Stream, normals

LEAST_SIGMA: Final = 1e-30
LARGEST_SIGMA: Final = 1e30
"""Noise is drawn in single precision: far outside this range it would be all zero or infinite."""


@dataclass(frozen=True)
class Gaussian:
    """N(0, σ²I) on the prompt embedding, r = ε/σ. Raises InvalidSigma unless σ lies in [1e-30, 1e30]."""

    sigma: float
    name: ClassVar[str] = "gaussian"

    def __post_init__(self) -> None:
        number = isinstance(self.sigma, int | float) and not isinstance(self.sigma, bool)
        if not (number and LEAST_SIGMA <= self.sigma <= LARGEST_SIGMA):
            raise InvalidSigma(
                f"sigma must be a positive finite number in [{LEAST_SIGMA:g}, {LARGEST_SIGMA:g}], got {self.sigma!r}; "
                "over HTTP, robustness.budget lets the server choose it"
            )

    def draw(self, seed: Seed, stream: Stream, indices: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Noise of the samples `indices`, shape (len(indices), *shape), in embedding units."""
        count = math.prod(shape)
        noise = np.empty((len(indices), count), dtype=np.float64)
        for row, index in enumerate(indices):
            noise[row] = self.sigma * normals(seed, stream, index, count)
        return noise.reshape(len(indices), *shape)

    def radius_in_sigmas(self, epsilon: float) -> float:
        """ε/σ rounded up one ulp. Raises InvalidEpsilon unless ε ≥ 0 and finite."""
        if not (math.isfinite(epsilon) and epsilon >= 0):
            raise InvalidEpsilon(f"epsilon must be a finite number of at least 0, got {epsilon!r}")
        return 0.0 if epsilon == 0 else math.nextafter(epsilon / self.sigma, math.inf)

    def epsilon(self, radius_in_sigmas: float) -> float:
        """r·σ rounded down one ulp."""
        return max(0.0, math.nextafter(radius_in_sigmas * self.sigma, 0.0))

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {"name": self.name, "sigma": self.sigma}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Gaussian:
        """Inverse of `to_dict`. Raises InvalidCertificate on a missing or foreign field."""
        sigma = document.get("sigma")
        if set(document) != {"name", "sigma"} or isinstance(sigma, bool) or not isinstance(sigma, int | float):
            raise InvalidCertificate(f"mechanism 'gaussian' takes exactly a numeric sigma, got {dict(document)!r}")
        return cls(float(sigma))
