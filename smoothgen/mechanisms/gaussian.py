"""One Gaussian draw per sample on the whole embedding (Cohen, Rosenfeld & Kolter 2019)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from smoothgen.mechanisms.scale import OneNoiseLevel, direction, read_fields, require_sigma
from smoothgen.noise import Seed, Stream, normals


@dataclass(frozen=True)
class Gaussian(OneNoiseLevel):
    """N(0, σ²I) on the prompt embedding, r = ε/σ. Raises InvalidSigma unless σ lies in [1e-30, 1e30].

    Proof: docs/theory/mechanisms.md, "The embedding, one draw held".
    """

    sigma: float
    name: ClassVar[str] = "gaussian"

    def __post_init__(self) -> None:
        require_sigma("sigma", self.sigma)

    @property
    def effective_sigma(self) -> float:
        """Returns σ, in embedding units."""
        return self.sigma

    def draw(self, seed: Seed, stream: Stream, indices: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Returns the noise of the samples `indices`, shape (len(indices), *shape), in embedding units."""
        count = math.prod(shape)
        noise = np.empty((len(indices), count), dtype=np.float64)
        for row, index in enumerate(indices):
            noise[row] = self.sigma * normals(seed, stream, index, count)
        return noise.reshape(len(indices), *shape)

    def project(self, noise: NDArray[np.float64], delta: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Returns u = ⟨η, δ⟩/(σ‖δ‖), shape (n,), and r = ‖δ‖/σ. δ ≠ 0."""
        norm, unit = direction(delta)
        u: NDArray[np.float64] = noise.reshape(len(noise), -1) @ (unit / self.sigma)
        return u, norm / self.sigma

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {"name": self.name, "sigma": self.sigma}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Gaussian:
        """Reads what `to_dict` writes. Raises InvalidCertificate on a missing or foreign field."""
        return cls(**read_fields(document, cls.name, {"sigma": float}))
