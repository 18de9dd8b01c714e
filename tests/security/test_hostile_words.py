"""Words of clients that look like HTML, a log line, a label of Prometheus or a command of Redis."""

from __future__ import annotations

import json

import pytest
from prometheus_client.parser import text_string_to_metric_families

from smoothgen.queue import keys
from tests.security.conftest import Target
from tests.support.echo import asked

HTML = "<script>alert(1)</script><img src=x onerror=alert(1)>"
HOSTILE = {
    "html": HTML,
    "log line": 'hostile\n{"event": "forged", "level": "critical"}\r\n\x1b[31m',
    "label": 'hostile"} 1\nsmoothgen_forged_total{a="b',
    "redis": "hostile\r\n*1\r\n$8\r\nFLUSHALL\r\n",
    "lua": "hostile'); redis.call('FLUSHALL') --",
    "right to left": "hostile \u202edeifitrec ton si siht\u202c \u2066\u200f",
    "template": "hostile {{7*7}} ${7*7} %s %(a)s {0.__class__}",
}


def logged(target: Target) -> list[dict[str, object]]:
    """Every line of both logs; one that is no JSON object ends the test."""
    lines = [json.loads(line) for process in (target.gateway, target.worker) for line in process.log.splitlines()]
    assert all(isinstance(line, dict) for line in lines)
    return lines


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_text_stays_a_text(target: Target, text: str) -> None:
    view = target.said(text, **{"idempotency-key": "hostile"}).json()
    if view["status"] == 409:  # the key is of the first text here
        view = target.said(text).json()
    assert view["status"] == "succeeded", view
    assert view["output"]["text"] == text
    output = target.http.get(f"/jobs/{view['id']}/output", headers=target.alice)
    assert output.content == text.encode()
    assert output.headers["content-type"] == "text/plain; charset=utf-8"
    assert output.headers["x-content-type-options"] == "nosniff"
    assert output.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert target.http.post("/certificates/verify", json=view["certificate"], headers=target.alice).json()["valid"]


@pytest.mark.parametrize("text", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_name_is_refused_as_json(target: Target, text: str) -> None:
    http, body = target.http, asked("a prompt")
    answers = [
        http.post("/generate", json=body | {"model": text}, headers=target.alice),
        http.post("/generate", json=body | {text: text}, headers=target.alice),
        http.post("/generate", json=body | {"robustness": {"metric": text}}, headers=target.alice),
        http.post(
            "/v1/chat/completions",
            json={"model": text, "messages": [{"role": "user", "content": "a"}]},
            headers=target.alice,
        ),
        http.post("/webhooks", json={"url": f"https://{text}/"}, headers=target.alice),
        http.post("/certificates/verify", json={"statement": text, text: text}, headers=target.alice),
        http.get("/ledger", params={"event": text}, headers=target.alice),
        http.get("/ledger", params={"model": text}, headers=target.alice),
    ]
    for answer in answers:
        assert answer.headers["content-type"].partition(";")[0] in ("application/json", "application/problem+json")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.status_code < 500
    assert [each.status_code for each in answers[:5]] == [422, 422, 422, 404, 422]
    assert not answers[5].json()["valid"]


def test_no_hostile_word_is_a_label_a_line_or_a_command(target: Target) -> None:
    kept = target.said("to be kept").json()["id"]
    for text in HOSTILE.values():
        request_id = {"x-request-id": text.encode("unicode_escape").decode()}
        target.http.post("/generate", json=asked(text) | {"model": text}, headers=target.alice | request_id)
        target.http.post("/generate", json=asked(text), headers=target.alice | request_id)
    page = target.http.get("/metrics").text
    families = list(text_string_to_metric_families(page))  # raises where the page cannot be read
    labels = {value for family in families for sample in family.samples for value in sample.labels.values()}
    assert not [label for label in labels if "hostile" in label or "script" in label]
    assert not [family.name for family in families if "forged" in family.name]
    assert not [line for line in logged(target) if line["event"] == "forged" or line["level"] == "critical"]
    assert target.lab.redis.client.exists(keys.job(kept))


@pytest.mark.parametrize("name", [*HOSTILE.values(), "a:b", "", "a" * 65, "-a"])
def test_a_hostile_name_of_a_tenant_or_key_makes_no_key(target: Target, name: str) -> None:
    before = len(target.keys.all())
    with pytest.raises(ValueError):  # noqa: PT011  which one, tests/unit/access says
        target.keys.create(name)
    assert len(target.keys.all()) == before
