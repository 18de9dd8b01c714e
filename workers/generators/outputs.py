"""What a generator makes of one sample: a text, a picture, or a failure."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smoothgen.contracts import ImageOutput, Output, TextOutput
from smoothgen.images import encode_png


@dataclass(frozen=True)
class Text:
    """A generated text.

    ended: whether the model ended the text; False where max_new_tokens cut it. tokens: how many it generated, its end
    included; None for a text that is not made of tokens. Texts with equal characters are equal, whatever these say.
    """

    text: str
    media_type: str = "text/plain; charset=utf-8"
    ended: bool = field(default=True, compare=False)
    tokens: int | None = field(default=None, compare=False)

    @property
    def content(self) -> str:
        """Returns what output metrics compare."""
        return self.text

    def output(self, *, certified: bool) -> Output:
        """Returns the output as the client receives it, with the digest of its content."""
        return TextOutput(
            media_type=self.media_type, text=self.text, digest=_digest(self.text.encode()), certified=certified
        )


@dataclass(frozen=True)
class Picture:
    """A generated picture, uint8 of shape (height, width, 3). Metrics compare these pixels, and PNG keeps them exactly.

    withheld: whether a black picture replaces one that the model's safety checker refused.
    """

    pixels: NDArray[np.uint8]
    media_type: str = "image/png"
    withheld: bool = False

    @property
    def content(self) -> NDArray[np.uint8]:
        """Returns what output metrics compare."""
        return self.pixels

    def output(self, *, certified: bool) -> Output:
        """Returns the output as the client receives it, with the digest of its content."""
        data = base64.b64encode(self.png).decode("ascii")
        return ImageOutput(media_type=self.media_type, data=data, digest=_digest(self.png), certified=certified)

    @cached_property
    def png(self) -> bytes:
        """The picture as PNG. The bytes are kept, because the served picture is reported, named in the
        certificate and stored."""
        return encode_png(Image.fromarray(self.pixels))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Failure:
    """A sample without an output. The sample counts as the worst distance (theory §3)."""

    reason: str


Made = Text | Picture
"""A complete output of either kind."""
