"""The published shape of Gaussian noise: a lower-triangular matrix A of determinant 1, and solving with it."""

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
from numpy.typing import NDArray

from smoothgen.errors import InvalidCertificate

MOST_DIMENSIONS: Final = 64
"""2,080 numbers of A: what a certificate may carry."""
MOST_ECCENTRIC: Final = 1e4
"""Longest over shortest half-axis. The limit keeps what solving with A can lose below a millionth of a norm."""
_DETERMINANT_SLACK: Final = 1e-9  # of ln det A: nothing rests on it but that levels of different shapes compare
_UNIT: Final = 2.0**-53
_SPECTRUM_SLACK: Final = 1e-12  # of the largest singular value; LAPACK's error is a few hundred units of 2⁻⁵³
_LONGEST_NAME: Final = 200
_FIELDS: Final = ("name", "dimension", "sha256", "cholesky")


@dataclass(frozen=True)
class Shape:
    """A: lower-triangular, positive diagonal, determinant 1. `packed`: its rows up to the diagonal, little-endian
    float64 one after the other, 8·d(d + 1)/2 bytes.

    Proof: docs/theory/mechanisms.md, "The embedding, noise of a shape".

    Raises InvalidCertificate for anything else, for d above 64 and for half-axes more than 10⁴ apart.
    """

    name: str
    packed: bytes

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not 0 < len(self.name) <= _LONGEST_NAME:
            raise invalid_shape(f"a shape needs a name of 1 to {_LONGEST_NAME} characters, got {self.name!r:.80}")
        self._require_size()
        if not np.isfinite(self.matrix).all():
            raise invalid_shape("a shape's matrix must have finite entries only")
        diagonal = np.diagonal(self.matrix)
        if not (diagonal > 0).all():
            raise invalid_shape(f"a shape's matrix must have a positive diagonal, got {float(diagonal.min())!r} on it")
        logarithm = math.fsum(map(math.log, diagonal.tolist()))
        if abs(logarithm) > _DETERMINANT_SLACK:
            raise invalid_shape(
                f"a shape's matrix must have determinant 1, so that levels compare; this one's is e^{logarithm:.6g}"
            )
        shortest, longest = self.half_axes
        if not (math.isfinite(longest) and shortest > 0 and longest <= MOST_ECCENTRIC * shortest):
            raise invalid_shape(
                f"a shape's half-axes must be at most {MOST_ECCENTRIC:g} times one another, these go from "
                f"{shortest:.6g} to {longest:.6g}; shrink the matrix towards a multiple of the identity"
            )

    @classmethod
    def of(cls, name: str, matrix: NDArray[np.float64]) -> Shape:
        """Returns the shape of a lower-triangular matrix (d, d) with a positive diagonal, scaled to determinant 1."""
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or np.triu(matrix, 1).any():
            raise invalid_shape(f"a shape needs a square lower-triangular matrix, got one of shape {matrix.shape}")
        diagonal = np.diagonal(matrix)
        if not (np.isfinite(diagonal).all() and (diagonal > 0).all()):
            raise invalid_shape("a shape's matrix must have a finite, positive diagonal")
        scaled = matrix / np.exp(np.mean(np.log(diagonal)))
        return cls(name, scaled[np.tril_indices(len(matrix))].astype("<f8").tobytes())

    @property
    def dimension(self) -> int:
        """Returns d, the numbers of x it shapes noise for."""
        return (math.isqrt(1 + len(self.packed)) - 1) // 2  # 8·d(d + 1)/2 bytes are (2d + 1)² − 1

    @cached_property
    def matrix(self) -> NDArray[np.float64]:
        """Returns A, shape (d, d), not to be written to."""
        matrix = np.zeros((self.dimension, self.dimension))
        matrix[np.tril_indices(self.dimension)] = np.frombuffer(self.packed, dtype="<f8")
        matrix.flags.writeable = False
        return matrix

    @cached_property
    def half_axes(self) -> tuple[float, float]:
        """Returns the shortest and the longest half-axis of the ball {‖A⁻¹δ‖ ≤ 1}, in l2 units: A's extreme singular
        values, the first rounded down and the second up."""
        singular = np.linalg.svd(self.matrix, compute_uv=False)
        slack = _SPECTRUM_SLACK * float(singular[0])
        return float(singular[-1]) - slack, float(singular[0]) + slack

    @property
    def digest(self) -> str:
        """Returns the sha256 of the packed matrix, "sha256:<hex>"."""
        return f"sha256:{hashlib.sha256(self.packed).hexdigest()}"

    def whitened(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns A⁻¹v for every column v, (d,) or (d, k), by forward substitution."""
        solved = np.empty_like(vectors)
        for row in range(self.dimension):
            known = self.matrix[row, :row] @ solved[:row]
            solved[row] = (vectors[row] - known) / self.matrix[row, row]
        return solved

    @cached_property
    def slack(self) -> float:
        """Returns how much longer A⁻¹δ may be than computed, relative: a triangular solve is exact for a matrix within
        d + 2 units of 2⁻⁵³ of every entry of A (Higham 2002, theorem 8.5), and x' − x and the scaling round once
        each."""
        inverse = self.whitened(np.eye(self.dimension))
        condition = float(np.linalg.norm(self.matrix) * np.linalg.norm(inverse))
        return 4 * (self.dimension + 8) * _UNIT * condition

    def to_dict(self) -> dict[str, Any]:
        """Returns the JSON form."""
        return {
            "name": self.name,
            "dimension": self.dimension,
            "sha256": self.digest,
            "cholesky": base64.b64encode(self.packed).decode("ascii"),
        }

    @classmethod
    def from_dict(cls, document: Any) -> Shape:
        """Reads what `to_dict` writes. Raises InvalidCertificate for whatever is no shape or contradicts itself."""
        if not isinstance(document, Mapping) or set(document) != set(_FIELDS):
            raise invalid_shape(f"shape takes exactly {', '.join(_FIELDS)}; got {document!r:.200}")
        try:
            packed = base64.b64decode(document["cholesky"], validate=True)
        except (TypeError, ValueError, binascii.Error) as error:
            raise invalid_shape(f"shape.cholesky must be base64, got {document['cholesky']!r:.80}") from error
        shape = cls(document["name"], packed)
        for name, value in shape.to_dict().items():
            if type(document[name]) is not type(value) or document[name] != value:
                raise invalid_shape(f"shape.{name} is {document[name]!r:.80}, and the matrix says {value!r:.80}")
        return shape

    def _require_size(self) -> None:
        size = len(self.packed) if isinstance(self.packed, bytes) else 0
        if not 0 < size <= 4 * MOST_DIMENSIONS * (MOST_DIMENSIONS + 1) or size != 4 * self.dimension * (
            self.dimension + 1
        ):
            raise invalid_shape(
                f"a shape's matrix must be the packed lower triangle of 1 to {MOST_DIMENSIONS} rows, got {size} bytes"
            )


def invalid_shape(message: str) -> InvalidCertificate:
    """Returns the error for a shape, or a mechanism with a shape, that is none."""
    return InvalidCertificate(message, field="mechanism.shape")
