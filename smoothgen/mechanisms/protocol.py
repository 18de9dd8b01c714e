"""What a smoothing mechanism is: how to draw, and how many sigmas an attack of a given norm is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smoothgen.noise import Seed, Stream


@runtime_checkable
class Mechanism(Protocol):
    """Noise on a condition x ∈ ℝ^d, and its r (theory §4). A certificate is mechanism × spread; this is one half."""

    @property
    def name(self) -> str:
        """Returns the registered name, as it stands in certificates."""
        ...

    @property
    def effective_sigma(self) -> float:
        """Returns the σ of one Gaussian draw on x that protects as well, rounded down."""
        ...

    @property
    def remark(self) -> str | None:
        """Returns a sentence for the certificate's statement, None where there is nothing unusual to say."""
        ...

    def draw(self, seed: Seed, stream: Stream, indices: Sequence[int], shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Returns the noise of the samples `indices` on an x of this shape: (len(indices), *shape), or, from mechanisms
        that draw at every denoising step, (len(indices), steps, *shape).

        In double precision, to be added by `noisy` and by nothing else: the bare sum of two doubles reveals x.
        """
        ...

    def noisy(self, x: NDArray[Any], noise: NDArray[np.float64], step: int = 0) -> NDArray[np.float64]:
        """Returns what the generator receives instead of x: x + noise rounded to a public grid that does not depend on
        x (smoothgen.mechanisms.grid), in double precision, (n, *x.shape).

        Args:
            x: the condition, or one for every row of the noise, (n, *x.shape).
            noise: the noise of n samples as `draw` gives it.
            step: for mechanisms that draw at every denoising step, which of them.

        Any function of the result, a cast to 16 bits too, is post-processing and costs no bound anything.
        """
        ...

    def rounding_slack(self, dimension: int) -> float:
        """Returns how far, in total variation, everything that a generator receives of an x of `dimension` numbers may
        be from ideal Gaussian noise rounded to the same grid, whatever x is; an upper bound (docs/theory/numerics.md).

        Raises InvalidParameters for a dimension the mechanism does not fit.
        """
        ...

    def radius_in_sigmas(self, epsilon: float) -> float:
        """Returns r for an attack of norm epsilon (see `attack_norm`), rounded up: the side on which bounds stay
        bounds."""
        ...

    @property
    def norm(self) -> str:
        """Returns which norm `attack_norm` is, in words that fit before "norm" in a statement: "l2" for round noise."""
        ...

    def attack_norm(self, delta: NDArray[np.float64]) -> float:
        """Returns the norm epsilon is measured in, of an attack delta on x (shape of x), rounded up: l2 for round
        noise.

        Raises InvalidEpsilon unless every component is finite.
        """
        ...

    def noise_norm(self, dimension: int) -> float:
        """Returns how long the noise on an x of this many numbers is, √E‖η‖² in l2 units: σ_eff·√d for round noise, of
        schedules that of the one draw that protects as well.

        Raises InvalidParameters for a dimension the mechanism does not fit.
        """
        ...

    def epsilon(self, radius_in_sigmas: float) -> float:
        """Returns the attack norm of a given r, rounded down: the side on which radii stay radii."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form, read back by `mechanism_from_dict`."""
        ...


@runtime_checkable
class Projecting(Mechanism, Protocol):
    """A mechanism under which the likelihood ratio of a KNOWN shift δ of x can be told from a sample's noise."""

    def project(self, noise: NDArray[np.float64], delta: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
        """Returns (u, r) with ρ_δ = e^{ru − r²/2}: u standard normal, shape (n,) for `noise` of n samples as `draw`
        gives it, and r the shift in sigmas of all the noise together, to double precision and not rounded to a side. δ
        ≠ 0."""
        ...
