"""Keys of `smoothgen keys` on real gateways: which are accepted, for what, for how long, and what without Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx2
import pytest

from app.access.needed import NEEDED
from smoothgen.access.scopes import SCOPES
from smoothgen.queue import keys
from tests.app.conftest import problem_of
from tests.service.conftest import ask
from tests.service.test_tenants import BODIES, OF_A_JOB, OF_NO_JOB, OPEN
from tests.support.api_keys import ApiKeys, bearer
from tests.support.processes import TANH, Gateway, Lab, eventually

ROUTES = [*OF_A_JOB, *OF_NO_JOB]
SOON_S = 10.0
"""Longer than a gateway takes to hear of a change (2 s), on a busy machine."""
Headers = dict[str, str]


class Service:
    """Two gateways that know no key but those in Redis, and a worker."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.keys = lab, ApiKeys(lab.redis.url)
        self.gateways = [lab.gateway(default_wait_s=60) for _ in range(2)]
        lab.worker(TANH)
        self.alice_id, self.alice = self.keys.create("alice")
        _, self.bob = self.keys.create("bob")
        eventually(lambda: all(gateway.http.get("/models").status_code == 401 for gateway in self.gateways))
        self.job = self.made(self.alice)

    def made(self, headers: Headers) -> str:
        response = self.gateways[0].http.post("/generate", json=ask(samples=40), headers=headers)
        assert response.json()["status"] == "succeeded", response.text
        return str(response.json()["id"])

    def call(self, gateway: Gateway, route: tuple[str, str], headers: Headers, job: str = "") -> httpx2.Response:
        method, path = route
        url = path.replace("{job_id}", job).replace("{certificate_id}", job).replace("{model}", TANH)
        body = {"json": BODIES[path]} if path in BODIES else {}
        asynchronously = {"prefer": "respond-async"} | headers
        return gateway.http.request(
            method.upper(), url.replace("{response_id}", f"resp_{job}"), headers=asynchronously, **body
        )

    def statuses(self, headers: Headers) -> dict[tuple[str, str], set[int]]:
        """What each route answers at both gateways, about a job of Alice's."""
        return {
            route: {self.call(gateway, route, headers, self.job).status_code for gateway in self.gateways}
            for route in ROUTES
        }


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with closing(Lab(tmp_path_factory.mktemp("api-keys"))) as lab:
        yield Service(lab)


def everywhere(status: int) -> dict[tuple[str, str], set[int]]:
    return {route: {status} for route in ROUTES}


def test_no_key_a_wrong_one_and_what_is_no_key_are_refused_on_every_route(service: Service) -> None:
    key = service.alice["authorization"].removeprefix("Bearer ")
    wrong_secret = key[:-1] + ("0" if key[-1] != "0" else "1")
    unknown_id = f"sg_{'f' * 16}_{key[-64:]}"
    malformed = [key[:-1], key.upper(), f"{key} x", "sg_", "\xff" * 20]
    for headers in [
        {},
        {"authorization": f"Basic {key}"},
        {"authorization": key},
        *(bearer(text) for text in (wrong_secret, unknown_id, *malformed)),
    ]:
        sent = {name: value.encode("latin-1") for name, value in headers.items()}
        assert service.statuses(sent) == everywhere(401), headers  # type: ignore[arg-type]
    for route in OPEN:
        assert service.call(service.gateways[0], route, {}).status_code == 200


def test_the_challenge_says_whether_a_key_was_sent(service: Service) -> None:
    http = service.gateways[0].http
    assert http.get("/models").headers["www-authenticate"] == "Bearer"
    assert http.get("/models", headers=bearer("x")).headers["www-authenticate"] == 'Bearer error="invalid_token"'
    told = http.post("/v1/responses", json=BODIES["/v1/responses"], headers=bearer("x"))
    assert told.json()["error"]["type"] == "authentication_error"


def test_a_key_works_on_every_route_and_another_tenants_finds_no_job(service: Service) -> None:
    statuses = service.statuses(service.bob)
    assert {route: statuses[route] for route in OF_A_JOB} == {route: {404} for route in OF_A_JOB}
    assert {route: statuses[route] for route in OF_NO_JOB} == {r: {status} for r, status in OF_NO_JOB.items()}
    for route, status in OF_A_JOB.items():
        job = service.made(service.alice)
        assert service.call(service.gateways[1], route, service.alice, job).status_code == status


def test_a_revoked_and_an_expired_key_stop_on_every_route_and_are_told_why(service: Service) -> None:
    key_id, revoked = service.keys.create("alice")
    assert {gateway.http.get("/models", headers=revoked).status_code for gateway in service.gateways} == {200}
    service.keys.revoke(key_id)
    eventually(lambda: service.statuses(revoked) == everywhere(401), SOON_S)
    assert "is revoked since" in problem_of(service.gateways[0].http.get("/models", headers=revoked), 401)["detail"]

    _, expiring = service.keys.create("alice", expires="2s")
    eventually(lambda: service.statuses(expiring) == everywhere(401), SOON_S)
    assert "is expired since" in problem_of(service.gateways[0].http.get("/models", headers=expiring), 401)["detail"]
    wrong = expiring["authorization"][:-64] + "0" * 64  # why is for its holder alone
    told = problem_of(service.gateways[0].http.get("/models", headers={"authorization": wrong}), 401)["detail"]
    assert "expired" not in told


def test_a_rotated_key_is_accepted_with_the_new_one_for_the_overlap(service: Service) -> None:
    key_id, old = service.keys.create("alice")
    accepted = {route: {status} for route, status in OF_NO_JOB.items()}

    def statuses(headers: Headers) -> dict[tuple[str, str], set[int]]:
        found = service.statuses(headers)
        return {route: found[route] for route in OF_NO_JOB}

    assert statuses(old) == accepted
    new = service.keys.rotate(key_id, 3600)
    eventually(lambda: statuses(new) == accepted, SOON_S)
    assert statuses(old) == accepted
    newest = service.keys.rotate(key_id, 0)
    eventually(lambda: statuses(newest) == accepted, SOON_S)
    for before in (old, new):
        assert service.statuses(before) == everywhere(401)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_of_one_scope_is_refused_where_another_is_needed(service: Service, scope: str) -> None:
    _, headers = service.keys.create("alice", scope)
    for method, path in ROUTES:
        route_path = path.replace("/1/", "/{rank}/").replace("{model}", "{model:path}")
        needed = NEEDED[method.upper(), route_path]
        response = service.call(service.gateways[0], (method, path), headers, service.job)
        assert (response.status_code == 403) == (needed != scope), response.text
        if response.status_code == 403:
            assert f'scope="{needed}"' in response.headers["www-authenticate"]
            assert f"needs a key of scope {needed}; this key has {scope}" in response.text
    # What is no route is none for any key.
    assert service.gateways[0].http.get("/no/such/path", headers=headers).status_code == 404


def test_no_prompt_and_no_key_gets_into_a_log_at_the_default_level(service: Service) -> None:
    marker = "marker-prompt-51c9"
    bad: dict[str, Any]
    for (_, path), headers in zip(ROUTES * 2, [service.alice, {}] * len(ROUTES), strict=False):
        good = BODIES.get(path, {}) if isinstance(BODIES.get(path, {}), dict) else {}
        for bad in (good | {"prompt": marker}, good | {marker: marker}, {"prompt": {marker: [marker]}}):
            url = path.replace("{job_id}", marker).replace("{certificate_id}", marker).replace("{model}", marker)
            url = url.replace("{response_id}", f"resp_{marker}")
            for gateway in service.gateways:
                gateway.http.post(url, json=bad, headers={"prefer": "respond-async"} | headers)
                gateway.http.post(url, content=f'{{"prompt": "{marker}'.encode(), headers=headers)
                gateway.http.get(url, params={"prompt": marker}, headers=headers)
    secrets = [each["authorization"].removeprefix("Bearer ")[-64:] for each in (service.alice, service.bob)]
    for gateway in service.gateways:
        assert '"event": "request"' in gateway.log
        assert marker not in gateway.log
        assert not [secret for secret in secrets if secret in gateway.log]


def test_redis_holds_no_key(service: Service) -> None:
    stored = str(service.lab.redis.client.hgetall(keys.API_KEYS))
    assert service.alice_id in stored
    assert service.alice["authorization"][-64:] not in stored
