"""The root mean square difference of pixels."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smoothgen.certificates.meaning.metrics import PIXEL_RMSE
from smoothgen.errors import GenerationFailed
from smoothgen.images import encode_png
from workers.distances.protocol import Centre

_SLACK = 1e-12  # relative: one division and one root after exact integer sums

Pixels = NDArray[np.uint8]


class PixelRmse:
    """The distance ‖a − b‖₂ / √m over the m channel values of two pictures of one size, scaled to [0, 1]. A norm of a −
    b, so a metric.

    The pictures are 8-bit as they are served, so squares and sums are exact integers. The centre is the mean picture
    rounded to 8 bits. Any point may be the centre, and this one fits in a PNG that a reader of the certificate can see.
    """

    name, description, diameter, band = PIXEL_RMSE.name, PIXEL_RMSE.description, PIXEL_RMSE.diameter, PIXEL_RMSE.band
    options: dict[str, Any] = {}  # noqa: RUF012  nothing more defines it

    def choose_centre(self, contents: Sequence[Pixels]) -> Centre:
        """Returns the mean picture of the selection outputs as the centre."""
        if len({pixels.shape for pixels in contents}) != 1:
            raise GenerationFailed("the selection pictures differ in size, so their pixels cannot be compared")
        mean = np.rint(np.mean(np.stack(contents), axis=0, dtype=np.float64)).astype(np.uint8)
        furthest = np.maximum(mean, 255 - mean)  # in every channel black or white
        return Centre(
            value=mean,
            bound=min(1.0, _rmse(furthest, np.zeros_like(mean)) * (1 + _SLACK)),
            representative=int(np.argmin([_rmse(pixels, mean) for pixels in contents])),
            document={
                "kind": "mean picture",
                "encoding": "png/base64",
                "value": base64.b64encode(encode_png(Image.fromarray(mean))).decode("ascii"),
            },
        )

    def read_centre(self, document: dict[str, Any], bound: float) -> Centre:
        """Returns the centre from its document: the mean picture, whose pixels PNG keeps exactly."""
        with Image.open(io.BytesIO(base64.b64decode(document["value"]))) as picture:
            return Centre(np.asarray(picture.convert("RGB")), bound, document)

    def distances(self, contents: Sequence[Pixels], centre: Centre) -> NDArray[np.float64]:
        """Returns the RMSE of every picture to the mean picture; NaN for a picture of another size."""
        same = (p.shape == centre.value.shape for p in contents)
        return np.array([_rmse(p, centre.value) if fits else np.nan for p, fits in zip(contents, same, strict=True)])


def _rmse(a: Pixels, b: Pixels) -> float:
    squares = np.square(a.astype(np.int32) - b.astype(np.int32))
    return float(np.sqrt(squares.sum(dtype=np.int64) / squares.size) / 255)
