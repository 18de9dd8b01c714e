"""How the units of a run are chosen: a uniform subset of fixed size, or each unit by itself with one probability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates.format.json_data import require_mapping, require_number, require_whole_number
from smoothgen.certificates.units.touched import all_subsets, touched_by_probability, touched_by_size
from smoothgen.errors import InvalidCertificate, InvalidInput, InvalidParameters
from smoothgen.noise import Seed, Stream, uniforms

MOST_UNITS: Final = 10_000
MOST_ENUMERATED: Final = 100_000
"""So many subsets may be run one by one and held in one certificate."""
_GRID: Final = 2**52


@dataclass(frozen=True)
class UnitChoice:
    """How the units of a run are chosen: a uniform subset of `size` of `units`, or each kept with `probability`.

    units: K, how many there are, at most 10,000. size: s, in [1, K−1]: with all K a single altered unit reaches every
    run. probability: κ, in (0, 1), independently for every unit; a run may keep none. Exactly one of the two.

    Proof: docs/theory/units.md, "How many runs an attack touches", and of the draws docs/theory/units.md, "The draws".

    Raises InvalidParameters for values out of range, and for both or none of size and probability.
    """

    units: int
    size: int | None = None
    probability: float | None = None

    def __post_init__(self) -> None:
        _require_whole("units", self.units, 1, MOST_UNITS)
        if (self.size is None) == (self.probability is None):
            raise InvalidParameters(
                f"give exactly one of size and probability, got size={self.size!r} and "
                f"probability={self.probability!r}",
                field="units.size",
            )
        if self.size is not None:
            if self.units == 1:
                raise InvalidParameters(
                    "a single unit has no subset that leaves something out; give more units, or a probability",
                    field="units.size",
                )
            _require_whole("size", self.size, 1, self.units - 1)
        if self.probability is not None:
            is_number = isinstance(self.probability, int | float) and not isinstance(self.probability, bool)
            if not (is_number and 0 < self.probability < 1):  # refuses NaN too
                raise InvalidParameters(
                    f"probability must lie strictly between 0 and 1, got {self.probability!r}",
                    field="units.probability",
                )

    @cached_property
    def subsets(self) -> int | None:
        """Returns C(K, s), how many subsets there are; None where each unit is kept by itself."""
        return None if self.size is None else math.comb(self.units, self.size)

    def enumerated(self) -> NDArray[np.bool_]:
        """Returns every subset once, shape (C(K, s), K): true where a unit is kept, in lexicographic order of the
        indices of the kept units.

        Raises InvalidParameters where each unit is kept by itself, and for more than 100,000 subsets.
        """
        if self.size is None or self.subsets is None or self.subsets > MOST_ENUMERATED:
            raise InvalidParameters(
                f"all subsets can be run where a fixed number of units is kept and there are at most {MOST_ENUMERATED} "
                f"of them, got {self.subsets if self.size else 2 ** min(self.units, 60)}; draw them by a seed",
                field="units.size",
            )
        return all_subsets(self.units, self.size)

    def drawn(self, seed: Seed, stream: Stream, indices: Sequence[int]) -> NDArray[np.bool_]:
        """Returns the kept units of these runs, shape (n, K). Row i is a function of (seed, stream, indices[i]) and of
        this choice, whatever else is drawn.

        With a size every subset has the same probability, exactly so where the seed's numbers are uniform; with a
        probability a unit is kept where its number is below it. Proof: docs/theory/units.md, "The draws".
        """
        rows = np.zeros((len(indices), self.units), dtype=np.bool_)
        for row, index in zip(rows, indices, strict=True):
            if self.probability is not None:
                row[:] = uniforms(seed, stream, index, self.units) < self.probability
            elif self.size is not None:
                row[_subset(seed, stream, index, self.units, self.size)] = True
        return rows

    def touched(self, altered: int) -> float:
        """Returns β(m), rounded up: how likely a run keeps one of m altered units, for whichever units these are.

        With a probability the same number bounds what m edits of any kind can reach, and with a size too.
        Proof: docs/theory/units.md, "Edits of any kind".

        Raises InvalidParameters unless altered is a whole number of at least 0.
        """
        require_altered(altered, least=0)
        if self.size is not None:
            return touched_by_size(self.units, self.size, altered)
        return touched_by_probability(float(self.probability or 0.0), altered)

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {name: value for name, value in vars(self).items() if name in _FIELDS and value is not None}

    @classmethod
    def from_dict(cls, document: Any) -> UnitChoice:
        """Reads what `to_dict` writes. Raises InvalidCertificate."""
        fields = require_mapping(document, "choice")
        if set(fields) not in ({"units", "size"}, {"units", "probability"}):
            raise InvalidCertificate(
                f"choice must have units, and size or probability, got {dict(fields)!r:.200}", field="choice"
            )
        units = require_whole_number(fields["units"], "choice.units")
        try:
            if "size" in fields:
                return cls(units, size=require_whole_number(fields["size"], "choice.size"))
            return cls(units, probability=require_number(fields["probability"], "choice.probability"))
        except InvalidCertificate:
            raise
        except InvalidInput as error:
            raise InvalidCertificate(f"choice: {error}", field="choice") from error


_FIELDS: Final = ("units", "size", "probability")


def require_altered(altered: int, *, least: int = 1) -> None:
    """Raises InvalidParameters unless the number of altered units is a whole number of at least `least`."""
    if isinstance(altered, bool) or not isinstance(altered, int) or altered < least:
        raise InvalidParameters(
            f"altered must be a whole number of at least {least}, got {altered!r}", field="units.altered"
        )


def _require_whole(name: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidParameters(
            f"{name} must be a whole number in [{least}, {most}], got {value!r}", field=f"units.{name}"
        )


def _subset(seed: Seed, stream: Stream, index: int, units: int, size: int) -> list[int]:
    """Returns the first `size` places of a shuffle of the units (Fisher and Yates), in the order they were drawn."""
    order = list(range(units))
    points = uniforms(seed, stream, index, size) * _GRID  # exact: w + ½ with w below 2⁵²
    for place in range(size):
        left, point, step = units - place, int(points[place]), 0
        while point >= _GRID - _GRID % left:  # beyond the last whole multiple: drawn again, so that none is favoured
            step += 1
            point = int(uniforms(seed, stream, index, size, step=step)[place] * _GRID)
        other = place + point % left
        order[place], order[other] = order[other], order[place]
    return order[:size]
