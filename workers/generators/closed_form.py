"""Generators whose law under noise, and whose true W₁ under attack, are known in closed form.

The prompt is a number x; the output is y = g(x + η) in [0, 1], printed. They drive the whole service in tests (a seam
with a real implementation in the box), cost nothing, and show what a certificate's numbers mean.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import ModelIdentity
from smoothgen.contracts import Parameters
from smoothgen.errors import InvalidPrompt
from smoothgen.mechanisms import Gaussian
from workers.generators.protocol import Condition, Draw, Failure, Made, Smoothing, Text

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
class _Spec:
    law: Law
    description: str
    batch_s: float = 0.0


SPECS: Final[dict[str, _Spec]] = {
    "closed-form-tanh": _Spec(_tanh, "y = 1/2 + tanh(2(x + noise))/2; its true W1 is known"),
    "closed-form-step": _Spec(_step, "y = 1 where x + noise exceeds 2.5, else 0"),
    "closed-form-three-valued": _Spec(_three_valued, "y = 0, 1/2 or 1: atoms, and a heavy tail of rare large moves"),
    "closed-form-slow": _Spec(_tanh, "closed-form-tanh that takes 50 ms a batch, for watching a job run", batch_s=0.05),
    "closed-form-null": _Spec(_constant, "y = 1/2 whatever the input: measures everything but a model"),
    "closed-form-device": _Spec(
        _tanh, "closed-form-tanh that sleeps 10 ms a batch, as a CPU does while a GPU computes", batch_s=0.01
    ),
    "closed-form-partly-nan": _Spec(_partly_nan, "NaN wherever x + noise exceeds 1: shows how failed samples count"),
    "closed-form-partly-raising": _Spec(_partly_raising, "raises wherever x + noise exceeds 1"),
    "closed-form-broken": _Spec(_always_raising, "raises on every sample: shows how a job fails"),
}


class ClosedForm:
    """One of SPECS as a Generator. The condition is one-dimensional: x itself."""

    default_sigma = 1.0
    longest_prompt_tokens = None
    largest_dimension = 1
    precision = "float64"
    batch_sensitivity = None
    mechanisms = ("embedding",)
    default_betas: ClassVar[dict[str, float]] = {}
    image = None
    classifier = None

    def __init__(self, name: str) -> None:
        self._name, self._spec = name, SPECS[name]

    @cached_property
    def identity(self) -> ModelIdentity:
        """The name is the definition, so its digest stands for the weights'."""
        return ModelIdentity(self._name, "v1", f"sha256:{hashlib.sha256(self._name.encode()).hexdigest()}")

    @property
    def description(self) -> str:
        """What it computes."""
        return self._spec.description

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        """Read the number x. Raises InvalidPrompt for anything else."""
        del parameters
        try:
            x = float(prompt)
        except ValueError:
            x = math.nan
        if not (math.isfinite(x) and abs(x) <= 1e6):
            raise InvalidPrompt(
                f'model {self._name!r} takes a number between -1e6 and 1e6 as its prompt, such as "0.5"; '
                f"got {prompt!r:.80}",
                field="prompt",
            )
        return Condition(
            np.array([x], dtype=np.float32),
            "input number",
            Gaussian(smoothing.level),
            held_fixed=(),
            random=False,
            mixes=(),
        )

    def generate(
        self,
        condition: Condition,
        noise: NDArray[np.float64],
        draws: Sequence[Draw],
        parameters: Parameters,
    ) -> list[Made | Failure]:
        """g at every noisy x. Deterministic: there is no ω."""
        del draws, parameters
        if self._spec.batch_s:
            time.sleep(self._spec.batch_s)
        outputs = self._spec.law(condition.noisy(noise)[:, 0])
        return [Text(repr(float(y))) for y in outputs]


def true_w1(name: str, x: float, sigma: float, attack: float) -> float:
    """The exact W₁ between the outputs at x and at x + attack, by integrating |F_P − F_Q| over outputs.

    For monotone and for three-valued laws both distribution functions are normal CDFs of a threshold in u.
    """
    from scipy.integrate import quad
    from scipy.special import ndtr

    def shifted_mass(threshold: float) -> float:
        return float(abs(ndtr((threshold - x) / sigma) - ndtr((threshold - x - attack) / sigma)))

    if name in ("closed-form-tanh", "closed-form-slow"):
        # F(y) = P(u ≤ artanh(2y − 1)/2); substitute y = g(u).
        def moved(u: float) -> float:
            return shifted_mass(u) / math.cosh(2 * u) ** 2

        return float(quad(moved, -12, 12, limit=400)[0])
    if name == "closed-form-step":
        return shifted_mass(2.5)
    if name == "closed-form-three-valued":
        return 0.5 * (shifted_mass(-1.0) + shifted_mass(1.0))
    raise ValueError(f"no closed form for {name!r}")
