"""Requests that cost much more than their size, against a real gateway: the others are served meanwhile."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import numpy as np
import pytest

from smoothgen import Certificate, Gaussian, certify
from smoothgen.certificates import to_document
from smoothgen.queue import ANYONE, new_id
from tests.app.conftest import problem_of, request_body
from tests.support.attacks import HANG_S, livez_watched, rss_mb
from tests.support.processes import Gateway, Redis, eventually

JSON = {"content-type": "application/json"}
LONGEST_PROBLEM = 64 * 1024
COVERS = f"/certificates/{new_id('a model', ANYONE)}/covers"


@pytest.fixture
def fresh(redis: Redis, tmp_path: Any) -> Iterator[Gateway]:
    """A gateway whose memory nobody else has used."""
    with Gateway(redis.url, tmp_path / "log", default_wait_s=0) as gateway:
        yield gateway.until_ready()


def certificate(samples: int, **changes: Any) -> bytes:
    distances = np.abs(np.random.default_rng(1).normal(0, 0.05, samples)).clip(0, 1)
    outcome = certify(distances, bound=1.0, diameter=1.0, mechanism=Gaussian(sigma=0.5), alpha=1e-3, tolerance=0.3)
    assert isinstance(outcome, Certificate)
    return json.dumps(to_document(outcome) | changes).encode()


def posted_at_once(gateway: Gateway, path: str, bodies: Sequence[bytes]) -> list[httpx2.Response]:
    def post(body: bytes) -> httpx2.Response:
        return httpx2.post(f"{gateway.url}{path}", content=body, headers=JSON, timeout=120)

    with livez_watched(gateway), ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(post, bodies))


def many_fields(count: int, value: str) -> bytes:
    return json.dumps(request_body() | {f"field {n}": value for n in range(count)}).encode()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/generate", many_fields(400_000, "")),
        ("/generate", many_fields(1_900, "v" * 4_000)),
        ("/generate", json.dumps(request_body() | {"n" * 7_000_000: 1}).encode()),
        ("/generate", json.dumps(request_body(prompt="\U0001f600" * 600_000)).encode()),
        ("/generate", json.dumps(request_body(prompt="\n" * 4_000_000)).encode()),
        ("/generate", json.dumps(request_body(model="m" * 8_000_000)).encode()),
        ("/generate", json.dumps(request_body(**{"robustness.metric": {"name": "x" * 8_000_000}})).encode()),
        ("/generate", json.dumps(request_body(parameters={"p" * 60_000: "é" * 60_000})).encode()),
        (
            "/generate",
            json.dumps(request_body(parameters={f"{n}" + "\u0416" * 1_500: [n] for n in range(800)})).encode(),
        ),
        (COVERS, b'{"prompts":[' + b'"",' * 2_600_000 + b'""]}'),
        (COVERS, json.dumps({"prompts": ["p" * 120_000] * 64}).encode()),
        (COVERS, json.dumps({"prompts": [f"{n}" + "\0" * 9 for n in range(64)]}).encode()),
    ],
    ids=lambda value: value.partition("/")[2][:12] if isinstance(value, str) else f"{value[:30]!r}",
)
def test_an_answer_to_a_bad_body_is_short_however_long_that_is(fresh: Gateway, path: str, body: bytes) -> None:
    assert len(body) <= 8 << 20
    for response in posted_at_once(fresh, path, [body] * 2):
        problem = problem_of(response, 422)
        assert len(response.content) <= LONGEST_PROBLEM
        assert len(problem.get("errors", [])) <= 20
    assert rss_mb(fresh) < 300


def test_of_many_errors_the_first_are_listed_and_the_others_counted(gateway: Gateway) -> None:
    problem = problem_of(gateway.http.post("/generate", json=request_body() | {f"f{n}": n for n in range(33)}), 422)
    assert [error["pointer"] for error in problem["errors"]] == [f"/f{n}" for n in range(20)]
    assert "13 more errors are not listed" in problem["detail"]


def test_a_verdict_on_a_bad_certificate_is_short_too(gateway: Gateway) -> None:
    for changes in ({"x" * 60_000: 1, "y" * 60_000: 2}, {"statement": "s" * 1_000_000}, {"method": "m" * 1_000_000}):
        response = gateway.http.post("/certificates/verify", content=certificate(50, **changes), headers=JSON)
        assert response.status_code == 200
        assert not response.json()["valid"]
        assert len(response.content) <= LONGEST_PROBLEM


LIPSCHITZ = {"constant": 1.0, "offset": 0.0, "metric": "absolute"}
LONG_LISTS = {
    "lipschitz.factors": {"lipschitz": LIPSCHITZ | {"factors": [1 / 3] * 257}},
    "curve": {"curve": [[0.1, 0.1]] * 257},
    "deviation": {"deviation": [{}] * 257},
    "stays": {"stays": [[0.1, 0.1]] * 257},
    "looks.sizes": {"looks": {"sizes": list(range(1, 66)), "alphas": [1e-5], "taken": 1}},
    "looks.alphas": {"looks": {"sizes": [50], "alphas": [1e-5] * 65, "taken": 1}},
    "metric.centre.values": {"metric": {"centre": {"values": [0.0] * 4_097}}},
    "sigma_selection.sensitivities": {"sigma_selection": {"sensitivities": [0.1] * 8_193}},
}


@pytest.mark.parametrize("field", LONG_LISTS)
def test_lists_longer_than_any_certificate_has_are_refused_by_name(gateway: Gateway, field: str) -> None:
    body = certificate(50, **LONG_LISTS[field])
    detail = problem_of(gateway.http.post("/certificates/verify", content=body, headers=JSON), 422)["detail"]
    assert detail.startswith(f"{field} lists ")
    assert "smoothgen verify" in detail


def test_thousands_of_factors_do_not_hold_the_gateway_up_nor_its_end(fresh: Gateway) -> None:
    few = certificate(50, lipschitz=LIPSCHITZ | {"factors": [1 / 3] * 256})
    many = certificate(50, lipschitz=LIPSCHITZ | {"factors": [1 / 3] * 4_096})
    answers = posted_at_once(fresh, "/certificates/verify", [few] * 30 + [many] * 14)
    assert [response.status_code for response in answers] == [200] * 30 + [422] * 14
    with ThreadPoolExecutor(20) as threads:
        for _ in range(20):
            threads.submit(httpx2.post, f"{fresh.url}/certificates/verify", content=few, headers=JSON, timeout=60)
        time.sleep(0.2)
        fresh.signal(signal.SIGTERM)
        assert fresh.wait(HANG_S) in (0, -signal.SIGTERM)


def test_large_certificates_at_once_are_bounded_and_their_memory_given_back(fresh: Gateway) -> None:
    large = certificate(1_500_000)
    assert len(large) > 7 << 20
    answers = posted_at_once(fresh, "/certificates/verify", [large] * 20)
    said = {(response.status_code, response.headers.get("retry-after")) for response in answers}
    assert said <= {(200, None), (503, "2")}
    assert any(response.status_code == 200 and response.json()["valid"] for response in answers)
    eventually(lambda: rss_mb(fresh) < 200)
    assert httpx2.post(f"{fresh.url}/certificates/verify", content=large, headers=JSON, timeout=60).json()["valid"]


def test_a_certificate_beyond_8_mb_is_verified_elsewhere(gateway: Gateway) -> None:
    beyond = certificate(50) + b" " * (8 << 20)
    problem_of(gateway.http.post("/certificates/verify", content=beyond, headers=JSON), 413)


@pytest.mark.parametrize("pattern", ["(?i)[^\\pL]{%d}", "(?i)(\\pL\\pN){%d}", "[^\\pL]{%d}"])
def test_patterns_that_grow_are_refused_and_leave_nothing(fresh: Gateway, pattern: str) -> None:
    def body(n: int) -> bytes:
        metric = {"name": "label", "extract": {"kind": "regex", "pattern": pattern % n}}
        return json.dumps(request_body(**{"robustness.metric": metric})).encode()

    for response in posted_at_once(fresh, "/generate", [body(n) for n in range(341, 401)]):
        problem = problem_of(response, 422)
        assert "1024 kB" in problem["detail"]
        assert problem["errors"][0]["pointer"] == "/robustness/metric/extract/pattern"
    assert rss_mb(fresh) < 200
