"""Server-sent events: a job as it goes, on real processes."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

from smoothgen.certificates import verify
from tests.app.conftest import problem_of
from tests.service.conftest import ask, finished, submit
from tests.support.processes import SLOW, TANH, Gateway, Lab

LONG = ask(SLOW, seed=3, samples=1000)


def events(gateway: Gateway, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, data) of each event, until the stream ends."""
    name = ""
    with gateway.http.stream("GET", f"/jobs/{job}/events") as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)


def test_a_job_is_followed_from_the_queue_to_its_certificate(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, batch_size=32)
    told = list(events(gateway, submit(gateway.http, LONG)))
    names = [name for name, _ in told]
    assert names[0] == "queued"
    assert names[-1] == "certificate"
    assert names.count("output") == 1
    assert told[names.index("output")][1]["certified"] is False
    done = [data["done"] for name, data in told if name == "progress"]
    assert done == sorted(done)
    assert len(done) > 2
    assert verify(told[-1][1]["certificate"])


def test_who_comes_late_is_told_how_it_stands(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(TANH)
    job = submit(gateway.http, ask())
    finished(gateway.http, job)
    assert [name for name, _ in events(gateway, job)] == ["queued", "output", "progress", "certificate"]


def test_looks_are_told_with_what_they_prove(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, batch_size=32)
    asked = {"sigma": 0.2, "tolerance": 0.1, "samples": 2000, "radius_tolerance": 0.001}
    job = submit(gateway.http, ask(SLOW, **asked))
    radii = [data["radius"] for name, data in events(gateway, job) if name == "progress" and "radius" in data]
    assert radii
    assert radii == sorted(radii)


def test_a_cancelled_job_and_a_failed_one_say_so(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(TANH)
    failed = submit(gateway.http, ask(prompt="no number"))
    name, data = list(events(gateway, failed))[-1]
    assert (name, data["error"]["status"]) == ("failed", 422)
    cancelled = submit(gateway.http, ask(SLOW) | {"model": TANH, "robustness": {"sigma": 1.0, "samples": 5000}})
    gateway.http.delete(f"/jobs/{cancelled}")
    assert list(events(gateway, cancelled))[-1][0] in ("cancelled", "certificate")


def test_an_unknown_job_is_a_problem_and_no_stream(lab: Lab) -> None:
    gateway = lab.gateway()
    problem_of(gateway.http.get("/jobs/nothing/events"), 404)


def test_followers_outlive_a_killed_redis(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, batch_size=32)
    following = events(gateway, submit(gateway.http, LONG))
    assert next(following)[0] == "queued"
    lab.redis.kill()
    lab.redis.start()
    assert [name for name, _ in following][-1] == "certificate"


def test_a_stopping_gateway_lets_its_followers_go(lab: Lab) -> None:
    gateway = lab.gateway()
    lab.worker(SLOW, batch_size=32)
    following = events(gateway, submit(gateway.http, LONG))
    assert next(following)[0] == "queued"
    gateway.signal(signal.SIGTERM)
    assert "certificate" not in [name for name, _ in following]
    gateway.wait(10)
