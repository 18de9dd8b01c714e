"""Noise that follows the denoising steps: σ_t = β√(t/T), t = T first.

Both mechanisms draw for every sample one block a step, in the order the network meets them: row 0 belongs to t = T.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from smoothgen.mechanisms.grid import on_grid, slack_per_number
from smoothgen.mechanisms.scale import OneNoiseLevel, direction, printed, read_fields, require_sigma, require_steps
from smoothgen.noise import Seed, Stream, normals

_SLACK = 1e-12  # relative, far above the error of a few thousand additions and three roundings


@dataclass(frozen=True)
class _Schedule(OneNoiseLevel):
    """β > 0, the level at the first and noisiest step, and T, the number of steps."""

    beta: float
    steps: int

    name: ClassVar[str]

    def __post_init__(self) -> None:
        require_sigma("beta", self.beta)
        require_steps(self.steps)

    @property
    def sigmas(self) -> NDArray[np.float64]:
        """Returns σ_t for t = T, T − 1, …, 1, shape (T,)."""
        t = np.arange(self.steps, 0, -1)
        levels: NDArray[np.float64] = self.beta * np.sqrt(t / self.steps)
        return levels

    def draw(self, seed: Seed, stream: Stream, indices: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Returns the noise of the samples `indices` at every step, shape (len(indices), T, *shape)."""
        count = math.prod(shape)
        noise = np.empty((len(indices), self.steps, count), dtype=np.float64)
        for row, index in enumerate(indices):
            for step, sigma in enumerate(self.sigmas):
                noise[row, step] = sigma * normals(seed, stream, index, count, step=step)
        return noise.reshape(len(indices), self.steps, *shape)

    def noisy(self, x: NDArray[Any], noise: NDArray[np.float64], step: int = 0) -> NDArray[np.float64]:
        """Returns x + η_t on the grid of σ_t, t = T − step: shape (n, *x.shape) from noise of shape (n, T,
        *x.shape)."""
        return on_grid(x, noise[:, step], float(self.sigmas[step]))

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {"name": self.name, "beta": self.beta, "steps": self.steps}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Reads what `to_dict` writes. Raises InvalidCertificate on a missing or foreign field."""
        return cls(**read_fields(document, cls.name, {"beta": float, "steps": int}))


@dataclass(frozen=True)
class GaussianPerStep(_Schedule):
    """A fresh draw on the embedding at every step: T noisy views of x compose to one of σ_eff = β/√(T·H_T).

    Gaussian composition: the views are jointly Gaussian, and δ moves view t by ‖δ‖/σ_t of its own σ, so the whole by
    r = ‖δ‖·√(Σ_t σ_t⁻²) (Dong, Roth & Su 2019, corollary 3.3). Much weaker than one draw held through all steps.
    Proof: docs/theory/mechanisms.md, "The embedding, a fresh draw at every step".

    Raises InvalidSigma, InvalidParameters.
    """

    name: ClassVar[str] = "gaussian-per-step"

    @property
    def effective_sigma(self) -> float:
        """Returns β/√(T·H_T), H_T = 1 + 1/2 + … + 1/T, rounded down."""
        harmonic = math.fsum(1 / t for t in range(1, self.steps + 1))
        return self.beta / math.sqrt(self.steps * harmonic) * (1 - _SLACK)

    def rounding_slack(self, dimension: int) -> float:
        """Returns d·Σ_t β₀(σ_t): the network receives every number of x once a step."""
        return dimension * math.fsum(map(slack_per_number, self.sigmas.tolist())) * (1 + _SLACK)

    def project(self, noise: NDArray[np.float64], delta: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Returns u = Σ_t ⟨η_t, δ⟩/(σ_t²·‖δ‖·s), s = √(Σ_t σ_t⁻²), shape (n,), and r = ‖δ‖·s: all views together."""
        norm, unit = direction(delta)
        along = noise.reshape(len(noise), self.steps, -1) @ unit
        precisions = self.sigmas**-2.0
        together = math.sqrt(float(np.sum(precisions)))
        u: NDArray[np.float64] = along @ (precisions / together)
        return u, norm * together

    @property
    def remark(self) -> str:
        """Returns what the composition costs, in a sentence."""
        return (
            f"The network sees {self.steps} independently noised copies of the embedding; together they protect like "
            f"one draw of sigma {printed(self.effective_sigma)}."
        )


@dataclass(frozen=True)
class LatentSchedule(_Schedule):
    """The latent noise schedule against an attack on the initial latent: r = ε/β.

    The block of t = T is added before the network first sees the latent, and hides the attack with σ_T = β; x enters
    nowhere else, so whatever the later steps add is post-processing.

    Proof: docs/theory/mechanisms.md, "The latent schedule". Raises InvalidSigma, InvalidParameters.
    """

    name: ClassVar[str] = "latent-schedule"

    @property
    def effective_sigma(self) -> float:
        """Returns β: only the first step's noise protects."""
        return self.beta

    @property
    def remark(self) -> str:
        """Returns which of the noise protects, in a sentence."""
        return (
            f"Noise is added to the latent before each of {self.steps} steps; what protects is the first, of sigma "
            f"{printed(self.beta)}."
        )
