"""A gateway with a Redis and no worker: what it accepts stays queued."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from smoothgen.contracts import Calibration, ImageCard, MetricCard, ModelCard
from smoothgen.queue import WorkQueue, build_of, connect
from tests.support.processes import Gateway, Redis

NUMBERS, CALIBRATED, PICTURES, PAINTINGS = "numbers", "calibrated", "pictures", "aquarelles"


def model_card(name: str, calibration: Calibration | None = None) -> ModelCard:
    metrics = [
        MetricCard(name="absolute", diameter=1.0, description="|a - b|", calibration=calibration),
        MetricCard(name="edit", diameter=1.0, description="edit distance"),
        MetricCard(name="label", diameter=1.0, description="same answer"),
    ]
    return ModelCard(
        id=name,
        modality="text",
        revision="v1",
        digest="sha256:" + "0" * 64,
        description="a card without a worker",
        mechanisms=["embedding"],
        metrics=metrics,
        default_sigma=1.0,
    )


def image_card(name: str, *, smallest_side: int, largest_side: int) -> ModelCard:
    """What a worker says of a picture model: every mechanism, and a metric of every kind."""
    metrics = [
        MetricCard(name="pixel-rmse", diameter=1.0, description="pixels"),
        MetricCard(name="feature-chord", diameter=2.0, description="features of the model's own classifier"),
        MetricCard(name="verdict", diameter=1.0, description="same verdict"),
        MetricCard(name="vision-chord", diameter=2.0, description="features", models=["openai/clip", "google/siglip"]),
    ]
    return ModelCard(
        id=name,
        modality="image",
        revision="v1",
        digest="sha256:" + "0" * 64,
        description="a card without a worker",
        mechanisms=["embedding", "embedding-per-step", "latent-schedule", "img2img", "tokens"],
        metrics=metrics,
        default_sigma=0.25,
        default_betas={"latent-schedule": 0.5},
        image=ImageCard(
            width=largest_side,
            height=largest_side,
            smallest_side=smallest_side,
            largest_side=largest_side,
            num_inference_steps=20,
            guidance_scale=2.0,
            strength=0.8,
            scheduler="DDIMScheduler",
            schedulers=["DDIMScheduler", "EulerDiscreteScheduler", "PNDMScheduler"],
        ),
    )


def register(redis: Redis, *cards: ModelCard) -> None:
    async def publish() -> None:
        connection = connect(redis.url)
        builds = {card.id: build_of(card.digest, "float32") for card in cards}
        await WorkQueue(connection, "nobody").register(cards, builds)
        await connection.aclose()

    asyncio.run(publish())


@pytest.fixture(scope="session")
def redis(shared_redis: Redis) -> Redis:
    calibration = Calibration(
        metric="absolute", sigmas=[0.5, 1.0], displacements=[0.1, 0.2], prompts=1, probes=1, seed="0", parameters={}
    )
    pictures = [
        image_card(PICTURES, smallest_side=32, largest_side=32),
        image_card(PAINTINGS, smallest_side=64, largest_side=1024),
    ]
    register(shared_redis, model_card(NUMBERS), model_card(CALIBRATED, calibration), *pictures)
    return shared_redis


@pytest.fixture(scope="session")
def api(redis: Redis) -> Iterator[TestClient]:
    """The application in this process. An exception nobody foresaw is a 500, as a client would see it."""
    app = create_app(Settings(redis_url=redis.url, default_wait_s=0, max_wait_s=1, max_samples=5000))
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def gateway(redis: Redis, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """The application as a process, for what only a real connection shows."""
    with Gateway(redis.url, tmp_path_factory.mktemp("gateway") / "log", default_wait_s=0) as gateway:
        yield gateway.until_ready()


def request_body(**changes: Any) -> dict[str, Any]:
    """A request that is accepted, with dotted changes: request_body(**{"robustness.sigma": 2.0})."""
    body: dict[str, Any] = {"model": NUMBERS, "prompt": "0.5", "robustness": {"sigma": 1.0, "tolerance": 0.2}}
    for path, value in changes.items():
        *parents, name = path.split(".")
        section = body
        for parent in parents:
            section = section.setdefault(parent, {})
        section[name] = value
    return body


def problem_of(response: Any, status: int) -> dict[str, Any]:
    """The problem document of a response, checked for what every problem must have and must not show."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:smoothgen:problem:")
    assert problem["title"]
    assert problem["detail"]
    assert "Traceback" not in response.text
    assert "site-packages" not in response.text
    return problem
