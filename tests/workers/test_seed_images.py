"""Seed images from strangers: what is taken becomes RGB, what is not is refused in one line that names the remedy."""

from __future__ import annotations

import base64
import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from smoothgen.errors import InvalidParameters
from smoothgen.images import MOST_PIXELS, decode_image, encode_png

REMEDY = r"send a PNG, JPEG or WebP file as base64 in parameters\.image"
RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def saved(picture: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def colours() -> Image.Image:
    return Image.fromarray(np.stack([RAMP, RAMP.T, 255 - RAMP], axis=-1))


def frames(kind: str) -> bytes:
    first, *others = (Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue"))
    return saved(first, kind, save_all=True, append_images=others)


def png(width: int, height: int, rows: bytes) -> bytes:
    """A PNG whose header may claim more than its rows hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def refused(text: str, reason: str) -> None:
    with pytest.raises(InvalidParameters, match=f"the seed image .*{reason}.*{REMEDY}") as caught:
        decode_image(text)
    assert caught.value.field == "parameters.image"
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("text", ["no base64 at all!", "äöü", "YWJj=YWJj", "YWJ", "data:image/png;base64,%%%"])
def test_what_is_not_base64_is_refused(text: str):
    refused(text, "is no base64")


@pytest.mark.parametrize("data", [b"just a text", b"", b"\x00" * 5000, b"\x89PNG\r\n\x1a\n"])
def test_base64_of_something_else_is_refused(data: bytes):
    refused(encoded(data), "cannot be read")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_off_is_refused(kind: str, share: float):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), kind)
    refused(encoded(data[: int(len(data) * share)]), "cannot be read")


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "BMP", "PPM", "ICO", "PDF"])
def test_other_formats_are_refused(kind: str):
    refused(encoded(saved(colours(), kind)), "cannot be read")


def test_an_svg_is_refused():
    refused(encoded(b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>'), "cannot be read")


@pytest.mark.parametrize("size", [(7, 7), (7, 100), (100, 1)])
def test_a_picture_below_eight_pixels_is_refused(size: tuple[int, int]):
    refused(encoded(saved(Image.new("RGB", size), "PNG")), f"has {size[0]}×{size[1]} pixels; at least 8×8")


def test_eight_pixels_are_enough():
    assert decode_image(encoded(saved(Image.new("RGB", (8, 8)), "PNG"))).size == (8, 8)


def huge_webp(side: int) -> bytes:
    """An animation of 16×16 frames on a canvas of another size."""
    data = bytearray(frames("WEBP"))
    canvas = data.index(b"VP8X") + 12
    data[canvas : canvas + 6] = (side - 1).to_bytes(3, "little") * 2
    return bytes(data)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("60000×60000 header", lambda: png(60_000, 60_000, zlib.compress(bytes(100)))),
        ("10000×10000 header", lambda: png(10_000, 10_000, zlib.compress(bytes(100)))),
        ("5000×5000 whole", lambda: saved(Image.new("L", (5000, 5000)), "PNG")),
        ("5000×5000 JPEG", lambda: saved(Image.new("L", (5000, 5000)), "JPEG")),
        ("16000×16000 WebP", lambda: huge_webp(16_000)),
        ("one row too many", lambda: png(4096, 4097, zlib.compress(bytes(100)))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_small_file_that_unpacks_to_too_much_is_refused_unopened(name: str, data):
    text = encoded(data())
    tracemalloc.start()
    refused(text, rf"unpacks to .*{MOST_PIXELS}.*make it smaller")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000 + 4 * len(text)


def test_the_largest_picture_is_taken():
    assert decode_image(encoded(saved(Image.new("L", (4096, 4096)), "PNG"))).size == (4096, 4096)


def palette() -> Image.Image:
    return colours().quantize(16)


@pytest.mark.parametrize(
    ("picture", "kind", "expected"),
    [
        (lambda: colours(), "PNG", lambda: colours()),
        (lambda: Image.fromarray(RAMP), "PNG", lambda: Image.fromarray(RAMP).convert("RGB")),
        (lambda: Image.fromarray(RAMP > 99), "PNG", lambda: Image.fromarray(255 * (RAMP > 99).astype(np.uint8))),
        (palette, "PNG", lambda: palette().convert("RGB")),
        (lambda: colours().convert("RGBA"), "PNG", lambda: colours()),
        (lambda: colours().convert("RGBA"), "WEBP", lambda: colours()),
        (lambda: Image.fromarray(RAMP).convert("LA"), "PNG", lambda: Image.fromarray(RAMP)),
        # 16 bits of grey keep their brightness: Pillow's own conversion would turn all above 255 white
        (lambda: Image.fromarray(RAMP.astype(np.uint16) * 257), "PNG", lambda: Image.fromarray(RAMP)),
    ],
    ids=["rgb", "grey", "1-bit", "palette", "alpha", "alpha WebP", "grey with alpha", "16-bit grey"],
)
def test_every_kind_of_pixel_becomes_rgb(picture, kind: str, expected):
    options = {"lossless": True} if kind == "WEBP" else {}
    found = decode_image(encoded(saved(picture(), kind, **options)))
    assert found.mode == "RGB"
    assert np.array_equal(np.asarray(found), np.asarray(expected().convert("RGB")))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_becomes_rgb(mode: str):
    flat = Image.new("RGB", (16, 16), (200, 100, 50)).convert(mode)
    found = decode_image(encoded(saved(flat, "JPEG", quality=95)))
    assert found.mode == "RGB"
    assert np.abs(np.asarray(found).astype(int) - np.asarray(flat.convert("RGB"))).max() <= 3


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_of_an_animation_the_first_frame_is_taken(kind: str):
    data = frames(kind)
    assert (b"acTL" if kind == "PNG" else b"ANIM") in data
    found = np.asarray(decode_image(encoded(data))).astype(int)
    assert np.abs(found - [255, 0, 0]).max() <= 5


@pytest.mark.parametrize("prefix", ["data:image/png;base64,", "data:;base64,"])
def test_a_data_urls_prefix_is_allowed(prefix: str):
    text = encoded(saved(colours(), "PNG"))
    assert np.array_equal(np.asarray(decode_image(prefix + text)), np.asarray(decode_image(text)))


def test_what_is_encoded_is_read_back_pixel_by_pixel():
    assert encode_png(colours()) == encode_png(colours())
    assert np.array_equal(np.asarray(decode_image(encoded(encode_png(colours())))), np.asarray(colours()))
