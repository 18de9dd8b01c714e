"""Embeddings that a request brings in place of its prompt."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Annotated, Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationInfo, field_validator

from smoothgen.contracts.base import Contract

LONGEST_EMBEDS: Final = 16 * 1024 * 1024
"""The characters of base64 that embeddings may have. The gateway's own limit on bodies usually comes first."""
_BYTES_A_NUMBER: Final = 4
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")

_Count = Annotated[int, Field(ge=1, le=2**31 - 1)]


class PromptEmbeds(Contract):
    """One embedding a token, in the order of the tokens.

    What is kept for long, and in certificates, names the embeddings instead of holding them: `data` is then their
    sha256 (`named`). A request must bring the embeddings themselves.
    """

    # A list of JSON is a tuple here; the numbers in it stay strict.
    shape: Annotated[tuple[_Count, _Count], Field(strict=False, description="[tokens, width].")]
    data: Annotated[
        str,
        Field(
            max_length=LONGEST_EMBEDS,
            description="base64 of little-endian float32, one token after another: tokens x width numbers.",
        ),
    ]

    @classmethod
    def of(cls, embeddings: NDArray[np.float32]) -> Self:
        """Packs embeddings of shape (tokens, width)."""
        tokens, width = embeddings.shape
        packed = base64.b64encode(embeddings.astype("<f4").tobytes()).decode("ascii")
        return cls(shape=(tokens, width), data=packed)

    @property
    def is_named(self) -> bool:
        """Returns whether this holds the embeddings' digest alone."""
        return _DIGEST.fullmatch(self.data) is not None

    @property
    def array(self) -> NDArray[np.float32]:
        """Returns the embeddings, shape (tokens, width). Raises ValueError where only their digest is left."""
        numbers = np.frombuffer(_decoded(self.data), dtype="<f4")
        return numbers.reshape(self.shape).astype(np.float32)

    def named(self) -> PromptEmbeds:
        """Returns what stands for the embeddings where they are not kept: their shape, and the sha256 of their
        bytes."""
        if self.is_named:
            return self
        digest = hashlib.sha256(_decoded(self.data)).hexdigest()
        return PromptEmbeds(shape=self.shape, data=f"sha256:{digest}")

    @field_validator("shape", mode="before")
    @classmethod
    def _two_numbers(cls, shape: Any) -> Any:
        if not isinstance(shape, list | tuple) or len(shape) != 2:
            raise ValueError(f"shape={shape!r:.80} is not [tokens, width]; send these two numbers in a list")
        return shape

    @field_validator("data")
    @classmethod
    def _numbers_of_the_shape(cls, data: str, others: ValidationInfo) -> str:
        shape = others.data.get("shape")
        if shape is None or _DIGEST.fullmatch(data):  # a shape that was refused says enough
            return data
        tokens, width = shape
        content, expected = _decoded(data), _BYTES_A_NUMBER * tokens * width
        if len(content) != expected:
            raise ValueError(
                f"shape [{tokens}, {width}] takes {expected} bytes of float32, and the base64 holds {len(content)}; "
                "send as many numbers as the shape says, 4 bytes each"
            )
        numbers = np.frombuffer(content, dtype="<f4")
        finite = np.isfinite(numbers)
        if not finite.all():
            place = int(np.argmin(finite))
            raise ValueError(
                f"the embedding of token {place // width} holds {numbers[place]} at place {place % width}; send finite "
                "numbers, as little-endian float32"
            )
        return data


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(
            f"not base64 ({error}): {data[:40]!r}; send the bytes of little-endian float32 numbers as base64, without "
            "line breaks"
        ) from error
