"""Submitting, reading, waiting, API keys, and what is not there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from starlette.testclient import TestClient

from app.dependencies import wait_seconds
from app.main import create_app
from app.settings import Settings
from tests.app.conftest import problem_of, request_body
from tests.processes import Redis


def submit(api: TestClient, key: str | None = None, **changes: object) -> str:
    headers = {} if key is None else {"idempotency-key": key}
    response = api.post("/generate", json=request_body(**changes), headers=headers)
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


def test_an_accepted_job_says_where_it_is(api: TestClient) -> None:
    response = api.post("/generate", json=request_body(), headers={"prefer": "respond-async"})
    assert response.status_code == 202
    job = response.json()
    assert response.headers["location"] == f"/jobs/{job['id']}"
    assert job["status"] == "queued"
    assert job["progress"] == {"done": 0, "total": 532}
    assert api.get(response.headers["location"]).json() == job


def test_waiting_ends_with_the_job_as_it_stands(api: TestClient) -> None:
    job = submit(api)
    assert api.get(f"/jobs/{job}", headers={"prefer": "wait=1"}).json()["status"] == "queued"


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        ("", 30.0),
        ("wait=5", 5.0),
        ("Wait = 5", 5.0),
        ('wait="5"', 5.0),
        ("wait=0", 0.0),
        ("wait=500", 120.0),
        ("wait=" + "9" * 400, 120.0),
        ("respond-async", 0.0),
        ("Respond-Async", 0.0),
        ("respond-async, wait=10", 10.0),  # RFC 7240, 4.3: asynchronously if it takes longer
        ("handling=lenient, wait=7; x=y", 7.0),
        ("wait=5, wait=9", 5.0),
        ("wait=-5", 30.0),
        ("wait=1.5", 30.0),
        ("wait=٥", 30.0),
        ("wait", 30.0),
        ("nonsense;;==,,", 30.0),
    ],
)
def test_prefer_is_read_as_rfc_7240_says(prefer: str, seconds: float) -> None:
    assert wait_seconds(prefer, 30.0, 120.0) == seconds


def test_the_same_key_and_body_give_the_same_job(api: TestClient, redis: Redis) -> None:
    first = submit(api, key="same")
    before = redis.stream_lengths()
    assert submit(api, key="same") == first
    assert redis.stream_lengths() == before
    assert submit(api) != first


def test_the_same_key_for_another_body_is_a_conflict(api: TestClient, redis: Redis) -> None:
    first = submit(api, key="other")
    before = redis.stream_lengths()
    response = api.post("/generate", json=request_body(prompt="0.75"), headers={"idempotency-key": "other"})
    problem = problem_of(response, 409)
    assert first in problem["detail"]
    assert "use a new key" in problem["detail"]
    assert redis.stream_lengths() == before


def test_an_endless_idempotency_key_is_refused(api: TestClient) -> None:
    problem_of(api.post("/generate", json=request_body(), headers={"idempotency-key": "k" * 257}), 422)


@pytest.mark.parametrize("path", ["/jobs/{}", "/jobs/{}/output", "/jobs/{}/samples", "/certificates/{}"])
@pytest.mark.parametrize(
    "name", ["unknown", "%00", "..%2f..%2fetc", "*", "%F0%9F%98%80", "%ff%fe", "'\"<b>", "x" * 5000, "{}", "%0d%0a"]
)
def test_an_unknown_id_is_a_404_whatever_it_looks_like(api: TestClient, path: str, name: str) -> None:
    problem = problem_of(api.get(path.replace("{}", name)), 404)
    assert len(problem["detail"]) < 400


def test_waiting_for_unknown_jobs_leaves_nothing_in_redis(api: TestClient, redis: Redis) -> None:
    before = redis.client.dbsize()
    for n in range(5):
        problem_of(api.get(f"/jobs/made-up-{n}", headers={"prefer": "wait=1"}), 404)
    assert redis.client.dbsize() == before


def test_a_queued_job_has_no_output_yet(api: TestClient) -> None:
    problem = problem_of(api.get(f"/jobs/{submit(api)}/output"), 404)
    assert "it is queued; ask again when it has ended" in problem["detail"]


def test_a_path_that_is_not_there_says_where_to_look(api: TestClient) -> None:
    assert "GET /docs lists what there is" in problem_of(api.get("/generates"), 404)["detail"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/generate"), ("DELETE", "/models"), ("PUT", "/livez")])
def test_another_method_is_a_405_that_names_the_right_one(api: TestClient, method: str, path: str) -> None:
    response = api.request(method, path)
    problem = problem_of(response, 405)
    assert response.headers["allow"] in problem["detail"]


def test_a_model_card_of_another_version_hides_no_other(api: TestClient, redis: Redis) -> None:
    redis.client.hset("smoothgen:models", "from-the-future", '{"id": "from-the-future", "colour": "red"}')
    try:
        listed = [model["id"] for model in api.get("/models").json()["data"]]
        assert "numbers" in listed
        assert "from-the-future" not in listed
        problem_of(api.post("/generate", json=request_body(model="from-the-future")), 422)
        assert api.get("/metrics").status_code == 200
    finally:
        redis.client.hdel("smoothgen:models", "from-the-future")


def test_the_first_model_listed_is_one_of_text(api: TestClient) -> None:
    # A client that names none takes the first, and its prompt is a text to be continued.
    listed = [model["modality"] for model in api.get("/models").json()["data"]]
    assert listed == sorted(listed, key=["text", "image"].index)
    assert set(listed) == {"text", "image"}


@pytest.fixture(scope="module")
def locked(redis: Redis) -> Iterator[TestClient]:
    """A gateway that wants a key."""
    settings = Settings(redis_url=redis.url, default_wait_s=0, api_keys=["correct horse", "schlüssel"])
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Bearer correct  horse", "correct horse", "Basic x"]
)
def test_without_a_known_key_nothing_is_served(locked: TestClient, redis: Redis, given: str | None) -> None:
    headers = {} if given is None else {"authorization": given}
    before = redis.stream_lengths()
    calls = [
        ("POST", "/generate"),
        ("GET", "/models"),
        ("GET", "/jobs/x"),
        ("GET", "/jobs/x/output"),
        ("GET", "/jobs/x/samples"),
    ]
    for method, path in [*calls, ("GET", "/certificates/x"), ("POST", "/certificates/verify")]:
        response = locked.request(method, path, json=request_body() if method == "POST" else None, headers=headers)
        problem = problem_of(response, 401)
        assert response.headers["www-authenticate"] == "Bearer"
        assert "Authorization: Bearer" in problem["detail"]
    assert redis.stream_lengths() == before


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_a_known_key_is_let_in(locked: TestClient, scheme: str) -> None:
    headers = {"authorization": f"{scheme} correct horse"}
    assert locked.post("/generate", json=request_body(), headers=headers).status_code == 202


def test_probes_and_metrics_need_no_key(locked: TestClient) -> None:
    assert [locked.get(path).status_code for path in ("/livez", "/metrics", "/openapi.json")] == [200, 200, 200]


def test_an_empty_key_is_no_key() -> None:
    with pytest.raises(ValueError, match="at least 1 character"):
        Settings(api_keys=[""])
