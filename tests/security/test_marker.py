"""A marked prompt through every route that takes one, and then a look at everything that others may read."""

from __future__ import annotations

import sqlite3

from tests.security.conftest import Target
from tests.support.echo import ECHO, asked
from tests.support.processes import eventually
from tests.support.webhook_receiver import Receiver

MARKER = "marker-8c31-prompt"
ROBUSTNESS = {"samples": 20, "selection_samples": 8, "tolerance": 0.5}


def test_a_prompt_is_in_no_log_trace_metric_message_or_ledger(target: Target) -> None:
    http, alice = target.http, target.alice
    with Receiver() as receiver:
        made = http.post("/webhooks", json={"url": receiver.url}, headers=alice)
        assert made.status_code == 201, made.text
        told = target.said(MARKER, **{"idempotency-key": MARKER, "x-request-id": "follow-the-marker"}).json()
        job = told["id"]
        assert told["output"]["text"] == MARKER
        extension = {"smoothgen": {"robustness": ROBUSTNESS}}
        chat = {"model": ECHO, "messages": [{"role": "user", "content": MARKER}], "user": MARKER, **extension}
        answers = [
            http.post("/plans", json=asked(MARKER), headers=alice),
            http.post("/v1/chat/completions", json=chat | {MARKER: 1, "seed": 1}, headers=alice),
            http.post("/v1/chat/completions", json=chat | {"stream": True, "seed": 2}, headers=alice),
            http.post("/v1/responses", json={"model": ECHO, "input": MARKER, **extension}, headers=alice),
            http.post(f"/certificates/{job}/covers", json={"prompts": [MARKER]}, headers=alice),
            http.get(f"/jobs/{job}", headers=alice),
            http.get(f"/jobs/{job}/output", headers=alice),
            http.get("/jobs", headers=alice),
            http.get("/fleet", headers=alice),
        ]
        assert [each.status_code for each in answers] == [200] * len(answers), [each.text for each in answers]
        refused = [
            http.post("/generate", json=asked(MARKER) | {MARKER: MARKER}, headers=alice),
            http.post("/generate", json=asked(MARKER) | {"model": MARKER}, headers=alice),
            http.post("/generate", content=f'{{"prompt": "{MARKER}', headers=alice | {"content-type": MARKER}),
            http.get(f"/jobs/{MARKER}", params={MARKER: MARKER}, headers=alice),
            http.get(f"/{MARKER}", headers={"authorization": f"Bearer {MARKER}"}),
        ]
        assert [each.status_code for each in refused] == [422, 422, 415, 404, 401]
        receiver.until(4)
        eventually(lambda: http.get(f"/ledger/{job}", headers=alice).status_code == 200)
        eventually(lambda: {"POST /generate", "POST /v1/responses"} <= {s.name for s in target.collector.spans})
        recorded = http.get(f"/ledger/{job}", headers=alice).text
        assert http.delete(f"/webhooks/{made.json()['id']}", headers=alice).status_code == 204
        messages = b"".join(each.body + str(each.headers).encode() for each in receiver.received)
    assert "follow-the-marker" in target.gateway.log
    stored = "\n".join(sqlite3.connect(target.ledger).iterdump())
    assert job in stored
    spans = b"".join(target.collector.bodies)
    read_by_others = {
        "the gateway's log": target.gateway.log,
        "the worker's log": target.worker.log,
        "traces": spans.decode("latin-1"),
        "metrics": http.get("/metrics").text,
        "messages to receivers": messages.decode(),
        "the ledger": stored + recorded,
    }
    assert [where for where, text in read_by_others.items() if MARKER in text] == []
