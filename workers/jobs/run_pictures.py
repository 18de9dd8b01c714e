"""Small pictures of a job's runs, for people to look at: what each nearby prompt shows. No number rests on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from smoothgen.images import encode_png
from workers.generators import Failure, Made, Picture


@dataclass(frozen=True)
class RunPictures:
    """Which pictures of runs are kept. most: of how many runs of a job, from the first on. side: pixels of the longer
    side; larger pictures are made smaller."""

    most: int
    side: int

    def of(self, indices: Sequence[int], outputs: Sequence[Made | Failure]) -> dict[int, bytes]:
        """Returns a PNG of each run that made a picture and is among the first, by its index."""
        return {
            index: encode_png(self._small(Image.fromarray(output.pixels)))
            for index, output in zip(indices, outputs, strict=True)
            if isinstance(output, Picture) and index < self.most
        }

    def _small(self, picture: Image.Image) -> Image.Image:
        scale = self.side / max(picture.size)
        if scale >= 1:
            return picture
        width, height = (max(1, round(length * scale)) for length in picture.size)
        return picture.resize((width, height), Image.Resampling.LANCZOS)
