"""Small pictures of runs: of the first ones, no larger than asked, and never of a text or of a run that failed."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from workers.generators import Failure, Made, Picture, Text
from workers.jobs.run_pictures import RunPictures


def picture(height: int, width: int) -> Picture:
    return Picture(np.random.default_rng(height + width).integers(0, 256, (height, width, 3), dtype=np.uint8))


def opened(png: bytes) -> Image.Image:
    made = Image.open(io.BytesIO(png))
    made.load()
    return made


def test_small_pictures_are_kept_pixel_by_pixel() -> None:
    small = picture(32, 32)
    [(index, png)] = RunPictures(most=100, side=64).of([7], [small]).items()
    assert index == 7
    assert np.array_equal(np.asarray(opened(png)), small.pixels)


def test_large_pictures_are_made_smaller_and_keep_their_shape() -> None:
    made = RunPictures(most=100, side=64).of([0, 1], [picture(512, 256), picture(8, 4096)])
    assert [opened(png).size for png in made.values()] == [(32, 64), (64, 1)]


def test_only_the_first_runs_that_drew_a_picture_have_one() -> None:
    outputs: list[Made | Failure] = [picture(8, 8), Failure("broken"), Text("a hat"), picture(8, 8), picture(8, 8)]
    assert set(RunPictures(most=12, side=64).of(range(8, 13), outputs)) == {8, 11}
    assert RunPictures(most=0, side=64).of(range(5), outputs) == {}
