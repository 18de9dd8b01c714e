"""Many pictures as one, for people to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smoothgen.images import encode_png
from workers.generators import Made, Picture

_MOST_PICTURES = 25
_LARGEST_TILE = 128
_SMALLEST_TILE = 64
_MARGIN = 2


def sheet_of(outputs: Sequence[Made]) -> bytes | None:
    """Returns the first pictures among the outputs side by side, PNG; None for texts."""
    pictures = [output.pixels for output in outputs if isinstance(output, Picture)]
    return encode_png(contact_sheet(pictures[:_MOST_PICTURES])) if pictures else None


def contact_sheet(pictures: Sequence[NDArray[np.uint8]], *, columns: int | None = None) -> Image.Image:
    """Returns pictures of one size in rows, near-square unless `columns` says otherwise; small ones are enlarged."""
    height, width = pictures[0].shape[:2]
    scale = (
        min(_LARGEST_TILE / max(height, width), 1.0)
        if max(height, width) > _LARGEST_TILE
        else float(max(1, _SMALLEST_TILE // max(height, width)))
    )
    tile = round(width * scale), round(height * scale)
    columns = columns or math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    sheet = Image.new("RGB", (columns * (tile[0] + _MARGIN) - _MARGIN, rows * (tile[1] + _MARGIN) - _MARGIN), "white")
    # Enlarged pixels stay square: a reader should see what the model drew, not what a filter made of it.
    resampling = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
    for k, pixels in enumerate(pictures):
        place = (k % columns) * (tile[0] + _MARGIN), (k // columns) * (tile[1] + _MARGIN)
        sheet.paste(Image.fromarray(pixels).resize(tile, resampling), place)
    return sheet
