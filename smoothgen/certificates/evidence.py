"""The sampled distances a certificate rests on, and nothing chosen with their help."""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.errors import InvalidCertificate, InvalidDistances, InvalidMetric

ENCODING: Final = "float32-le/base64"
LEAST_BOUND: Final = 1e-30
LARGEST_BOUND: Final = 1e30
"""Distances are kept in single precision, which has digits to spare between these."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Distances R₁ … R_n of the certification outputs to a centre chosen without them, in sample order.

    distances: float32, shape (n,), each rounded UP from the measured double; +inf marks a sample that failed or
    measured NaN, and counts as the worst distance there is (`ShiftBounds.worst_distance`).
    bound: D_c, at least every possible distance of a whole output to the centre. diameter: D, at least every possible
    distance between two outputs. Both in the output metric's units.
    """

    distances: NDArray[np.float32]
    bound: float
    diameter: float

    @classmethod
    def from_measurements(cls, distances: ArrayLike, *, bound: float, diameter: float) -> Evidence:
        """Checks and packs measured distances. NaN and +inf are failed samples.

        Raises InvalidMetric for bounds that contradict each other and InvalidDistances for distances that are empty,
        negative, no numbers, not one-dimensional or beyond `bound`.
        """
        for name, value in (("bound", bound), ("diameter", diameter)):
            _require_length(name, value)
        if diameter > 2 * bound * (1 + 1e-9):
            raise InvalidMetric(
                f"diameter {diameter!r} exceeds twice the bound {bound!r}, which the triangle inequality rules out; "
                "bound must be at least every possible distance to the centre",
                field="bound",
            )
        try:
            measured = np.asarray(distances, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidDistances(
                f"distances must be a list or an array of numbers, got {distances!r:.80}", field="distances"
            ) from error
        if measured.ndim != 1 or measured.size == 0:
            raise InvalidDistances(
                f"distances must be one-dimensional and not empty, got shape {measured.shape}; "
                "the certificate that needs no samples is smoothgen.certify_universal",
                field="distances",
            )
        failed = np.isnan(measured) | (measured == math.inf)
        whole = measured[~failed]
        if whole.size and whole.min() < 0:
            raise InvalidDistances(f"distances must be at least 0, got {float(whole.min())!r}", field="distances")
        # One float32 step beyond the bound is the rounding of a caller who works in single precision.
        if whole.size and whole.max() > np.nextafter(np.float32(bound), np.float32(math.inf)):
            raise InvalidDistances(
                f"distance {float(whole.max())!r} exceeds bound={bound!r}, "
                "which must be at least every possible distance",
                field="distances",
            )
        packed = measured.astype(np.float32)
        packed = np.where(packed < measured, np.nextafter(packed, np.float32(math.inf)), packed)
        packed[failed] = math.inf
        return cls(distances=packed, bound=float(bound), diameter=float(diameter))

    @classmethod
    def none(cls, diameter: float) -> Evidence:
        """Returns the evidence of no samples: all that is known is D, which bounds the distance to any output taken as
        the centre.

        Raises InvalidMetric.
        """
        _require_length("diameter", diameter)
        nothing = np.empty(0, dtype=np.float32)
        nothing.setflags(write=False)
        return cls(distances=nothing, bound=float(diameter), diameter=float(diameter))

    def __eq__(self, other: object) -> bool:
        """Returns whether the distances are equal, sample by sample, and the bounds and diameters too."""
        if not isinstance(other, Evidence):
            return NotImplemented
        return (self.sha256, self.bound, self.diameter) == (other.sha256, other.bound, other.diameter)

    def __hash__(self) -> int:
        return hash((self.sha256, self.bound, self.diameter))

    @property
    def samples(self) -> int:
        """Returns n, failed samples included."""
        return len(self.distances)

    @cached_property
    def failed(self) -> int:
        """Returns how many samples failed or measured NaN."""
        return int(np.count_nonzero(np.isinf(self.distances)))

    def ordered(self, worst: float) -> NDArray[np.float64]:
        """Returns the distances in increasing order, failed samples at `worst`, shape (n,). worst ≥ `bound`, metric
        units."""
        increasing = np.sort(self.distances).astype(np.float64)
        return np.where(np.isinf(increasing), worst, np.minimum(increasing, self.bound))

    @cached_property
    def _packed(self) -> bytes:
        return self.distances.astype("<f4", copy=False).tobytes()

    @cached_property
    def sha256(self) -> str:
        """Returns the digest of the packed distances, "sha256:<hex>"."""
        return f"sha256:{hashlib.sha256(self._packed).hexdigest()}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form: four bytes a sample, base64."""
        return {
            "encoding": ENCODING,
            "distances": base64.b64encode(self._packed).decode("ascii"),
            "sha256": self.sha256,
        }

    @classmethod
    def from_dict(cls, document: Any, *, bound: float, diameter: float, may_be_empty: bool = False) -> Evidence:
        """Reads what `to_dict` writes. Raises InvalidCertificate. The stated sha256 is checked by `verify`, not here.

        may_be_empty: for the one band that rests on no distances.
        """
        if not isinstance(document, Mapping) or set(document) != {"encoding", "distances", "sha256"}:
            raise InvalidCertificate("evidence must be an object with encoding, distances and sha256", field="evidence")
        if document["encoding"] != ENCODING:
            raise InvalidCertificate(
                f"evidence.encoding must be {ENCODING!r}, got {document['encoding']!r:.80}",
                field="evidence.encoding",
            )
        try:
            packed = base64.b64decode(document["distances"], validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise InvalidCertificate(
                f"evidence.distances is not base64: {error}", field="evidence.distances"
            ) from error
        if base64.b64encode(packed).decode("ascii") != document["distances"]:
            # One evidence, one text: base64 has spare bits at its end that decoders ignore.
            raise InvalidCertificate("evidence.distances is not canonical base64", field="evidence.distances")
        if len(packed) % 4 or not (packed or may_be_empty):
            raise InvalidCertificate(
                f"evidence.distances must hold a positive number of 4-byte floats, got {len(packed)} bytes",
                field="evidence.distances",
            )
        distances = np.frombuffer(packed, dtype="<f4").astype(np.float32)
        if np.isnan(distances).any() or (distances < 0).any():
            raise InvalidCertificate(
                "evidence.distances must be at least 0 (a failed sample is +inf, never NaN)",
                field="evidence.distances",
            )
        return cls(distances=distances, bound=bound, diameter=diameter)


def _require_length(name: str, value: float) -> None:
    if not LEAST_BOUND <= value <= LARGEST_BOUND:  # refuses NaN too
        raise InvalidMetric(
            f"{name} must be a positive finite number in [{LEAST_BOUND:g}, {LARGEST_BOUND:g}], got {value!r}",
            field=name,
        )
