"""What the service tests ask for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import psutil
import pytest

from tests.support.processes import FASHION, SLOW, TANH, Lab, Serve

ALL_MODELS = [TANH, SLOW, *(f"closed-form-{kind}" for kind in ("partly-nan", "partly-raising", "broken")), FASHION]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """One `smoothgen serve` for every test that breaks nothing."""
    folder = tmp_path_factory.mktemp("serve")
    with Serve(folder / "state", folder / "log", *ALL_MODELS) as serve:
        yield serve.until_serving()


@pytest.fixture
def orphans() -> Iterator[list[psutil.Process]]:
    """Processes that a killed `smoothgen serve` leaves to end by themselves; ended here where a test failed."""
    left: list[psutil.Process] = []
    yield left
    for process in left:
        if process.is_running():
            process.kill()


def ask(model: str = TANH, prompt: str = "0.0", seed: int | None = None, **robustness: Any) -> dict[str, Any]:
    """A request body."""
    body: dict[str, Any] = {"model": model, "prompt": prompt, "robustness": {"sigma": 1.0, "tolerance": 0.3}}
    body["robustness"] |= robustness
    return body if seed is None else body | {"seed": seed}


def submit(http: httpx2.Client, body: dict[str, Any]) -> str:
    """The id of a job accepted and not waited for."""
    response = http.post("/generate", json=body, headers={"prefer": "respond-async"})
    assert response.status_code in (200, 202), response.text  # 200 where it has ended meanwhile
    return str(response.json()["id"])


def finished(http: httpx2.Client, job: str, wait_s: int = 300) -> dict[str, Any]:
    """The job when it has ended. A picture takes seconds, and minutes on a machine that others keep busy."""
    deadline = time.monotonic() + wait_s
    while True:
        left = max(1, min(30, round(deadline - time.monotonic())))
        view = http.get(f"/jobs/{job}", headers={"prefer": f"wait={left}"}).json()
        if view["status"] in ("succeeded", "failed") or time.monotonic() > deadline:
            assert view["status"] in ("succeeded", "failed"), view
            return dict(view)


def substance(certificate: dict[str, Any]) -> dict[str, Any]:
    """What a certificate says, without the name and the hour of the job it was made for."""
    return {k: v for k, v in certificate.items() if k not in ("id", "requested_at", "digest", "request")}


LONG = ask(SLOW, seed=11, samples=1000)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What LONG gives where nothing happens to it. Its batches are large, so that it takes no time."""
    lab = Lab(tmp_path_factory.mktemp("undisturbed"))
    try:
        gateway, _ = lab.gateway(), lab.worker(SLOW, batch_size=1000)
        return finished(gateway.http, submit(gateway.http, LONG))
    finally:
        lab.close()
