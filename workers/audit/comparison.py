"""What an audit found: the distances that a certificate states beside those that were measured again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Comparison:
    """Samples of a certificate that were run again.

    samples: how many it has. indices: which were run, counted from 0, in increasing order, shape (k,). stated,
    measured: their distances, metric units, shape (k,); +inf where a sample failed. tolerance: by how much two
    distances of one sample may differ. output: what the certificate states of the output, where the prompt's own run
    was made again, None where it was not; own_output: the digest that this run gave.
    """

    samples: int
    indices: tuple[int, ...]
    stated: NDArray[np.float64]
    measured: NDArray[np.float64]
    tolerance: float
    output: str | None = None
    own_output: str | None = None

    @property
    def differences(self) -> NDArray[np.float64]:
        """Returns by how much each sample differs, shape (k,): 0 where both failed, +inf where one did."""
        equal = self.stated == self.measured  # inf - inf is no number
        return np.where(
            equal, 0.0, np.abs(np.subtract(self.stated, self.measured, where=~equal, out=np.zeros_like(self.stated)))
        )

    @property
    def differing(self) -> tuple[int, ...]:
        """Returns the indices of the samples that differ by more than the tolerance."""
        return tuple(np.array(self.indices, dtype=int)[self.differences > self.tolerance].tolist())

    @property
    def agrees(self) -> bool:
        """Returns whether every sample, and the output where it was made again, is as the certificate states."""
        return not self.differing and self.output == self.own_output

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form; a failed sample's distance is null."""
        return {
            "agrees": self.agrees,
            "samples": self.samples,
            "tolerance": self.tolerance,
            "compared": [
                {"index": index, "stated": _finite(stated), "measured": _finite(measured)}
                for index, stated, measured in zip(
                    self.indices, self.stated.tolist(), self.measured.tolist(), strict=True
                )
            ],
            "differing": [*self.differing],
            "output": None if self.output is None else {"stated": self.output, "measured": self.own_output},
        }


def _finite(distance: float) -> float | None:
    return distance if np.isfinite(distance) else None
