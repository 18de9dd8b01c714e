"""Reading the seed images of requests, which strangers send as base64 text, and writing pictures as PNG."""

from __future__ import annotations

import base64
import binascii
import io
import warnings
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from smoothgen.errors import InvalidParameters

FORMATS: Final = ("PNG", "JPEG", "WEBP")
MOST_PIXELS: Final = 4096 * 4096
_FIELD: Final = "parameters.image"


def decode_image(text: str) -> Image.Image:
    """Returns an RGB picture from base64, with or without the prefix of a data: URL.

    Raises InvalidParameters for anything else.

    The header is read first and its size refused before a single pixel is unpacked: a few kilobytes of PNG can unpack
    to gigabytes.
    """
    _, _, payload = text.rpartition(",") if text.startswith("data:") else ("", "", text)
    try:
        data = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refusal(f"is no base64 ({error}): {text[:40]!r}…") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            picture: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise _refusal(f"unpacks to {width}×{height} pixels; at most {MOST_PIXELS} are taken: make it smaller")
            if min(width, height) < 8:
                raise _refusal(f"has {width}×{height} pixels; at least 8×8 are needed")
            if picture.mode.startswith("I"):  # 16-bit grey, which convert would clip at 255: nearly all white
                return Image.fromarray((np.asarray(picture) // 257).astype(np.uint8)).convert("RGB")
            return picture.convert("RGB")
    except InvalidParameters:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _refusal(f"unpacks to more pixels than the {MOST_PIXELS} that are taken: make it smaller") from error
    except UnidentifiedImageError as error:  # whose own words name an address in memory
        raise _refusal("cannot be read: it is of no kind that is known here") from error
    except Exception as error:  # decoders raise whatever a broken file makes them
        reason = " ".join(str(error).split())[:120]
        raise _refusal(f"cannot be read ({type(error).__name__}: {reason})") from error


def encode_png(picture: Image.Image) -> bytes:
    """Returns the picture as PNG. Equal pictures give equal bytes under one version of Pillow."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return buffer.getvalue()


def _refusal(what: str) -> InvalidParameters:
    return InvalidParameters(
        f"the seed image {what}; send a PNG, JPEG or WebP file as base64 in {_FIELD}", field=_FIELD
    )
