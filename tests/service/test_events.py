"""Server-sent events: a job as it goes, on real processes."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from smoothgen import AsyncClient, Client
from smoothgen.certificates import verify
from smoothgen.errors import ServerProblem, ServerUnreachable
from tests.app.conftest import problem_of
from tests.service.conftest import ask, finished, submit
from tests.support.forwarder import Forwarder
from tests.support.processes import SLOW, TANH, Gateway, Lab

LONG = ask(SLOW, seed=3, samples=1000)


def events(gateway: Gateway, job: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, data) of each event, until the stream ends."""
    return ((name, data) for name, data, _ in events_after(gateway, job, None))


def events_after(gateway: Gateway, job: str, last: str | None) -> Iterator[tuple[str, dict[str, Any], str]]:
    """(name, data, id) of each event that is new to whoever read the event of id `last`."""
    name, data = "", None
    headers = {} if last is None else {"last-event-id": last}
    with gateway.http.stream("GET", f"/jobs/{job}/events", headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        for line in response.iter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                data = json.loads(value)
            elif field == "id":
                assert data is not None
                yield name, data, value


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
    gateway.wait()


def in_order_and_once(told: list[tuple[str, dict[str, Any]]]) -> None:
    """Fails unless a follower was told each thing once."""
    names, progress = [name for name, _ in told], [data for name, data in told if name == "progress"]
    done = [each["done"] for each in progress]
    assert names[0] == "queued"
    assert names[-1] == "certificate"
    assert [names.count(each) for each in ("queued", "output", "certificate")] == [1, 1, 1]
    assert done == sorted(done)
    assert not any(one == other for one, other in pairwise(progress))


def test_whoever_connects_again_is_told_what_is_new_by_any_gateway(lab: Lab) -> None:
    gateways = [lab.gateway(), lab.gateway()]
    lab.worker(SLOW, batch_size=32)
    job, last, told = submit(gateways[0].http, LONG), None, []
    while not told or told[-1][0] != "certificate":
        following = events_after(gateways[len(told) % 2], job, last)
        told.append(next(following))
        last = told[-1][2]
        following.close()
    assert len(told) > 5
    in_order_and_once([(name, data) for name, data, _ in told])


def test_the_events_of_an_ended_job_go_on_after_each_of_them(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(TANH)
    job = submit(gateway.http, ask())
    finished(gateway.http, job)
    everything = list(events_after(gateway, job, None))
    for place, (_, _, last) in enumerate(everything[:-1], start=1):
        assert list(events_after(gateway, job, last)) == everything[place:]
    end = gateway.http.get(f"/jobs/{job}/events", headers={"last-event-id": everything[-1][2]})
    assert (end.status_code, end.content) == (204, b"")  # a browser asks again after anything else


def test_an_id_of_nothing_or_of_another_job_is_refused(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(TANH)
    one, other = submit(gateway.http, ask()), submit(gateway.http, ask())
    finished(gateway.http, one)
    finished(gateway.http, other)
    *_, (_, _, last) = events_after(gateway, other, None)
    for wrong in (last, "1", last + "x", "ü", "0" * 5000):
        answer = gateway.http.get(f"/jobs/{one}/events", headers={"last-event-id": wrong.encode()})
        assert "Last-Event-ID" in problem_of(answer, 422)["detail"]


def test_the_client_follows_over_connections_that_break(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, batch_size=32)
    with Forwarder(gateway.port) as proxy, Client(f"http://127.0.0.1:{proxy.port}") as client:
        told = []
        for event in client.follow(submit(gateway.http, LONG)):
            told.append(event)
            proxy.cut()
    in_order_and_once([(each.name, each.data) for each in told])
    assert verify(told[-1].data["certificate"])


def test_the_client_goes_on_where_it_was_when_a_killed_gateway_is_back(lab: Lab) -> None:
    gateway, _ = lab.gateway(), lab.worker(SLOW, batch_size=32)
    job = submit(gateway.http, LONG)

    async def follow() -> list[Any]:
        told = []
        async with AsyncClient(gateway.url) as client:
            async for event in client.follow(job):
                if not told:
                    gateway.kill()
                    again = Gateway(lab.redis.url, lab.folder / "again.log", gateway.port)
                    await asyncio.to_thread(lab.keep(again).until_ready)
                told.append(event)
            assert [event async for event in client.follow(job, last_event_id=told[-1].id)] == []
        return told

    told = asyncio.run(follow())
    in_order_and_once([(each.name, each.data) for each in told])


def test_the_client_says_what_it_cannot_follow(lab: Lab) -> None:
    gateway = lab.gateway()
    with Client(gateway.url) as client, pytest.raises(ServerProblem, match="no job"):
        list(client.follow("nothing"))
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(ServerUnreachable, match="no events from"):
        list(client.follow("nothing"))
