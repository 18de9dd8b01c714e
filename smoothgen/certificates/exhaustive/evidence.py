"""What an exhaustive certificate rests on: the cost of every token sequence that was run, and how far its output is."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.certificates.evidence import LARGEST_BOUND, LEAST_BOUND
from smoothgen.certificates.packing import FLOAT64, in_base64, numbers, packed, unpacked
from smoothgen.errors import InvalidCertificate, InvalidDistances, InvalidMetric


@dataclass(frozen=True, eq=False)
class ExhaustiveEvidence:
    """The runs in order of cost, the prompt itself first, and where the list ends.

    costs: float64, shape (n,), never falling, the first 0: the least l2 norm, rounded DOWN, of an attack that can reach
    the sequence (`certified_cost`), embedding units. distances: float64, shape (n,), of each output to the first one,
    metric units; +inf marks a failed run, which lies at the diameter. diameter: D, at least every possible distance
    between two outputs. next_cost: at most the cost of every sequence that was not run; None where there is no other.
    """

    costs: NDArray[np.float64]
    distances: NDArray[np.float64]
    diameter: float
    next_cost: float | None

    @classmethod
    def from_runs(
        cls, costs: ArrayLike, distances: ArrayLike, *, diameter: float, next_cost: float | None
    ) -> ExhaustiveEvidence:
        """Checks and packs the runs. NaN and +inf are failed runs.

        Raises InvalidMetric for a diameter out of range, InvalidDistances for lists that are no evidence: empty, of two
        lengths, out of order, negative, a distance beyond the diameter, a first run that is not the prompt's own.
        """
        if not LEAST_BOUND <= diameter <= LARGEST_BOUND:  # refuses NaN too
            raise InvalidMetric(
                f"diameter must be a positive finite number in [{LEAST_BOUND:g}, {LARGEST_BOUND:g}], got {diameter!r}",
                field="diameter",
            )
        paid = numbers(costs, "costs") + 0.0  # −0 becomes 0
        measured = numbers(distances, "distances") + 0.0
        measured = np.where(np.isnan(measured), math.inf, measured)
        _require_costs(paid, measured, next_cost)
        _require_distances(measured, float(diameter))
        measured = np.where(np.isinf(measured), math.inf, np.minimum(measured, diameter))
        return cls._of(paid, measured, float(diameter), None if next_cost is None else float(next_cost) + 0.0)

    @classmethod
    def _of(
        cls, costs: NDArray[np.float64], distances: NDArray[np.float64], diameter: float, next_cost: float | None
    ) -> ExhaustiveEvidence:
        for array in (costs, distances):
            array.setflags(write=False)
        return cls(costs=costs, distances=distances, diameter=diameter, next_cost=next_cost)

    def __eq__(self, other: object) -> bool:
        """Equal evidence has equal runs in equal order, an equal end and an equal diameter."""
        if not isinstance(other, ExhaustiveEvidence):
            return NotImplemented
        return self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, float, float | None]:
        return self.sha256, self.diameter, self.next_cost

    @property
    def runs(self) -> int:
        """Returns n, the prompt's own run and failed runs included."""
        return len(self.costs)

    @cached_property
    def failed(self) -> int:
        """Returns how many runs failed or measured NaN."""
        return int(np.count_nonzero(np.isinf(self.distances)))

    @cached_property
    def sha256(self) -> str:
        """Returns the digest of the packed costs and, behind them, the packed distances, "sha256:<hex>"."""
        return f"sha256:{hashlib.sha256(packed(self.costs) + packed(self.distances)).hexdigest()}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form: eight bytes a number, base64."""
        return {
            "encoding": FLOAT64,
            "costs": in_base64(self.costs),
            "distances": in_base64(self.distances),
            "sha256": self.sha256,
        }

    @classmethod
    def from_dict(cls, document: Any, *, diameter: float, next_cost: float | None) -> ExhaustiveEvidence:
        """Reads what `to_dict` writes. Raises InvalidCertificate. The stated sha256 is checked by `verify`, not
        here."""
        if not isinstance(document, Mapping) or set(document) != {"encoding", "costs", "distances", "sha256"}:
            raise InvalidCertificate(
                "evidence must be an object with encoding, costs, distances and sha256", field="evidence"
            )
        if document["encoding"] != FLOAT64:
            raise InvalidCertificate(
                f"evidence.encoding must be {FLOAT64!r}, got {document['encoding']!r:.80}", field="evidence.encoding"
            )
        costs, distances = (unpacked(document[name], f"evidence.{name}") for name in ("costs", "distances"))
        if np.isnan(distances).any():
            raise InvalidCertificate(
                "evidence.distances must hold no NaN (a failed run is +inf)", field="evidence.distances"
            )
        for name, read_back in (("costs", costs), ("distances", distances)):
            if np.signbit(read_back).any():
                raise InvalidCertificate(f"evidence.{name} must be at least 0", field=f"evidence.{name}")
        try:
            read = cls.from_runs(costs, distances, diameter=diameter, next_cost=next_cost)
        except (InvalidDistances, InvalidMetric) as error:
            raise InvalidCertificate(f"evidence: {error}", field="evidence") from error
        if not np.array_equal(read.distances, distances):
            raise InvalidCertificate("evidence.distances must not exceed the diameter", field="evidence.distances")
        return read


def _require_costs(costs: NDArray[np.float64], distances: NDArray[np.float64], next_cost: float | None) -> None:
    if costs.ndim != 1 or costs.size == 0 or costs.shape != distances.shape:
        raise InvalidDistances(
            f"costs and distances must be two lists of one length, not empty, got shapes {costs.shape} and "
            f"{distances.shape}; the first run is the prompt itself",
            field="costs",
        )
    if not np.isfinite(costs).all() or costs[0] != 0:
        raise InvalidDistances(
            f"costs must be finite, and the first 0, the prompt's own, got {costs[:3].tolist()!r} …", field="costs"
        )
    falling = np.flatnonzero(np.diff(costs) < 0)
    if falling.size:
        k = int(falling[0]) + 1
        raise InvalidDistances(
            f"costs must never fall: run {k} costs {float(costs[k])!r}, after {float(costs[k - 1])!r}; sort the runs "
            "by cost, the prompt first",
            field="costs",
        )
    if next_cost is not None and not (math.isfinite(next_cost) and next_cost >= costs[-1]):
        raise InvalidDistances(
            f"next_cost must be a finite number of at least the last cost {float(costs[-1])!r}, got {next_cost!r}; "
            "leave out the runs beyond the cheapest sequence that was not run, and say None only where every sequence "
            "was run",
            field="next_cost",
        )


def _require_distances(distances: NDArray[np.float64], diameter: float) -> None:
    if distances[0] != 0:
        raise InvalidDistances(
            f"the first distance must be 0, of the prompt's own output to itself, got {float(distances[0])!r}",
            field="distances",
        )
    if distances.min() < 0:
        raise InvalidDistances(f"distances must be at least 0, got {float(distances.min())!r}", field="distances")
    whole = distances[np.isfinite(distances)]
    # One float32 step beyond the diameter is the rounding of a caller who works in single precision.
    if whole.max() > np.nextafter(np.float32(diameter), np.float32(math.inf)):
        raise InvalidDistances(
            f"distance {float(whole.max())!r} exceeds diameter={diameter!r}, which must be at least every possible "
            "distance",
            field="distances",
        )
