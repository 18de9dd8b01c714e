"""GET /jobs: the latest jobs of a tenant, and of nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from smoothgen.queue import RECENT_JOBS, keys
from tests.app.conftest import problem_of
from tests.service.conftest import ask, finished, submit
from tests.support.processes import SLOW, TANH, Gateway, Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("recent"))
    with closing(lab):
        yield lab


@pytest.fixture(scope="module")
def gateway(lab: Lab) -> Gateway:
    gateway = lab.gateway(api_keys=["alice:a", "bob:b", "carol:c", "dora:d"])
    lab.worker(TANH, SLOW)
    return gateway


def use(gateway: Gateway, key: str) -> None:
    gateway.http.headers["authorization"] = f"Bearer {key}"


def listed(gateway: Gateway, **query: Any) -> list[dict[str, Any]]:
    response = gateway.http.get("/jobs", params=query)
    assert response.status_code == 200, response.text
    return list(response.json()["data"])


def test_the_latest_jobs_of_all_models_come_first_and_say_how_they_stand(gateway: Gateway) -> None:
    use(gateway, "a")
    certified = submit(gateway.http, ask(TANH, samples=40))
    finished(gateway.http, certified)
    running = submit(gateway.http, ask(SLOW, samples=20_000))
    abstained = submit(gateway.http, ask(TANH, samples=40, sigma=0.1, epsilon=5))
    finished(gateway.http, abstained)
    found = listed(gateway)
    assert [(job["id"], job["model"], job["has_certificate"]) for job in found] == [
        (abstained, TANH, False),
        (running, SLOW, False),
        (certified, TANH, True),
    ]
    assert [job["status"] for job in found][::2] == ["succeeded", "succeeded"]
    assert found[1]["status"] in ("queued", "running")
    assert sorted(job["submitted_at"] for job in found) == [job["submitted_at"] for job in reversed(found)]
    gateway.http.delete(f"/jobs/{running}")
    assert [job["status"] for job in listed(gateway)] == ["succeeded", "cancelled", "succeeded"]
    assert [job["id"] for job in listed(gateway, limit=1)] == [abstained]


def test_another_tenant_sees_none_of_them(gateway: Gateway) -> None:
    use(gateway, "a")
    hers = submit(gateway.http, ask(TANH, samples=40))
    use(gateway, "b")
    his = submit(gateway.http, ask(TANH, samples=40))
    assert [job["id"] for job in listed(gateway)] == [his]
    use(gateway, "a")
    assert hers in [job["id"] for job in listed(gateway)]
    assert his not in [job["id"] for job in listed(gateway)]


def test_a_repeated_submission_is_listed_once_and_an_expired_job_no_more(gateway: Gateway, lab: Lab) -> None:
    use(gateway, "c")
    again = {"idempotency-key": "once", "prefer": "wait=60"}
    ids = {gateway.http.post("/generate", json=ask(TANH, samples=40), headers=again).json()["id"] for _ in range(2)}
    assert [job["id"] for job in listed(gateway)] == list(ids)
    lab.redis.client.delete(keys.job(ids.pop()))  # as when its retention is over
    assert listed(gateway) == []


def test_the_list_of_a_model_is_bounded_and_goes_by_itself(gateway: Gateway, lab: Lab) -> None:
    use(gateway, "d")
    tier = {"tier": "universal"}  # answered without a sample
    ids = [submit(gateway.http, ask(TANH, **tier)) for _ in range(RECENT_JOBS + 3)]
    assert [job["id"] for job in listed(gateway, limit=RECENT_JOBS)] == ids[: -RECENT_JOBS - 1 : -1]
    kept = keys.recent(TANH, "dora")
    assert lab.redis.client.zcard(kept) == RECENT_JOBS
    assert 0 < lab.redis.client.ttl(kept) <= keys.RECENT_TTL_S


@pytest.mark.parametrize("limit", ["0", "101", "many"])
def test_a_limit_that_is_none_is_refused(gateway: Gateway, limit: str) -> None:
    use(gateway, "a")
    assert "limit" in problem_of(gateway.http.get("/jobs", params={"limit": limit}), 422)["detail"]
