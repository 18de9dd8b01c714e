"""Submitting, reading, waiting, cancelling, API keys, what is not there, and what a client says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.http.dependencies import wait_seconds
from app.main import create_app
from app.settings import Settings
from smoothgen.certificates.fleet.certify import FleetCertificate, verify_fleet
from smoothgen.client import conversation
from smoothgen.client.asking import request_of
from smoothgen.client.exchange import NOTHING, Answer, Call, Conversation, Pause
from smoothgen.client.results import FleetReading
from smoothgen.errors import GenerationFailed, InvalidCertificate, InvalidInput, ServerProblem, ServerUnreachable
from smoothgen.queue import keys
from tests.app.conftest import NUMBERS, model_card, problem_of, register, request_body
from tests.support.processes import Redis


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
    assert wait_seconds([prefer], 30.0, 120.0) == seconds


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


@pytest.mark.parametrize("name", ["unknown", "%00", "*", "%F0%9F%98%80", "x" * 5000, "%0d%0a"])
def test_an_unknown_job_cannot_be_cancelled(api: TestClient, redis: Redis, name: str) -> None:
    before = redis.client.dbsize()
    problem = problem_of(api.delete(f"/jobs/{name}"), 404)
    assert "kept for 86400 seconds after its end" in problem["detail"]
    assert len(problem["detail"]) < 400
    assert redis.client.dbsize() == before


def test_a_cancelled_job_says_so_from_then_on(api: TestClient, redis: Redis) -> None:
    job = submit(api)
    response = api.delete(f"/jobs/{job}")
    assert response.status_code == 200
    view = response.json()
    assert (view["id"], view["status"]) == (job, "cancelled")
    assert view["progress"] == {"done": 0, "total": 532}
    assert "location" not in response.headers
    assert api.delete(f"/jobs/{job}").json() == api.get(f"/jobs/{job}").json() == view
    assert api.get(f"/jobs/{job}", headers={"prefer": "wait=60"}).json() == view
    assert problem_of(api.get(f"/jobs/{job}/output"), 404)["detail"].endswith("it is cancelled")
    problem_of(api.get(f"/certificates/{job}"), 404)
    assert redis.client.ttl(keys.job(job)) > 0


def test_a_key_gives_its_job_though_it_was_cancelled(api: TestClient) -> None:
    job = submit(api, key="cancelled")
    api.delete(f"/jobs/{job}")
    again = api.post("/generate", json=request_body(), headers={"idempotency-key": "cancelled"})
    assert again.status_code == 200
    assert (again.json()["id"], again.json()["status"]) == (job, "cancelled")


def test_waiting_fleet_requests_count_as_the_worst(api: TestClient) -> None:
    asked = {"robustness.sigma": 0.0625, "robustness.tier": "fleet"}
    jobs = [submit(api, **asked) for _ in range(3)]
    api.delete(f"/jobs/{jobs[0]}")  # cancelling takes nobody out
    found: dict[str, list[FleetCertificate]] = {}
    for reading in api.get("/fleet", params={"model": NUMBERS}).json()["data"]:
        assert verify_fleet(reading["certificate"])
        if reading["pool"]["mechanism"]["sigma"] == 0.0625:
            length = reading["window"].partition(":")[0]
            found.setdefault(length, []).append(FleetCertificate.from_dict(reading["certificate"]))
    for length in ("hour", "day"):  # two windows of one length where the clock struck in between
        assert sum(certificate.submitted for certificate in found[length]) == 3
        for certificate in found[length]:
            assert certificate.outstanding == certificate.requests > 0
            assert set(certificate.counts) == {certificate.requests}


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
    with TestClient(create_app(settings), base_url="http://localhost", raise_server_exceptions=False) as client:
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
        ("DELETE", "/jobs/x"),
        ("GET", "/fleet"),
    ]
    for method, path in [*calls, ("GET", "/certificates/x"), ("POST", "/certificates/verify")]:
        response = locked.request(method, path, json=request_body() if method == "POST" else None, headers=headers)
        problem = problem_of(response, 401)
        scheme, _, error = response.headers["www-authenticate"].partition(" ")
        assert (scheme, error) in {("Bearer", ""), ("Bearer", 'error="invalid_token"')}
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


# What a client says, heard by a gateway, with nothing waited for


class Driver:
    """Takes the steps of a client's conversation to a gateway, as `smoothgen.Client` does, and remembers them."""

    def __init__(self, api: TestClient, on_pause: Callable[[], None] = lambda: None) -> None:
        self._api, self._on_pause = api, on_pause
        self.calls: list[Call] = []
        self.pauses: list[float] = []

    def take(self, step: Call | Pause) -> Answer:
        if isinstance(step, Pause):
            self.pauses.append(step.seconds)
            self._on_pause()
            return NOTHING
        self.calls.append(step)
        response = self._api.request(step.method, step.path, json=step.body, headers=dict(step.headers))
        said = response.headers.get("retry-after")
        return Answer(response.status_code, response.content, float(said) if said else None)

    def run(self, talk: Conversation[Any]) -> Any:
        step = next(talk)
        while True:
            try:
                step = talk.send(self.take(step))
            except StopIteration as end:
                return end.value

    def until(self, talk: Conversation[Any], method: str, path: str) -> Call:
        """Go on until this call is to be sent, and leave it unsent."""
        step = next(talk)
        while not (isinstance(step, Call) and step.method == method and step.path.startswith(path)):
            step = talk.send(self.take(step))
        return step

    def broken_off(self, talk: Conversation[Any], error: BaseException) -> None:
        """Throw what a driver throws, and let the conversation end."""
        step = talk.throw(error)
        while True:
            step = talk.send(self.take(step))


def generation(timeout_s: float = 600.0, **given: Any) -> Conversation[Any]:
    asked = {"sigma": 1.0, "tolerance": 0.2, **given}
    on = {name: asked.pop(name, None) for name in ("on_progress", "on_busy")}
    return conversation.generate("0.5", NUMBERS, asked, timeout_s, on["on_progress"], on["on_busy"])


@pytest.fixture
def full(tmp_path: Path) -> Iterator[TestClient]:
    """A gateway for which one job is enough."""
    with Redis(tmp_path / "redis") as redis:
        register(redis, model_card(NUMBERS))
        app = create_app(Settings(redis_url=redis.url, default_wait_s=0, max_wait_s=0, max_queued_samples=600))
        with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
            yield client


def test_a_client_sends_every_field_where_it_belongs() -> None:
    given = {"tier": "fleet", "priority": "low", "output": "sample", "sigma": 0.5, "max_new_tokens": 3, "cap": None}
    with pytest.raises(TypeError, match=r"takes no 'cap'; it takes .*priority.*radius_tolerance.*tier"):
        request_of("x", "m", given)
    del given["cap"]
    request = request_of("x", "m", {**given, "seed": None})
    assert request.model_dump(exclude_unset=True, exclude_none=True) == {
        "model": "m",
        "prompt": "x",
        "priority": "low",
        "output": "sample",
        "robustness": {"tier": "fleet", "sigma": 0.5},
        "parameters": {"max_new_tokens": 3},
    }
    stopping = request_of("x", "m", {"radius_tolerance": 0.1, "deadline_s": 5.0}).robustness
    assert (stopping.radius_tolerance, stopping.deadline_s) == (0.1, 5.0)
    with pytest.raises(InvalidInput, match="both say when to stop"):
        request_of("x", "m", {"radius_tolerance": 0.1, "epsilon": 5.0})


def test_a_full_server_is_asked_again_when_it_says_and_not_before(full: TestClient) -> None:
    first = submit(full)
    told: list[tuple[float, str]] = []

    def room() -> None:
        if len(driver.pauses) == 2:
            full.delete(f"/jobs/{first}")

    driver = Driver(full, on_pause=room)
    talk = generation(
        on_busy=lambda wait_s, problem: told.append((wait_s, str(problem))), on_progress=lambda view: None
    )
    driver.until(talk, "GET", "/jobs/")
    assert driver.pauses == [30.0, 30.0] == [wait_s for wait_s, _ in told]  # no worker has been measured
    assert all("429" in said and "532 noisy samples waiting" in said for _, said in told)
    submissions = [call for call in driver.calls if call.path == "/generate"]
    assert len(submissions) == 3
    assert len({call.headers["Idempotency-Key"] for call in submissions}) == 1


def test_a_server_full_beyond_the_timeout_is_a_problem_at_once(full: TestClient) -> None:
    submit(full)
    driver = Driver(full)
    with pytest.raises(ServerProblem, match="send it again in 30 s") as refused:
        driver.run(generation(timeout_s=29.0))
    assert refused.value.status == 429
    assert driver.pauses == []
    patient = generation(timeout_s=45.0)
    assert patient.send(driver.take(next(patient))) == Pause(30.0)


@pytest.mark.parametrize(
    ("answer", "wait_s"),
    [
        (Answer(429, b"<html>slow down</html>", 7.0), 7.0),
        (Answer(429, b"", None), 5.0),
        (Answer(429, b"{}", 0.0), 1.0),
        (Answer(429, b'"slow down"', 2.0), 2.0),
    ],
)
def test_a_proxys_own_429_is_waited_out_too(answer: Answer, wait_s: float) -> None:
    talk = generation()
    next(talk)
    assert talk.send(answer) == Pause(wait_s)
    again = talk.send(NOTHING)
    assert isinstance(again, Call)
    assert again.path == "/generate"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_whoever_breaks_off_the_waiting_cancels_the_job(api: TestClient, error: BaseException) -> None:
    driver, talk = Driver(api), generation(on_progress=lambda view: None)
    poll = driver.until(talk, "GET", "/jobs/")
    with pytest.raises(type(error)):
        driver.broken_off(talk, error)
    assert [call.method for call in driver.calls] == ["POST", "DELETE"]
    assert api.get(poll.path).json()["status"] == "cancelled"


def test_a_submission_broken_off_is_found_by_its_key_and_cancelled(api: TestClient, redis: Redis) -> None:
    driver, talk = Driver(api), generation()
    submission = next(talk)
    assert isinstance(submission, Call)
    driver.take(submission)  # the server took it; its answer was lost
    jobs = set(redis.client.scan_iter(keys.of_all_models("job:")))
    with pytest.raises(KeyboardInterrupt):
        driver.broken_off(talk, KeyboardInterrupt())
    assert [call.method for call in driver.calls] == ["POST", "POST", "DELETE"]
    assert driver.calls[1].headers["Prefer"] == "respond-async"
    assert set(redis.client.scan_iter(keys.of_all_models("job:"))) == jobs
    assert api.get(driver.calls[2].path).json()["status"] == "cancelled"


def test_breaking_off_ends_though_the_server_is_gone() -> None:
    talk = generation()
    next(talk)
    again = talk.throw(KeyboardInterrupt())
    assert isinstance(again, Call)
    with pytest.raises(KeyboardInterrupt):
        talk.throw(ServerUnreachable("gone"))


def test_a_closed_conversation_says_nothing_more(api: TestClient) -> None:
    driver, talk = Driver(api), generation(on_progress=lambda view: None)
    poll = driver.until(talk, "GET", "/jobs/")
    talk.close()
    assert api.get(poll.path).json()["status"] == "queued"


def test_a_job_cancelled_by_others_is_an_error_that_says_so(api: TestClient) -> None:
    driver = Driver(api)
    talk = generation(on_progress=lambda view: api.delete(f"/jobs/{view.id}"))
    with pytest.raises(GenerationFailed, match=r"job [\w-]+ was cancelled after 0 of 532 samples"):
        driver.run(talk)


def test_a_client_cancels_by_id(api: TestClient) -> None:
    cancelled = Driver(api).run(conversation.cancel(submit(api)))
    assert (cancelled.status, cancelled.certificate, cancelled.content) == ("cancelled", None, b"")
    assert not cancelled.verify()
    with pytest.raises(ServerProblem, match=r"404 Not found: no job 'made-up'"):
        Driver(api).run(conversation.cancel("made-up"))


def test_a_fleet_reading_that_does_not_follow_is_refused(api: TestClient) -> None:
    submit(api, **{"robustness.sigma": 0.09375, "robustness.tier": "fleet"})
    stated = next(
        reading for reading in api.get("/fleet").json()["data"] if reading["pool"]["mechanism"]["sigma"] == 0.09375
    )
    assert FleetReading.verified(stated).pool_id == stated["pool"]["id"]
    assert FleetReading.verified(stated | {"news": 1, "pool": stated["pool"] | {"news": 1}}).pool.model == NUMBERS
    certificate = stated["certificate"]
    better = [[epsilon, bound / 2] for epsilon, bound in certificate["curve"]]
    for forged in (
        {"certificate": certificate | {"curve": better}},
        {"certificate": certificate | {"statement": "All is well."}},
        {"certificate": certificate | {"requests": 0}},
        {"pool": stated["pool"] | {"mechanism": {"name": "gaussian", "sigma": 9.0}}},
        {"pool": stated["pool"] | {"diameter": 0.5}},
    ):
        with pytest.raises(InvalidCertificate):
            FleetReading.verified(stated | forged)
    for unreadable in ({"pool": {}}, {"start": "yesterday"}, {"pool": None}):
        with pytest.raises(ServerUnreachable, match="cannot be read"):
            FleetReading.verified(stated | unreadable)
