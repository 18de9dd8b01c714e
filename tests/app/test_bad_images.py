"""Every picture request that cannot be served: a problem that names value and remedy, and nothing queued."""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from smoothgen.queue import keys
from tests.app.conftest import NUMBERS, PAINTINGS, PICTURES, problem_of, request_body
from tests.app.test_bad_input import JSON, refused
from tests.support.processes import Gateway, Redis


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def picture(width: int = 32, height: int = 32, kind: str = "PNG", mode: str = "RGB") -> str:
    buffer = io.BytesIO()
    Image.new(mode, (width, height)).save(buffer, format=kind)
    return encoded(buffer.getvalue())


def claims_to_be(width: int, height: int) -> str:
    """A PNG of under a hundred bytes whose header says that it is so large."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")
    return encoded(b"\x89PNG\r\n\x1a\n" + body)


def asked(model: str = PICTURES, **changes: Any) -> dict[str, Any]:
    """A request that is accepted, with dotted changes, as `request_body` has them."""
    body = request_body(model=model, prompt="a red sneaker", **changes)
    if "robustness.sigma" not in changes:
        del body["robustness"]["sigma"]
    return body


SEED_IMAGE = picture()


def spec_of(redis: Redis, response: Any) -> dict[str, Any]:
    """What was queued."""
    assert response.status_code == 202, response.text
    return dict(json.loads(redis.client.hget(keys.job(response.json()["id"]), "spec")))


def test_what_a_request_leaves_open_is_the_models_own(api: TestClient, redis: Redis) -> None:
    spec = spec_of(redis, api.post("/generate", json=asked()))
    assert spec["parameters"] == {
        "num_inference_steps": 20,
        "guidance_scale": 2.0,
        "negative_prompt": None,
        "width": 32,
        "height": 32,
        "scheduler": "DDIMScheduler",
        "image": None,
        "strength": None,
    }
    assert spec["sigma"] == 0.25
    assert spec["metric"]["name"] == "pixel-rmse"
    scheduled = api.post("/generate", json=asked(**{"robustness.mechanism": "latent-schedule"}))
    assert spec_of(redis, scheduled)["sigma"] == 0.5


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_seed_images_are_accepted_and_bring_a_strength(api: TestClient, redis: Redis, kind: str) -> None:
    body = asked(**{"parameters.image": picture(kind=kind), "robustness.mechanism": "img2img"})
    spec = spec_of(redis, api.post("/generate", json=body))
    assert spec["parameters"]["strength"] == 0.8
    assert spec["sigma"] is None


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "1", "I;16", "LA"])
def test_pictures_of_every_colour_mode_are_accepted(api: TestClient, mode: str) -> None:
    body = asked(**{"parameters.image": "data:image/png;base64," + picture(mode=mode)})
    assert api.post("/generate", json=body).status_code == 202


SCHEDULERS = "known: DDIMScheduler, EulerDiscreteScheduler, PNDMScheduler"
NOISE_FOLLOWS = "has no effect with mechanism 'img2img'"


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("parameters.scheduler", "QuantumScheduler", f"unknown scheduler 'QuantumScheduler'; {SCHEDULERS}"),
        ("parameters.scheduler", "", f"unknown scheduler ''; {SCHEDULERS}"),
        ("parameters.scheduler", "x" * 101, "at most 100 characters"),
        ("parameters.scheduler", 3, "string (got 3)"),
        ("parameters.num_inference_steps", 0, "greater than or equal to 1 (got 0)"),
        ("parameters.num_inference_steps", -1, "greater than or equal to 1 (got -1)"),
        ("parameters.num_inference_steps", 10_000, "less than or equal to 1000 (got 10000)"),
        ("parameters.num_inference_steps", 10**400, "less than or equal to 1000"),
        ("parameters.num_inference_steps", 2.5, "integer (got 2.5)"),
        ("parameters.num_inference_steps", "20", "integer (got '20')"),
        ("parameters.num_inference_steps", True, "integer (got True)"),
        ("parameters.guidance_scale", 0, "greater than or equal to 1 (got 0)"),
        ("parameters.guidance_scale", -7.5, "greater than or equal to 1 (got -7.5)"),
        ("parameters.guidance_scale", 1e9, "less than or equal to 100"),
        ("parameters.guidance_scale", float("nan"), "finite number (got nan)"),
        ("parameters.guidance_scale", float("inf"), "finite number (got inf)"),
        ("parameters.guidance_scale", "7.5", "number (got '7.5')"),
        ("parameters.negative_prompt", 3, "string (got 3)"),
        ("parameters.negative_prompt", "x" * 32_769, "at most 32768 characters"),
        ("parameters.width", 33, "multiple of 8 (got 33)"),
        ("parameters.height", 33, "multiple of 8 (got 33)"),
        ("parameters.width", 0, "greater than or equal to 8 (got 0)"),
        ("parameters.width", -32, "greater than or equal to 8 (got -32)"),
        ("parameters.width", 100_000, "less than or equal to 4096 (got 100000)"),
        ("parameters.width", 32.5, "integer (got 32.5)"),
        ("parameters.width", 40, "width=40 is no size of model 'pictures', which takes only 32"),
        ("parameters.height", 16, "height=16 is no size of model 'pictures', which takes only 32"),
        ("parameters.image", "", "at least 1 character"),
        ("parameters.image", 3, "string (got 3)"),
        ("parameters.image", "no base64!", "is no base64"),
        ("parameters.image", "data:image/png;base64,%%%", "is no base64"),
        ("parameters.image", "ä" + SEED_IMAGE, "is no base64"),
        ("parameters.image", SEED_IMAGE[:-1], "is no base64"),
        ("parameters.image", encoded(b"nonsense that is no picture"), "cannot be read"),
        ("parameters.image", encoded(base64.b64decode(SEED_IMAGE)[:40]), "cannot be read"),
        ("parameters.image", encoded(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "cannot be read"),
        ("parameters.image", claims_to_be(60_000, 60_000), "more pixels than the 16777216 that are taken"),
        ("parameters.image", claims_to_be(10_000, 10_000), "more pixels than the 16777216 that are taken"),
        ("parameters.image", claims_to_be(4097, 4096), "unpacks to 4097×4096 pixels; at most 16777216 are taken"),
        ("parameters.image", claims_to_be(2**31 - 1, 1), "more pixels than the 16777216 that are taken"),
        ("parameters.image", picture(7, 32), "has 7×32 pixels; at least 8×8 are needed"),
        ("parameters.image", picture(32, 1), "has 32×1 pixels; at least 8×8 are needed"),
        ("parameters.image", picture(kind="GIF"), "cannot be read"),
        ("parameters.image", picture(kind="BMP"), "cannot be read"),
        ("parameters.image", picture(kind="TIFF"), "cannot be read"),
        ("parameters.strength", 0, "greater than 0 (got 0)"),
        ("parameters.strength", -0.5, "greater than 0 (got -0.5)"),
        ("parameters.strength", 1.5, "less than or equal to 1 (got 1.5)"),
        ("parameters.strength", float("nan"), "finite number (got nan)"),
        ("parameters.strength", 0.5, "strength=0.5 says how far to leave a seed image, and none is given"),
        ("parameters.max_new_tokens", 3, "unknown field 'max_new_tokens'; remove it: an image model takes "),
        ("parameters.temperature", 0.5, "unknown field 'temperature'; remove it: an image model takes "),
        ("parameters.prompt_embeds", [1.0], "unknown field 'prompt_embeds'; remove it: an image model takes "),
        ("robustness.mechanism", "rotation", "unknown mechanism 'rotation'; known: embedding, embedding-per-step, "),
        ("robustness.mechanism", "img2img", "protects a seed image and none is given; send parameters.image"),
        ("robustness.metric", "sentence-chord", "known: feature-chord, pixel-rmse, verdict, vision-chord"),
        ("robustness.metric", "edit", "known: feature-chord, pixel-rmse, verdict, vision-chord"),
        ("robustness.metric", "absolute", "known: feature-chord, pixel-rmse, verdict, vision-chord"),
        ("robustness.metric", "fid", "'pixel-rmse'"),
        ("robustness.metric", {"name": "pixel-rmse", "cap": 0}, "0.000000001"),
        ("robustness.metric", {"name": "verdict", "cap": 0.5}, "unknown field 'cap'"),
        ("robustness.metric", {"name": "vision-chord"}, "required"),
        (
            "robustness.metric",
            {"name": "vision-chord", "model": "evil/model"},
            "unknown vision model here 'evil/model'; known: google/siglip, openai/clip",
        ),
        ("robustness.tolerance", 1.0, "strictly between 0 and 1.0, the diameter of metric 'pixel-rmse'"),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_bad_field_is_named_with_its_value_and_the_remedy(
    api: TestClient, redis: Redis, field: str, value: Any, words: str
) -> None:
    problem = refused(api, redis, asked(**{field: value}))
    assert words in problem["detail"]
    pointers = {error["pointer"] for error in problem["errors"]}
    assert any(pointer.startswith("/" + field.replace(".", "/")) for pointer in pointers), pointers
    assert len(json.dumps(problem)) < 2000  # a long value is cut


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        (
            {"parameters.image": SEED_IMAGE, "parameters.strength": 0.04},
            "/parameters/strength",
            "strength=0.04 of 20 steps leaves no step to take; ask for more of either",
        ),
        (
            {"parameters.image": SEED_IMAGE, "parameters.strength": 0.5, "parameters.num_inference_steps": 1},
            "/parameters/strength",
            "strength=0.5 of 1 steps leaves no step to take",
        ),
        (
            {"parameters.image": "nonsense!", "parameters.strength": 0.5},
            "/parameters/image",
            "is no base64",
        ),
        (
            {"parameters.image": SEED_IMAGE, "robustness.mechanism": "img2img", "robustness.sigma": 0.5},
            "/robustness/sigma",
            f"sigma=0.5 {NOISE_FOLLOWS}",
        ),
        (
            {"parameters.image": SEED_IMAGE, "robustness.mechanism": "img2img", "robustness.budget": 0.1},
            "/robustness/budget",
            f"budget=0.1 {NOISE_FOLLOWS}",
        ),
        (
            {"robustness.mechanism": "latent-schedule", "robustness.randomness": "fresh"},
            "/robustness/randomness",
            "randomness='fresh' contradicts mechanism 'latent-schedule'",
        ),
        (
            {"robustness.mechanism": "tokens", "robustness.randomness": "fresh"},
            "/robustness/randomness",
            "randomness='fresh' contradicts mechanism 'tokens'",
        ),
        (
            {"robustness.mechanism": "tokens", "parameters.image": SEED_IMAGE},
            "/robustness/mechanism",
            "mechanism 'tokens' draws from the prompt alone, and a seed image is given; leave parameters.image out",
        ),
        (
            {"robustness.mechanism": "tokens", "robustness.tier": "fleet"},
            "/robustness/tier",
            "tier='fleet' is about noise, and mechanism 'tokens' draws none",
        ),
        (
            {"robustness.mechanism": "tokens", "robustness.sigma": 0.1},
            "/robustness/sigma",
            "sigma=0.1 is about noise, and mechanism 'tokens' draws none",
        ),
        (
            {"robustness.mechanism": "embedding-per-step", "robustness.budget": 0.1},
            "/robustness/budget",
            "budget=0.1 cannot be served with mechanism 'embedding-per-step'",
        ),
        (
            {"robustness.mechanism": "latent-schedule", "robustness.budget": 0.1},
            "/robustness/budget",
            "budget=0.1 cannot be served with mechanism 'latent-schedule'",
        ),
        ({"robustness.budget": 0.1}, "/robustness/budget", "has no calibration for metric 'pixel-rmse'"),
        (
            {"model": PAINTINGS, "parameters.width": 32},
            "/parameters/width",
            "width=32 is no size of model 'aquarelles', which takes 64 to 1024 pixels",
        ),
        (
            {"model": PAINTINGS, "parameters.height": 2048},
            "/parameters/height",
            "height=2048 is no size of model 'aquarelles', which takes 64 to 1024 pixels",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_fields_that_contradict_each_other_are_named(
    api: TestClient, redis: Redis, changes: dict[str, Any], pointer: str, words: str
) -> None:
    problem = refused(api, redis, asked(**changes))
    assert words in problem["detail"]
    assert [error["pointer"] for error in problem["errors"]] == [pointer]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("robustness.mechanism", "img2img", "unknown mechanism 'img2img'; known: embedding"),
        ("robustness.mechanism", "latent-schedule", "unknown mechanism 'latent-schedule'; known: embedding"),
        ("robustness.metric", "pixel-rmse", "known: absolute, edit, label"),
        ("robustness.metric", {"name": "vision-chord", "model": "openai/clip"}, "known: absolute, edit, label"),
        (
            "parameters.guidance_scale",
            7.5,
            "unknown field 'guidance_scale'; remove it: a text model takes attacked_turns, chat, ",
        ),
        ("parameters.image", SEED_IMAGE, "unknown field 'image'; remove it: a text model takes attacked_turns, chat, "),
    ],
    ids=str,
)
def test_a_text_model_takes_nothing_of_a_picture_model(
    api: TestClient, redis: Redis, field: str, value: Any, words: str
) -> None:
    problem = refused(api, redis, request_body(model=NUMBERS, **{field: value}))
    assert words in problem["detail"]
    assert problem["errors"][0]["pointer"] == "/" + field.replace(".", "/")


def test_several_bad_parameters_are_all_told(api: TestClient, redis: Redis) -> None:
    changes = {"parameters.width": 33, "parameters.strength": 7, "parameters.colour": "red"}
    problem = refused(api, redis, asked(**changes))
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {"/parameters/width", "/parameters/strength", "/parameters/colour"}


@pytest.mark.parametrize("depth", [10, 100, 200, 255, 256, 500, 900, 960, 980, 990])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_parameters_nested_as_deep_as_json_is_read_are_refused(
    api: TestClient, redis: Redis, depth: int, opening: str
) -> None:
    nested = opening * depth + "1" + ("]" if opening == "[" else "}") * depth
    body = json.dumps(asked()).replace('"model"', f'"parameters": {{"colour": {nested}}}, "model"', 1).encode()
    response = api.post("/generate", content=body, headers=JSON)
    problem = problem_of(response, response.status_code)
    assert response.status_code in (400, 422)
    assert len(json.dumps(problem)) < 2000


def test_an_image_beyond_the_bodys_limit_is_a_413(gateway: Gateway, redis: Redis) -> None:
    before = redis.stream_lengths()
    body = json.dumps(asked(**{"parameters.image": "A" * (8 << 20)})).encode()
    problem = problem_of(gateway.http.post("/generate", content=body, headers=JSON), 413)
    assert f"the body has {len(body)} bytes; this path takes at most {8 << 20}" in problem["detail"]
    assert redis.stream_lengths() == before


def test_an_image_just_below_the_bodys_limit_is_looked_at(gateway: Gateway, redis: Redis) -> None:
    before = redis.stream_lengths()
    body = json.dumps(asked(**{"parameters.image": "A" * ((8 << 20) - 1000)})).encode()
    problem = problem_of(gateway.http.post("/generate", content=body, headers=JSON), 422)
    assert "cannot be read" in problem["detail"]
    assert len(json.dumps(problem)) < 2000
    assert redis.stream_lengths() == before


def test_the_order_of_parameters_makes_no_other_request(api: TestClient) -> None:
    headers = {"idempotency-key": "pictures in any order"}
    jobs = {
        api.post("/generate", json=asked() | {"parameters": dict(pairs)}, headers=headers).json().get("id")
        for pairs in ([("width", 32), ("guidance_scale", 3.0)], [("guidance_scale", 3.0), ("width", 32)])
    }
    assert len(jobs) == 1
    assert None not in jobs
