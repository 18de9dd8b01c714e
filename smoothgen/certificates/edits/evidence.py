"""What a certificate of edits rests on: how far the output on each text that was run is from the prompt's own."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.certificates.edits.draws import LARGEST_SET, drawn_indices
from smoothgen.certificates.evidence import LARGEST_BOUND, LEAST_BOUND
from smoothgen.certificates.packing import FLOAT64, in_base64, numbers, packed, unpacked
from smoothgen.errors import InvalidCertificate, InvalidDistances, InvalidMetric
from smoothgen.noise import Seed


@dataclass(frozen=True, eq=False)
class EditsEvidence:
    """The runs: all of the set in its order, or draws from it.

    distances: float64, shape (n,), of each run's output to the prompt's own, metric units; +inf marks a failed run,
    which lies at the diameter. size: N, the texts in the set. singles: how many of them, the first in order, are one
    edit away. diameter: D, at least every possible distance between two outputs. seed: None where every text was run,
    so n = N; else run i is of the text that the seed draws (`drawn_indices`).
    """

    distances: NDArray[np.float64]
    size: int
    singles: int
    diameter: float
    seed: Seed | None

    @classmethod
    def from_runs(
        cls, distances: ArrayLike, *, size: int, singles: int, diameter: float, seed: Seed | None
    ) -> EditsEvidence:
        """Checks and packs the runs. NaN and +inf are failed runs.

        Raises InvalidMetric for a diameter out of range, InvalidDistances for runs that are no evidence: none, or not
        one for each text where no seed says which, negative, beyond the diameter, two distances for one text.
        """
        if not LEAST_BOUND <= diameter <= LARGEST_BOUND:  # refuses NaN too
            raise InvalidMetric(
                f"diameter must be a positive finite number in [{LEAST_BOUND:g}, {LARGEST_BOUND:g}], got {diameter!r}",
                field="diameter",
            )
        _require_sizes(size, singles)
        measured = numbers(distances, "distances") + 0.0  # −0 becomes 0
        if measured.ndim != 1 or measured.size == 0:
            raise InvalidDistances(
                f"distances must be one-dimensional and not empty, got shape {measured.shape}", field="distances"
            )
        if seed is None and measured.size != size:
            raise InvalidDistances(
                f"distances must be one for each of the {size} texts in the set, got {measured.size}; where only some "
                "were run, draw them by a seed (`drawn_indices`) and say sampled=True",
                field="distances",
            )
        measured = np.where(np.isnan(measured), math.inf, measured)
        _require_range(measured, float(diameter))
        measured = np.where(np.isinf(measured), math.inf, np.minimum(measured, diameter))
        measured.setflags(write=False)
        made = cls(distances=measured, size=size, singles=singles, diameter=float(diameter), seed=seed)
        made.require_one_for_a_text(measured, "distance")
        return made

    def __eq__(self, other: object) -> bool:
        """Equal evidence has equal runs in equal order, of an equal set, and an equal diameter."""
        if not isinstance(other, EditsEvidence):
            return NotImplemented
        return self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def _key(self) -> tuple[str, int, int, float, Seed | None]:
        return self.sha256, self.size, self.singles, self.diameter, self.seed

    @property
    def runs(self) -> int:
        """Returns n, failed runs and texts drawn more than once included."""
        return len(self.distances)

    @cached_property
    def failed(self) -> int:
        """Returns how many runs failed or measured NaN."""
        return int(np.count_nonzero(np.isinf(self.distances)))

    @cached_property
    def indices(self) -> NDArray[np.int64]:
        """Returns which text of the set each run is of, counted from 0, shape (n,)."""
        if self.seed is None:
            return np.arange(self.size)
        return drawn_indices(self.seed, self.size, self.runs)

    @cached_property
    def sha256(self) -> str:
        """Returns the digest of the packed distances, "sha256:<hex>"."""
        return f"sha256:{hashlib.sha256(packed(self.distances)).hexdigest()}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form: eight bytes a run, base64."""
        return {"encoding": FLOAT64, "distances": in_base64(self.distances), "sha256": self.sha256}

    @classmethod
    def from_dict(cls, document: Any, *, size: int, singles: int, diameter: float, seed: Seed | None) -> EditsEvidence:
        """Reads what `to_dict` writes. Raises InvalidCertificate. The stated sha256 is checked by `verify`, not
        here."""
        if not isinstance(document, Mapping) or set(document) != {"encoding", "distances", "sha256"}:
            raise InvalidCertificate("evidence must be an object with encoding, distances and sha256", field="evidence")
        if document["encoding"] != FLOAT64:
            raise InvalidCertificate(
                f"evidence.encoding must be {FLOAT64!r}, got {document['encoding']!r:.80}", field="evidence.encoding"
            )
        distances = unpacked(document["distances"], "evidence.distances")
        if np.isnan(distances).any() or np.signbit(distances).any():
            raise InvalidCertificate(
                "evidence.distances must be at least 0 (a failed run is +inf, never NaN)", field="evidence.distances"
            )
        try:
            read = cls.from_runs(distances, size=size, singles=singles, diameter=diameter, seed=seed)
        except (InvalidDistances, InvalidMetric) as error:
            raise InvalidCertificate(f"evidence: {error}", field="evidence") from error
        if not np.array_equal(read.distances, distances):
            raise InvalidCertificate("evidence.distances must not exceed the diameter", field="evidence.distances")
        return read

    def require_one_for_a_text(self, numbers: NDArray[np.float64], what: str) -> None:
        """Raises InvalidDistances where runs of one text have different numbers. numbers: of the runs, shape (n,).
        what: they are, in the singular."""
        if self.seed is None:
            return
        order = np.argsort(self.indices, kind="stable")
        drawn, measured = self.indices[order], numbers[order]
        differing = np.flatnonzero((drawn[1:] == drawn[:-1]) & (measured[1:] != measured[:-1]))
        if differing.size:
            k = int(differing[0])
            raise InvalidDistances(
                f"text {int(drawn[k])} was drawn more than once and has the {what}s {float(measured[k])!r} and "
                f"{float(measured[k + 1])!r}; run each text once, under one draw of the generator's randomness, and "
                f"give its {what} for every draw of it",
                field="distances",
            )


def _require_sizes(size: int, singles: int) -> None:
    for name, value, least, most in (("size", size, 1, LARGEST_SET), ("singles", singles, 1, size)):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidDistances(f"{name} must be a whole number in [{least}, {most}], got {value!r}", field=name)


def _require_range(distances: NDArray[np.float64], diameter: float) -> None:
    if distances.min() < 0:
        raise InvalidDistances(f"distances must be at least 0, got {float(distances.min())!r}", field="distances")
    whole = distances[np.isfinite(distances)]
    # One float32 step beyond the diameter is the rounding of a caller who works in single precision.
    if whole.size and whole.max() > np.nextafter(np.float32(diameter), np.float32(math.inf)):
        raise InvalidDistances(
            f"distance {float(whole.max())!r} exceeds diameter={diameter!r}, which must be at least every possible "
            "distance",
            field="distances",
        )
