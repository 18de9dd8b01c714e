"""The network x, ω ↦ picture, in double precision, with its Lipschitz constant in x and its rounding error proven.

    h₀ = clamp(x),  h_l = MaxMin(W_l h_(l−1) + U_l ω + b_l),  picture = clamp(W h + U ω + b) to [0, 1]

The styles ω only move biases, so whatever U_l is, x ↦ picture is Lipschitz with ∏‖W_l‖₂ for every ω: clamping and
sorting pairs (MaxMin; Anil, Lucas & Grosse 2019) move no two points apart. docs/theory/lipschitz.md, last section.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.bounds.rounding import round_up
from workers.generators.lipschitz.norms import (
    UNDERFLOW,
    UNIT_ROUNDOFF,
    frobenius_bound,
    gamma,
    product_up,
    spectral_norm_bound,
)

Array = NDArray[np.float64]

CLAMP: Final = 8.0
"""The bound to which every coordinate of x + η and of ω is clamped, and so a bound on everything that follows, wherever
an attack puts x. No coordinate of the shipped model's conditions exceeds 1, and one in 10¹⁵ of σ = 1 noise exceeds 8.
"""
CHANNELS: Final = 3
_LEVELS: Final = 255


@dataclass(frozen=True)
class Layer:
    """One affine layer: weight W (out, in), style U (out, styles) and bias b (out,), in double precision."""

    weight: Array
    style: Array
    bias: Array

    def __call__(self, h: Array, omega: Array) -> Array:
        """Returns W h + U ω + b for a batch of rows."""
        out: Array = h @ self.weight.T + (omega @ self.style.T + self.bias)
        return out


@dataclass(frozen=True)
class LipschitzNetwork:
    """The layers in order; between them MaxMin, so every layer but the last has an even number of outputs."""

    layers: Sequence[Layer]
    side: int

    @property
    def width(self) -> int:
        """Returns the number of coordinates of x."""
        return int(self.layers[0].weight.shape[1])

    @property
    def styles(self) -> int:
        """Returns the number of coordinates of ω."""
        return int(self.layers[0].style.shape[1])

    @property
    def pixels(self) -> int:
        """Returns the number m of channel values of a picture."""
        return CHANNELS * self.side**2

    def __call__(self, x: Array, omega: Array) -> Array:
        """Returns pictures in [0, 1], shape (n, m), of conditions (n, width) and styles (n, styles)."""
        h, omega = np.clip(x, -CLAMP, CLAMP), np.clip(omega, -CLAMP, CLAMP)
        *hidden, last = self.layers
        for layer in hidden:
            h = max_min(layer(h, omega))
        return np.clip(last(h, omega), 0.0, 1.0)

    def pictures(self, x: Array, omega: Array) -> NDArray[np.uint8]:
        """Returns the pictures as they are served, uint8 of shape (n, side, side, 3)."""
        rounded = np.rint(self(x, omega) * _LEVELS).astype(np.uint8)
        return rounded.reshape(-1, self.side, self.side, CHANNELS)

    @cached_property
    def factors(self) -> tuple[float, ...]:
        """Returns upper bounds on the factors of L: ‖W_l‖₂ from x to picture, then 1/√m for the root mean square, each
        rounded up (`spectral_norm_bound`; theorem T4, docs/theory/lipschitz.md, last section)."""
        mean = math.nextafter(1 / math.sqrt(self.pixels), math.inf)
        return (*(round_up(spectral_norm_bound(layer.weight)) for layer in self.layers), math.nextafter(mean, math.inf))

    @cached_property
    def constant(self) -> float:
        """Returns L, rounded up: for every ω the exact network moves by at most L‖x − x'‖₂ in RMSE (theorem T4,
        docs/theory/lipschitz.md)."""
        return round_up(product_up(self.factors))

    @cached_property
    def offset(self) -> float:
        """Returns an upper bound on |RMSE of two served pictures − RMSE of the exact network's|, for every x, x' and ω
        (docs/theory/lipschitz.md, last section).

        Each served picture is off by half a level in every pixel, by u in 255·y, and by `float_error`.
        """
        each = 0.5 / _LEVELS + 2 * UNIT_ROUNDOFF + self.float_error
        return round_up(2 * each * (1 + gamma(8)))

    @cached_property
    def float_error(self) -> float:
        """Returns an upper bound on RMSE(computed y, exact y), uniformly over inputs, the rounding of x + η included
        (docs/theory/lipschitz.md, last section).

        E_l ≤ ‖W_l‖ E_(l−1) + γ_N ‖a_l‖₂ with a_l = |W_l| m_(l−1) + |U_l| CLAMP + |b_l|, where N is the number of
        operations in a row and m_l bounds every |h_l| elementwise. MaxMin and clamping are exact, and move no two
        points apart.
        """
        largest = np.full(self.width, CLAMP)
        # Rounding is monotone: where |x + η| ≥ CLAMP its rounding is clamped to the same number.
        error = UNIT_ROUNDOFF * CLAMP * self.width
        for k, layer in enumerate(self.layers):
            outputs, inputs = layer.weight.shape
            of_row = gamma(inputs + self.styles + 4)
            sums = np.abs(layer.weight) @ largest + (np.abs(layer.style).sum(axis=1) * CLAMP + np.abs(layer.bias))
            sums = sums * (1 + 4 * of_row)  # computed in double precision too
            underflows = (inputs + self.styles + 4) * outputs * UNDERFLOW
            error = (self.factors[k] * error + of_row * frobenius_bound(sums) + underflows) * (1 + gamma(16))
            if k + 1 < len(self.layers):  # |computed| ≤ sums·(1 + γ) ≤ the above, and a pair shares its larger
                largest = np.repeat(sums.reshape(-1, 2).max(axis=1) * (1 + of_row) + underflows, 2)
        return error / math.sqrt(self.pixels) * (1 + gamma(16))


def max_min(z: Array) -> Array:
    """Replaces neighbours (2i, 2i + 1) of every row by their maximum and minimum. The map is a permutation, exact, and
    1-Lipschitz (Anil, Lucas & Grosse 2019)."""
    pairs = z.reshape(len(z), -1, 2)
    return np.stack([pairs.max(axis=-1), pairs.min(axis=-1)], axis=-1).reshape(z.shape)


def network_of(tensors: Mapping[str, NDArray[Any]], side: int) -> LipschitzNetwork:
    """Reads the tensors "0.weight", "0.style", "0.bias", "1.weight" and so on. Raises ValueError where shapes do not
    fit together."""
    count = sum(name.endswith(".weight") for name in tensors)
    layers = [
        Layer(*(np.asarray(tensors[f"{k}.{part}"], dtype=np.float64) for part in ("weight", "style", "bias")))
        for k in range(count)
    ]
    network = LipschitzNetwork(layers, side)
    width = network.width
    for k, layer in enumerate(layers):
        outputs = network.pixels if k == count - 1 else layer.weight.shape[0]
        fits = layer.weight.shape == (outputs, width) and layer.style.shape == (outputs, network.styles)
        if not fits or layer.bias.shape != (outputs,) or (k < count - 1 and outputs % 2):
            raise ValueError(
                f"layer {k} has weight {layer.weight.shape}, style {layer.style.shape}, bias {layer.bias.shape}; "
                f"it takes {width} numbers and {network.styles} styles, and MaxMin needs an even number of outputs"
            )
        if not all(np.isfinite(part).all() for part in (layer.weight, layer.style, layer.bias)):
            raise ValueError(f"layer {k} has weights that are not finite: nothing can be proven of it")
        width = outputs
    return network
