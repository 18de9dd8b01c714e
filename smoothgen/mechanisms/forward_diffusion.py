"""Image-to-image: the pipeline's own forward noise is a smoothing of the seed image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from smoothgen.mechanisms.gaussian import Gaussian
from smoothgen.mechanisms.scale import OneNoiseLevel, printed, read_fields, require_sigma
from smoothgen.noise import Seed, Stream


@dataclass(frozen=True)
class ForwardDiffusion(OneNoiseLevel):
    """a·x + b·ξ with ξ ~ N(0, I) is a·(x + N(0, (b/a)²I)): a smoothing of x with σ = b/a (Carlini et al. 2022).

    signal: a, √ᾱ of the first step for a variance-preserving scheduler, 1 for one that works in sigmas. noise: b,
    √(1 − ᾱ) or the sigma itself.

    Proof: docs/theory/mechanisms.md, "The pipeline's own forward noise". Raises InvalidSigma unless both, and their
    ratio, are positive numbers.
    """

    signal: float
    noise: float
    name: ClassVar[str] = "forward-diffusion"

    def __post_init__(self) -> None:
        require_sigma("signal", self.signal)
        require_sigma("noise", self.noise)
        require_sigma("noise / signal", self.noise / self.signal)

    @property
    def effective_sigma(self) -> float:
        """Returns b/a rounded down one ulp, in units of the seed image's latent."""
        return math.nextafter(self.noise / self.signal, 0.0)

    @property
    def drawn_sigma(self) -> float:
        """Returns b/a as it is drawn, in units of the seed image's latent."""
        return self.noise / self.signal

    @property
    def remark(self) -> str:
        """Returns whose noise it is, in a sentence."""
        sigma = printed(self.effective_sigma)
        return f"The noise is the pipeline's own forward noise, of sigma {sigma} on the latent."

    def draw(self, seed: Seed, stream: Stream, indices: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Returns the noise on x of the samples `indices`, shape (len(indices), *shape); whoever adds it multiplies by
        a."""
        return Gaussian(self.drawn_sigma).draw(seed, stream, indices, shape)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {"name": self.name, "signal": self.signal, "noise": self.noise}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ForwardDiffusion:
        """Reads what `to_dict` writes. Raises InvalidCertificate on a missing or foreign field."""
        return cls(**read_fields(document, cls.name, {"signal": float, "noise": float}))
