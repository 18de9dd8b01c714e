"""The service on a cluster of three nodes, with models whose keys lie on different ones.

All other tests of the service can be run on a cluster too: docs/operations/cluster.md.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Any

import pytest

from smoothgen.certificates import verify
from smoothgen.ledger.location import sqlite_url
from smoothgen.queue import keys
from tests.app.conftest import problem_of
from tests.service.conftest import ask, finished, submit
from tests.service.test_events import events
from tests.support.api_keys import ApiKeys
from tests.support.cluster import Cluster
from tests.support.processes import SLOW, TANH, Gateway, Lab, Redis, Worker, eventually
from tests.support.webhook_receiver import Receiver

BROKEN = "closed-form-broken"
MODELS = (TANH, SLOW, BROKEN)
LONG = ask(SLOW, seed=11, samples=1000)


class Served:
    """A cluster, a gateway with everything that a gateway has, and a worker of several models."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.cluster = lab, lab.redis
        self.gateway = lab.gateway(
            ledger_url=sqlite_url(lab.folder / "ledger.sqlite3"),
            signing_keys=str(lab.folder / "keys"),
            webhooks=True,
            webhooks_allow=["127.0.0.0/8"],
            webhooks_allow_http=True,
        )
        self.worker = lab.worker(*MODELS, lease_s=2)
        self.http = self.gateway.http


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    lab = Lab(tmp_path_factory.mktemp("cluster"), Cluster)
    try:
        yield Served(lab)
    finally:
        lab.close()


def test_models_lie_on_different_nodes_and_all_are_served(on: Served) -> None:
    assert len({on.cluster.owner(keys.backlog(model)).port for model in MODELS}) > 1
    assert {model["id"] for model in on.http.get("/models").json()["data"]} == set(MODELS)
    views = {model: finished(on.http, submit(on.http, ask(model, samples=100))) for model in MODELS}
    for model in (TANH, SLOW):
        assert views[model]["status"] == "succeeded", views[model]
        assert verify(views[model]["certificate"])
    assert views[BROKEN]["status"] == "failed"
    listed = {job["id"] for job in on.http.get("/jobs").json()["data"]}
    assert {view["id"] for view in views.values()} <= listed
    assert on.http.get(f"/certificates/{views[TANH]['id']}").headers.keys() >= {"content-type"}
    assert 'smoothgen_workers{model="closed-form-slow"} 1.0' in on.http.get("/metrics").text


def test_an_idle_worker_of_several_models_leaves_nothing_unread(on: Served) -> None:
    """It waits at several nodes at once, and what comes first ends the other waits."""
    bodies = [ask(model, samples=20, seed=seed) for seed in range(10) for model in (TANH, SLOW)]
    jobs = [submit(on.http, body) for body in bodies]
    assert {finished(on.http, job)["status"] for job in jobs} == {"succeeded"}
    for model in MODELS:
        for stream in keys.streams(model):
            assert on.cluster.client.xlen(stream) == 0
            assert [group["pending"] for group in on.cluster.client.xinfo_groups(stream)] == [0]
        assert int(on.cluster.client.get(keys.backlog(model)) or 0) == 0


def test_a_job_is_followed_cancelled_and_erased(on: Served) -> None:
    names = [name for name, _ in events(on.gateway, submit(on.http, ask(SLOW, samples=300)))]
    assert (names[0], names[-1]) == ("queued", "certificate")
    running = submit(on.http, ask(SLOW, samples=10_000))
    eventually(lambda: on.http.get(f"/jobs/{running}").json()["status"] == "running")
    assert on.http.delete(f"/jobs/{running}").json()["status"] == "cancelled"
    ended = submit(on.http, ask(samples=100))
    finished(on.http, ended)
    assert on.http.delete(f"/jobs/{ended}/content").status_code == 204
    assert "output" not in on.http.get(f"/jobs/{ended}").json()


def test_an_idempotency_key_stands_for_one_job_of_its_model(on: Served) -> None:
    def again(model: str) -> str:
        headers = {"prefer": "respond-async", "idempotency-key": "once"}
        return str(on.http.post("/generate", json=ask(model, samples=50), headers=headers).json()["id"])

    tanh, slow = again(TANH), again(SLOW)
    assert (again(TANH), again(SLOW)) == (tanh, slow)
    assert tanh != slow


def test_prompts_are_compared_with_certificates_of_every_model(on: Served) -> None:
    """The calls wait in lists of several nodes, and the replies lie on others."""
    for model in (TANH, SLOW, TANH):
        certificate = finished(on.http, submit(on.http, ask(model, samples=200)))["id"]
        answer = on.http.post(f"/certificates/{certificate}/covers", json={"prompts": ["0.01"]})
        assert answer.status_code == 200, answer.text
        assert answer.json()["answers"][0]["comparable"]


def test_the_fleet_counts_its_requests(on: Served) -> None:
    jobs = [submit(on.http, ask(prompt=str(n / 20), tier="fleet", sigma=0.0417)) for n in range(5)]
    views = [finished(on.http, job) for job in jobs]
    [pool] = {view["fleet"]["pool"] for view in views}
    window = views[0]["fleet"]["windows"][1]
    told = on.http.get("/fleet", params={"model": TANH, "window": window}).json()["data"]
    [reading] = [each["certificate"] for each in told if each["pool"]["id"] == pool]
    assert (reading["submitted"], reading["outstanding"]) == (5, 0)


def test_every_end_is_in_the_ledger_and_told_by_a_webhook(on: Served) -> None:
    with_receiver = Receiver()
    on.http.post("/webhooks", json={"url": with_receiver.url}).raise_for_status()
    jobs = [submit(on.http, ask(model, samples=300)) for model in (TANH, SLOW, BROKEN)]
    # Jobs of other tests that ended a moment before may be told too.
    eventually(lambda: {each.said["data"]["job"] for each in with_receiver.received} >= set(jobs))
    entries = eventually(lambda: _recorded(on.gateway, jobs))
    assert [entries[job]["event"] for job in jobs] == ["certificate", "certificate", "failure"]
    with_receiver.close()


def _recorded(gateway: Gateway, jobs: list[str]) -> dict[str, Any]:
    found = {each["job"]: each for each in gateway.http.get("/ledger", params={"limit": 500}).json()["data"]}
    return found if found.keys() >= set(jobs) else {}


def test_a_key_has_a_rate_and_a_quota(tmp_path: Any) -> None:
    lab = Lab(tmp_path, Cluster)
    try:
        _, headers = ApiKeys(lab.redis.url).create("clinic", rate="1000/min", quota="5000/day")
        gateway, _ = lab.gateway(), lab.worker(TANH)
        first = gateway.http.post("/generate", json=ask(samples=4000), headers=headers)
        assert first.status_code == 200, first.text
        assert problem_of(gateway.http.post("/generate", json=ask(samples=4000), headers=headers), 429)
        problem_of(gateway.http.post("/generate", json=ask(samples=10)), 401)
    finally:
        lab.close()


def test_killed_workers_and_killed_nodes_lose_nothing(on: Served) -> None:
    worker = on.lab.worker(SLOW, lease_s=2)
    jobs = [submit(on.http, body) for body in (LONG, ask(TANH, seed=1, samples=500), ask(SLOW, seed=1, samples=300))]
    eventually(lambda: on.http.get(f"/jobs/{jobs[0]}").json()["status"] == "running")
    worker.signal(signal.SIGKILL)
    on.cluster.kill()
    on.cluster.start()
    assert [finished(on.http, job)["status"] for job in jobs] == ["succeeded"] * 3
    assert "Traceback" not in on.gateway.log + on.worker.log


def test_addresses_of_the_wrong_kind_are_refused_in_one_sentence(on: Served, tmp_path: Any) -> None:
    with Redis(tmp_path / "one") as one:
        as_cluster = on.lab.keep(Gateway(one.url.replace("redis://", "redis-cluster://"), tmp_path / "a.log"))
        as_one = on.lab.keep(Gateway(f"redis://127.0.0.1:{on.cluster.primaries[0].port}/0", tmp_path / "b.log"))
        worker = on.lab.keep(Worker(one.url.replace("redis://", "redis-cluster://"), tmp_path / "c.log", TANH))
        for gateway, said in ((as_cluster, "begin with redis:// or"), (as_one, "begin with redis-cluster://")):
            gateway.until_alive()
            assert problem_of(gateway.http.get("/readyz"), 503)
            eventually(lambda g=gateway, s=said: s in g.log)
            assert "Traceback" not in gateway.log
        eventually(lambda: "begin with redis:// or" in worker.log, 60)


def test_no_script_runs_while_its_slot_is_half_moved(on: Served) -> None:
    """A script touches keys that it cannot declare: in a slot of which some keys are elsewhere, it would be refused in
    the middle. So it waits, as a whole, until the slot has moved. What needs one key alone goes on."""
    backlog = keys.backlog(TANH)
    certificate = finished(on.http, submit(on.http, ask(samples=100)))["id"]
    move = on.cluster.begin_move(backlog)
    try:
        before = move.source.client.get(backlog)
        refused = on.http.post("/generate", json=ask(samples=100), headers={"prefer": "respond-async"})
        problem_of(refused, 503)  # it waited for seconds
        assert move.source.client.get(backlog) == before
        assert submit(on.http, ask(SLOW, samples=20))  # in another slot
        move.take(keys.certificate(certificate))
        for _ in range(5):
            assert on.http.get(f"/certificates/{certificate}").status_code == 200
    finally:
        move.finish()
    assert finished(on.http, submit(on.http, ask(samples=100)))["status"] == "succeeded"
