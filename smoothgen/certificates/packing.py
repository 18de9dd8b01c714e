"""Numbers as bytes: what the evidence of certificates without noise is written in."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from smoothgen.errors import InvalidCertificate, InvalidDistances

FLOAT64: Final = "float64-le/base64"
"""Name of the encoding below."""


def numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """Returns a copy in double precision. Raises InvalidDistances for what is no array of numbers."""
    try:
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidDistances(f"{name} must be an array of numbers: {error}", field=name) from error


def packed(array: NDArray[np.float64]) -> bytes:
    """Returns eight bytes a number, the least significant first."""
    return array.astype("<f8", copy=False).tobytes()


def in_base64(array: NDArray[np.float64]) -> str:
    """Returns the packed numbers as base64."""
    return base64.b64encode(packed(array)).decode("ascii")


def unpacked(text: Any, where: str) -> NDArray[np.float64]:
    """Reads what `in_base64` writes. Raises InvalidCertificate for any other text, naming the place."""
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise InvalidCertificate(f"{where} is not base64: {error}", field=where) from error
    # One evidence, one text: base64 has spare bits at its end that decoders ignore.
    if len(content) % 8 or base64.b64encode(content).decode("ascii") != text:
        raise InvalidCertificate(f"{where} must be the canonical base64 of 8-byte floats", field=where)
    return np.frombuffer(content, dtype="<f8").astype(np.float64)
