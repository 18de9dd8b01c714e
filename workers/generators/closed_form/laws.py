"""The functions g of the closed-form models, and the models by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Law = Callable[[NDArray[np.float64]], NDArray[np.float64]]


def _tanh(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 + 0.5 * np.tanh(2 * u)


def _constant(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.full(u.shape, 0.5)


def _step(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return (u > 2.5).astype(np.float64)


def _three_valued(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return 0.5 + 0.5 * np.sign(u) * (np.abs(u) > 1)


def _partly_nan(u: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(u > 1, np.nan, _tanh(u))


def _partly_raising(u: NDArray[np.float64]) -> NDArray[np.float64]:
    if (u > 1).any():
        raise FloatingPointError("this generator fails wherever x + noise exceeds 1")
    return _tanh(u)


def _always_raising(u: NDArray[np.float64]) -> NDArray[np.float64]:
    raise FloatingPointError(f"this generator fails on every sample ({len(u)} of {len(u)})")


@dataclass(frozen=True)
class Spec:
    """A closed-form model: its function g, its sentence for GET /models, and the seconds it sleeps a batch."""

    law: Law
    description: str
    batch_s: float = 0.0


SPECS: Final[dict[str, Spec]] = {
    "closed-form-tanh": Spec(_tanh, "y = 1/2 + tanh(2(x + noise))/2; its true W1 is known"),
    "closed-form-step": Spec(_step, "y = 1 where x + noise exceeds 2.5, else 0"),
    "closed-form-three-valued": Spec(_three_valued, "y = 0, 1/2 or 1: atoms, and a heavy tail of rare large moves"),
    "closed-form-slow": Spec(_tanh, "closed-form-tanh that takes 50 ms a batch, for watching a job run", batch_s=0.05),
    "closed-form-null": Spec(_constant, "y = 1/2 whatever the input: measures everything but a model"),
    "closed-form-device": Spec(
        _tanh, "closed-form-tanh that sleeps 10 ms a batch, as a CPU does while a GPU computes", batch_s=0.01
    ),
    "closed-form-partly-nan": Spec(_partly_nan, "NaN wherever x + noise exceeds 1: shows how failed samples count"),
    "closed-form-partly-raising": Spec(_partly_raising, "raises wherever x + noise exceeds 1"),
    "closed-form-broken": Spec(_always_raising, "raises on every sample: shows how a job fails"),
}
