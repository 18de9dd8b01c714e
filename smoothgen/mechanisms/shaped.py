"""Gaussian noise of a published shape, N(0, σ²·AAᵀ).

Whitening by A⁻¹ turns it into round noise, so everything known of round noise holds with attacks measured in the norm
‖A⁻¹δ‖₂. A certificate carries A: without it nobody could measure an attack.
Proof: docs/theory/mechanisms.md, "The embedding, noise of a shape".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidEpsilon, InvalidParameters, InvalidSigma
from smoothgen.mechanisms.gaussian import Gaussian
from smoothgen.mechanisms.grid import on_grid
from smoothgen.mechanisms.scale import (
    LARGEST_SHIFT_IN_SIGMAS,
    OneNoiseLevel,
    direction,
    printed,
    read_fields,
    require_sigma,
)
from smoothgen.mechanisms.shape import Shape, invalid_shape
from smoothgen.noise import Seed, Stream

_FURTHEST: Final = 1024.0
"""Sigmas from the origin, ‖A⁻¹x‖/σ: what an embedding may be for the error of A⁻¹x to stay negligible."""


@dataclass(frozen=True)
class ShapedGaussian(OneNoiseLevel):
    """N(0, σ²·AAᵀ) on the prompt embedding, r = ‖A⁻¹δ‖/σ. Raises InvalidSigma unless σ lies in [1e-30, 1e30].

    Epsilon, wherever it appears with this mechanism, is ‖A⁻¹δ‖₂. Proof: docs/theory/mechanisms.md, "The embedding,
    noise of a shape".
    """

    sigma: float
    shape: Shape
    name: ClassVar[str] = "shaped-gaussian"

    def __post_init__(self) -> None:
        require_sigma("sigma", self.sigma)

    def __str__(self) -> str:
        return f"{type(self).__name__}(sigma={self.sigma!r}, shape={self.shape.name!r})"

    @property
    def effective_sigma(self) -> float:
        """Returns σ, in units of the ellipsoid's norm."""
        return self.sigma

    @property
    def norm(self) -> str:
        """Returns "ellipsoid": `remark` says which norm that is."""
        return "ellipsoid"

    @property
    def remark(self) -> str:
        """Returns the norm in words, with the ball's extreme half-axes in l2 units."""
        shape, (shortest, longest) = self.shape, self.shape.half_axes
        least, most = printed(shortest), _printed_up(longest)
        return (
            "The noise is longer in some directions than in others, and epsilon is measured in its ellipsoid norm: "
            "that of an attack delta is the l2 norm of A^-1·delta, A being the "
            f"{shape.dimension}×{shape.dimension} matrix of determinant 1 that this certificate carries (shape "
            f"{shape.name!r}, {shape.digest}). In l2 units the ball of radius epsilon is an ellipsoid with half-axes "
            f"from {least}·epsilon to {most}·epsilon: every attack of an l2 norm up to the first lies inside, none of "
            "an l2 norm above the second."
        )

    def noise_norm(self, dimension: int) -> float:
        """Returns √E‖η‖² = σ‖A‖_F. Raises InvalidParameters where x has another dimension than the shape."""
        self._require_dimension(dimension)
        return self.sigma * float(np.linalg.norm(self.shape.matrix))

    def draw(self, seed: Seed, stream: Stream, indices: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Returns the noise before it is given its shape, σ·z, (len(indices), *shape): `noisy` multiplies by A.

        Raises InvalidParameters for an x of another dimension than the shape's.
        """
        self._require_dimension(math.prod(shape))
        return Gaussian(self.sigma).draw(seed, stream, indices, shape)

    def noisy(self, x: NDArray[Any], noise: NDArray[np.float64], step: int = 0) -> NDArray[np.float64]:
        """Returns A·(A⁻¹x + σz, on the grid of σ), (n, *x.shape): round noise where the shape is a ball, then the map
        back.

        Raises InvalidSigma for an x further than 1024σ from the origin in the ellipsoid norm.
        """
        del step
        whitened = on_grid(self._centres(x, _FURTHEST), noise.reshape(-1, self.shape.dimension), self.sigma)
        # Every row has a product of its own, not one for the batch: matrix products of another size round differently.
        return np.stack([self.shape.matrix @ row for row in whitened]).reshape(noise.shape)

    def require_near(self, x: NDArray[Any]) -> None:
        """Raises InvalidSigma unless x, (*x.shape), and whatever an attack of 128σ makes of it are near enough to the
        origin for `noisy`: an x that is served must not come to be refused by an attack within a certified radius."""
        self._centres(x, _FURTHEST - LARGEST_SHIFT_IN_SIGMAS)

    def _centres(self, x: NDArray[Any], sigmas: float) -> NDArray[np.float64]:
        """Returns A⁻¹x for every row of x, (rows, d). Raises InvalidSigma for one longer than so many sigmas."""
        centres = self.shape.whitened(np.asarray(x, dtype=np.float64).reshape(-1, self.shape.dimension).T).T
        furthest = float(np.sqrt(np.square(centres).sum(axis=1)).max())
        if not furthest <= sigmas * self.sigma:
            raise InvalidSigma(
                f"the embedding's ellipsoid norm {furthest:.6g} is more than {sigmas:g} times sigma={self.sigma!r}; "
                "use a larger sigma, or mechanism 'embedding'",
                field="robustness.sigma",
            )
        return centres

    def rounding_slack(self, dimension: int) -> float:
        """Returns d·β₀ and what the error of A⁻¹x can add: it moves the centre of the noise by at most slack·(‖A⁻¹x‖ +
        ‖A⁻¹(x + δ)‖)/2, and a move of m sigmas is at most 0.4·m in total variation."""
        self._require_dimension(dimension)
        return super().rounding_slack(dimension) + 0.4 * self.shape.slack * (_FURTHEST + LARGEST_SHIFT_IN_SIGMAS)

    def attack_norm(self, delta: NDArray[np.float64]) -> float:
        """Returns ‖A⁻¹δ‖₂, rounded up past the error of solving. Raises InvalidEpsilon unless δ has the shape's
        dimension and finite components."""
        if delta.size != self.shape.dimension:
            raise InvalidEpsilon(
                f"an attack under shape {self.shape.name!r} has {self.shape.dimension} numbers, got {delta.size}"
            )
        largest = norm = float(np.max(np.abs(delta)))
        if math.isfinite(largest) and largest > 0:
            whitened = self.shape.whitened(delta.reshape(-1) / largest)
            length = math.sqrt(float(np.sum(np.square(whitened)))) * (1 + self.shape.slack)
            norm = math.nextafter(largest * length, math.inf)
        if not math.isfinite(norm):
            raise InvalidEpsilon(f"an attack must have finite components and a finite norm, got one of norm {norm!r}")
        return norm

    def project(self, noise: NDArray[np.float64], delta: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Returns u = ⟨z, A⁻¹δ⟩/‖A⁻¹δ‖, shape (n,), and r = ‖A⁻¹δ‖/σ. δ ≠ 0."""
        norm, unit = direction(self.shape.whitened(delta.reshape(-1)))
        u: NDArray[np.float64] = noise.reshape(len(noise), -1) @ (unit / self.sigma)
        return u, norm / self.sigma

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form, the matrix included."""
        return {"name": self.name, "sigma": self.sigma, "shape": self.shape.to_dict()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ShapedGaussian:
        """Reads what `to_dict` writes. Raises InvalidCertificate on a missing, foreign or ill-typed field."""
        if "shape" not in document:
            raise invalid_shape(
                f"mechanism {cls.name!r} takes exactly sigma (number) and shape; got {dict(document)!r:.200}"
            )
        rest = {key: value for key, value in document.items() if key != "shape"}
        return cls(**read_fields(rest, cls.name, {"sigma": float}), shape=Shape.from_dict(document["shape"]))

    def _require_dimension(self, count: int) -> None:
        if count != self.shape.dimension:
            raise InvalidParameters(
                f"shape {self.shape.name!r} is one of {self.shape.dimension} numbers, and x has {count}; use a shape "
                "learnt for this model, or mechanism 'embedding'"
            )


def _printed_up(value: float) -> str:
    """Returns six digits of a length, rounded up."""
    return f"{float(Context(prec=6, rounding=ROUND_CEILING).create_decimal(repr(value))):.6g}"
