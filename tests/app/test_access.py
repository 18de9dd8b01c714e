"""Scopes of routes, gateways that may start and those that may not, header fields, and limits of each key."""

from __future__ import annotations

import json
import re
import secrets
from contextlib import ExitStack
from pathlib import Path

import pytest
from fastapi import APIRouter, FastAPI
from pydantic import ValidationError
from starlette.testclient import TestClient

from app.access.needed import NEEDED, require_declared, scopes_needed
from app.http.admission import is_open
from app.main import create_app
from app.settings import Settings
from smoothgen.access.scopes import SCOPES
from tests.app.conftest import NUMBERS, model_card, problem_of, register, request_body
from tests.support.api_keys import ApiKeys
from tests.support.processes import LOADING_S, ROOT, Gateway, Lab, Redis, eventually, free_port

KEY = {"authorization": "Bearer a-key"}
OUR_HEADERS = {
    name
    for file in (ROOT / "app").rglob("*.py")
    for name in re.findall(r'"(X-SmoothGen-\w+)"\]? ?[:=]', file.read_text())
}
"""The headers of our own that answers carry."""


def test_every_route_needs_a_scope_and_the_table_has_no_other() -> None:
    described = {(m.upper(), path) for path, ms in create_app(Settings()).openapi()["paths"].items() for m in ms}
    declared = {(method, path.replace(":path}", "}")) for method, path in NEEDED}
    assert declared == {(method, path) for method, path in described if not is_open(path)}


@pytest.mark.parametrize("included", [False, True])
def test_a_route_without_a_scope_is_refused(included: bool) -> None:
    app, router = FastAPI(docs_url=None, redoc_url=None), APIRouter(prefix="/new")
    router.add_api_route("/route", lambda: None, include_in_schema=False)
    app.include_router(router) if included else app.add_api_route("/new/route", lambda: None)
    with pytest.raises(ValueError, match="GET /new/route declares no scope"):
        require_declared(app.routes, is_open)


def test_what_a_path_needs_is_found_as_the_router_finds_its_route() -> None:
    assert scopes_needed("POST", "/generate") == {"generate"}
    assert scopes_needed("DELETE", "/jobs/a/content") == {"generate"}
    assert scopes_needed("GET", "/v1/models/a/b:c") == {"read"}
    assert scopes_needed("HEAD", "/models") == {"read"}
    for method, path in [("GET", "/generate"), ("POST", "/generate/"), ("GET", "/jobs/a/b"), ("GET", "/jobs/")]:
        assert scopes_needed(method, path) == frozenset()


def test_the_documented_scopes_are_those_of_the_routes() -> None:
    rows = [
        line.split("|")[1:-1] for line in (ROOT / "docs/operations/keys.md").read_text().splitlines() if "|" in line
    ]
    table = {row[0].strip(" `"): row[1] for row in rows if row[0].strip(" `") in SCOPES}
    assert set(table) == set(SCOPES)
    documented = {
        (method, path): scope
        for scope, cell in table.items()
        for method, path in (entry.split() for entry in cell.split("`")[1::2] if " " in entry)
    }
    assert documented == {(method, path.replace(":path}", "}")): scope for (method, path), scope in NEEDED.items()}


def test_a_gateway_that_others_can_reach_does_not_start_without_a_key(lab: Lab) -> None:
    for host in ("0.0.0.0", "::"):
        gateway = lab.keep(Gateway(lab.redis.url, lab.folder / "refused.log", host=host))
        assert gateway.wait(LOADING_S) == 1
        line = json.loads(gateway.log.splitlines()[-1])
        assert line["event"] == "gateway_cannot_start"
        assert "smoothgen keys create" in line["detail"]
        assert "SMOOTHGEN_API_KEYS" in line["detail"]
        assert "127.0.0.1" in line["detail"]


def test_a_key_lets_it_start_and_is_asked_for(lab: Lab) -> None:
    _, headers = ApiKeys(lab.redis.url).create("alice")
    gateway = lab.gateway(host="0.0.0.0")
    assert gateway.http.get("/models").status_code == 401
    assert gateway.http.get("/models", headers=headers).status_code == 200


def test_while_redis_is_away_it_starts_and_answers_nobody(tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with Gateway(url, tmp_path / "log", host="0.0.0.0") as gateway:
        gateway.until_alive()
        assert '"event": "keys_unread"' in gateway.log
        assert gateway.http.get("/models").status_code == 401
        problem_of(gateway.http.get("/models", headers={"authorization": f"Bearer sg_{'0' * 16}_{'0' * 64}"}), 503)


def test_the_first_key_closes_a_gateway_on_loopback_and_its_revocation_does_not_open_it(lab: Lab) -> None:
    gateway, keys = lab.gateway(), ApiKeys(lab.redis.url)
    assert gateway.http.get("/models").status_code == 200
    key_id, headers = keys.create("alice")
    eventually(lambda: gateway.http.get("/models").status_code == 401)
    assert gateway.http.get("/models", headers=headers).status_code == 200
    keys.revoke(key_id)
    eventually(lambda: gateway.http.get("/models", headers=headers).status_code == 401)
    assert lab.gateway().http.get("/models").status_code == 401


def test_every_answer_has_the_fields_that_keep_browsers_from_misusing_it(api: TestClient) -> None:
    for path, status in [("/models", 200), ("/livez", 200), ("/no/such", 404), ("/jobs/x", 404)]:
        response = api.get(path)
        assert response.status_code == status
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert api.get("/models", headers={"host": "evil.example"}).headers["x-content-type-options"] == "nosniff"
    page = api.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_pages_of_other_origins_are_let_in_only_where_they_are_named(redis: Redis, api: TestClient) -> None:
    ours, asked = "https://app.example", {"access-control-request-method": "POST"}
    preflight = asked | {"origin": ours, "access-control-request-headers": "authorization,content-type"}
    assert api.options("/generate", headers=preflight).status_code == 405
    assert "access-control-allow-origin" not in api.get("/models", headers={"origin": ours}).headers
    settings = Settings(redis_url=redis.url, api_keys=["a-key"], cors_origins=[ours])
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        allowed = client.options("/generate", headers=preflight)  # a browser asks without the key
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, ours)
        assert client.options("/generate", headers=preflight | {"origin": "https://evil.example"}).status_code == 400
        for headers in ({"origin": ours}, {"origin": ours} | KEY):  # so that a page can read why it is refused
            assert client.get("/models", headers=headers).headers["access-control-allow-origin"] == ours
        exposed = client.get("/models", headers={"origin": ours} | KEY).headers["access-control-expose-headers"]
        assert {name for name in exposed.split(", ") if name.startswith("X-SmoothGen")} == OUR_HEADERS
        told = client.get("/models", headers={"origin": "https://evil.example"} | KEY)
        assert "access-control-allow-origin" not in told.headers


@pytest.mark.parametrize("origin", ["*", "null", "app.example", "https://app.example/", "https://app.example/x", ""])
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(ValidationError, match="an origin is written scheme://host"):
        Settings(cors_origins=[origin])


def test_the_requests_of_one_key_in_hand_are_bounded_and_others_are_not_held_up(lab: Lab) -> None:
    register(lab.redis, model_card(NUMBERS))
    keys = ApiKeys(lab.redis.url)
    (_, alice), (_, bob) = keys.create("alice"), keys.create("bob")
    gateway = lab.gateway(max_requests_per_key=3)
    job = gateway.http.post("/generate", json=request_body(), headers={"prefer": "respond-async"} | alice).json()["id"]
    with ExitStack() as following:
        for _ in range(3):  # nobody works on the job, so its events go on
            events = gateway.http.stream("GET", f"/jobs/{job}/events", headers=alice, timeout=60)
            assert following.enter_context(events).status_code == 200
        refused = gateway.http.get("/models", headers=alice)
        assert "3 requests of this key are in hand" in problem_of(refused, 429)["detail"]
        assert refused.headers["retry-after"] == "2"
        assert gateway.http.get("/models", headers=bob).status_code == 200
    eventually(lambda: gateway.http.get("/models", headers=alice).status_code == 200)


def test_the_bodies_of_one_key_are_bounded_together(lab: Lab) -> None:
    keys = ApiKeys(lab.redis.url)
    (_, alice), (_, bob) = keys.create("alice"), keys.create("bob")
    gateway = lab.gateway(max_held_bytes_per_key=200_000)
    body = json.dumps({"prompt": secrets.token_hex(200_000)}).encode()
    json_type = {"content-type": "application/json"}
    refused = gateway.http.post("/generate", content=body, headers=alice | json_type)
    assert "your key's other requests" in problem_of(refused, 429)["detail"]
    assert refused.headers["retry-after"] == "2"
    small = gateway.http.post("/generate", content=body[:150_000], headers=bob | json_type)
    assert small.status_code == 400  # read, and no JSON


@pytest.mark.parametrize("retention_s", [0, 59, 30 * 24 * 3600 + 1])
def test_a_retention_out_of_bounds_is_refused_in_defaults_and_under_v1(api: TestClient, retention_s: int) -> None:
    with pytest.raises(ValidationError, match="retention_s"):
        Settings(openai_defaults={"*": {"retention_s": retention_s}})
    body = {"model": "numbers", "messages": [{"role": "user", "content": "0.5"}]}
    response = api.post("/v1/chat/completions", json=body | {"smoothgen": {"retention_s": retention_s}})
    assert (response.status_code, response.json()["error"]["param"]) == (422, "smoothgen.retention_s")


def test_defaults_of_openai_requests_are_of_models_there_are() -> None:
    known = {"*": {}, "tenant:alice": {}, "a": {}, "b": {}}
    assert set(Settings(models=["a", "b=source"], openai_defaults=known).openai_defaults) == set(known)
    assert set(Settings(openai_defaults={"any-model": {}}).openai_defaults) == {"any-model"}  # they are not known here
    with pytest.raises(ValidationError, match=r"'c' is no model of SMOOTHGEN_MODELS \(a, b\)"):
        Settings(models=["a", "b=source"], openai_defaults={"c": {}})
    with pytest.raises(ValidationError, match="names no tenant"):
        Settings(openai_defaults={"tenant:": {}})
