"""The empirical Wasserstein-1 distance between two samples, and what it proves of the true one."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import ot
from numpy.typing import NDArray

from smoothgen.errors import InvalidDistances

Features = NDArray[np.float64]


@dataclass(frozen=True)
class Transport:
    """value: W₁ between the two empirical laws, metric units: an estimate, biased upwards. high: the true W₁ is at most
    this with probability 1 − alpha. floor: the same estimate between two halves of the first sample, whose true W₁ is
    0, at half the size: what the value would be about if nothing had moved."""

    value: float
    high: float
    floor: float


def empirical_w1(first: Features, second: Features, *, diameter: float, alpha: float) -> Transport:
    """Returns W₁ of two samples of features, shapes (n, d) and (m, d), whose distance is Euclidean and ≤ diameter.

    high is value + D·√(ln(1/α)·(1/n + 1/m)/2), at most D. The mean of the empirical W₁ is never below the true one (W₁
    is convex in the pair of laws, and empirical laws have the true ones as their means), one changed row moves the
    empirical W₁ by at most D/n or D/m, and McDiarmid's inequality does the rest. Computed exactly by Python Optimal
    Transport. A failed row lies at `diameter` from every other row. Raises InvalidDistances unless both samples have
    two rows or more of one width.
    """
    if min(len(first), len(second)) < 2 or first.shape[1] != second.shape[1]:
        raise InvalidDistances(
            f"W1 needs two rows or more of one width on both sides, got shapes {first.shape} and {second.shape}",
            field="features",
        )
    value = _w1(first, second, diameter)
    slack = diameter * math.sqrt(math.log(1 / alpha) * (1 / len(first) + 1 / len(second)) / 2)
    half = len(first) // 2
    return Transport(value, min(diameter, value + slack), _w1(first[:half], first[half : 2 * half], diameter))


def _w1(first: Features, second: Features, diameter: float) -> float:
    costs = np.linalg.norm(first[:, None] - second[None], axis=2)
    costs = np.where(np.isfinite(costs), np.minimum(costs, diameter), diameter)
    uniform = [np.full(len(cloud), 1 / len(cloud)) for cloud in (first, second)]
    return float(ot.emd2(*uniform, costs, numItermax=1_000_000))
