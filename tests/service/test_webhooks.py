"""Webhooks on real processes: gateways, a worker, a Redis, and receivers that fail in every way."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from smoothgen import Client
from smoothgen.errors import ServerProblem
from smoothgen.queue import keys
from tests.app.conftest import problem_of
from tests.service.conftest import ask, finished, submit
from tests.support.processes import SLOW, TANH, Gateway, Lab, Process, eventually
from tests.support.webhook_receiver import BREAKS, ENDLESS, HANGS, Receiver

ON: dict[str, Any] = {
    "webhooks": True,
    "webhooks_allow": ["127.0.0.0/8"],
    "webhooks_allow_http": True,
    "webhooks_first_retry_s": 0.2,
    "webhooks_timeout_s": 2,
}


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that sends webhooks, for tests that break nothing."""
    lab = Lab(tmp_path_factory.mktemp("webhooks"))
    with closing(lab):
        yield lab.gateway(**ON)


def registered(gateway: Gateway, receiver: Receiver, *events: str, key: str | None = None) -> dict[str, Any]:
    body = {"url": receiver.url} | ({"events": list(events)} if events else {})
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    answer = gateway.http.post("/webhooks", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def listed(gateway: Gateway) -> list[dict[str, Any]]:
    return list(gateway.http.get("/webhooks").json()["data"])


def of_jobs(receiver: Receiver) -> set[str]:
    return {each.said["data"]["job"] for each in receiver.received}


def test_every_end_of_a_job_is_told_signed_and_thin(lab: Lab) -> None:
    gateway, _ = lab.gateway(**ON), lab.worker(TANH, SLOW, batch_size=32)
    with Receiver() as receiver:
        webhook = registered(gateway, receiver)
        certified = submit(gateway.http, ask(prompt="0.43751234"))
        abstained = submit(gateway.http, ask(epsilon=50.0))
        failed = submit(gateway.http, ask(prompt="no number"))
        cancelled = submit(gateway.http, ask(SLOW, samples=20_000))
        gateway.http.delete(f"/jobs/{cancelled}")
        receiver.until(4)
        eventually(lambda: listed(gateway)[0]["due"] == 0)
        told = {each.said["data"]["job"]: each for each in receiver.received}
        assert len(receiver.received) == len(told)
        assert all(each.is_signed_with(webhook["secret"]) for each in receiver.received)
        said = {job: {**each.said["data"], "type": each.said["type"]} for job, each in told.items()}
        statement = gateway.http.get(f"/certificates/{certified}").json()["statement"]
        assert said == {
            certified: {
                "type": "job.succeeded",
                "job": certified,
                "status": "succeeded",
                "result": "certified",
                "certificate": certified,
                "statement": statement,
            },
            abstained: {"type": "job.succeeded", "job": abstained, "status": "succeeded", "result": "abstained"},
            failed: {"type": "job.failed", "job": failed, "status": "failed"},
            cancelled: {"type": "job.cancelled", "job": cancelled, "status": "cancelled"},
        }
        assert not any(b"0.43751234" in each.body for each in receiver.received)
        [shown] = listed(gateway)
        assert "secret" not in shown
        assert shown["enabled"]
        assert shown["delivered_at"]


def test_only_what_was_asked_for_is_told(lab: Lab) -> None:
    gateway, _ = lab.gateway(**ON), lab.worker(TANH)
    with Receiver() as receiver, Receiver() as of_all:
        registered(gateway, receiver, "job.failed")
        registered(gateway, of_all)
        finished(gateway.http, submit(gateway.http, ask()))
        finished(gateway.http, submit(gateway.http, ask(prompt="no number")))
        of_all.until(2)
        eventually(lambda: all(each["due"] == 0 for each in listed(gateway)))
        assert receiver.types() == ["job.failed"]
        assert of_all.types() == ["job.failed", "job.succeeded"]


@pytest.mark.parametrize("first", [500, 302, 429, BREAKS, HANGS])
def test_a_message_that_was_not_taken_comes_again_under_its_id(lab: Lab, first: int | str) -> None:
    gateway, _ = lab.gateway(**ON), lab.worker(TANH)
    with Receiver() as elsewhere, Receiver(first, first, 204, location=elsewhere.url) as receiver:
        webhook = registered(gateway, receiver)
        finished(gateway.http, submit(gateway.http, ask()))
        messages = receiver.until(3)
        eventually(lambda: listed(gateway)[0]["due"] == 0)
        assert len(messages) == 3
        assert len({each.id for each in messages}) == len({each.body for each in messages}) == 1
        assert all(each.is_signed_with(webhook["secret"]) for each in messages)
        assert not elsewhere.received
        metrics = gateway.http.get("/metrics").text
        assert "smoothgen_webhooks_delivered_total 1.0" in metrics
        assert "smoothgen_webhooks_failed_total 2.0" in metrics


def test_a_receiver_that_was_away_is_told_when_it_is_back(lab: Lab) -> None:
    gateway, _ = lab.gateway(**ON), lab.worker(TANH)
    receiver = Receiver()
    registered(gateway, receiver)
    receiver.close()
    finished(gateway.http, submit(gateway.http, ask()))
    eventually(lambda: "last_failure" in listed(gateway)[0])
    with Receiver(port=receiver.port) as again:
        again.until(1)
        eventually(lambda: listed(gateway)[0]["due"] == 0)


def test_an_answer_without_an_end_is_read_so_far_and_no_further(lab: Lab) -> None:
    gateway, _ = lab.gateway(**ON), lab.worker(TANH)
    with Receiver(ENDLESS) as receiver:
        registered(gateway, receiver)
        finished(gateway.http, submit(gateway.http, ask()))
        receiver.until(1)
        eventually(lambda: listed(gateway)[0]["due"] == 0)
        assert "last_failure" not in listed(gateway)[0]


def test_410_disables_at_once_and_a_test_that_is_taken_enables_again(lab: Lab) -> None:
    gateway, _ = lab.gateway(**ON), lab.worker(TANH)
    with Receiver(410) as receiver:
        webhook = registered(gateway, receiver)
        finished(gateway.http, submit(gateway.http, ask()))
        eventually(lambda: not listed(gateway)[0]["enabled"])
        assert "410" in listed(gateway)[0]["reason"]
        assert 'smoothgen_webhook_receivers{state="disabled"} 1.0' in gateway.http.get("/metrics").text
        finished(gateway.http, submit(gateway.http, ask()))
        tried = gateway.http.post(f"/webhooks/{webhook['id']}/test", json={}).json()
        assert tried == {"delivered": False, "detail": "answered 410"}
        receiver.answer(204)
        assert gateway.http.post(f"/webhooks/{webhook['id']}/test", json={}).json()["delivered"]
        assert listed(gateway)[0]["enabled"]
        later = submit(gateway.http, ask())
        eventually(lambda: later in {each.said["data"].get("job") for each in receiver.received}, 60)
        assert receiver.types().count("webhook.test") == 2


def test_a_receiver_that_takes_nothing_for_long_is_disabled_with_the_reason(lab: Lab) -> None:
    gateway, _ = lab.gateway(**ON | {"webhooks_give_up_s": 1}), lab.worker(TANH)
    with Receiver(503) as receiver:
        registered(gateway, receiver)
        finished(gateway.http, submit(gateway.http, ask()))
        eventually(lambda: not listed(gateway)[0]["enabled"], 60)
        assert listed(gateway)[0]["reason"] == "it took no message in 1 s; the last try: answered 503"
        assert listed(gateway)[0]["due"] == 0
        assert len(receiver.received) > 1


def test_a_receiver_that_hangs_holds_up_no_other(lab: Lab) -> None:
    gateway, _ = lab.gateway(**ON), lab.worker(TANH)
    with Receiver(HANGS) as hanging, Receiver() as quick:
        registered(gateway, hanging)
        registered(gateway, quick)
        jobs = {submit(gateway.http, ask(prompt=f"0.{n}")) for n in range(1, 13)}
        quick.until(12)
        assert of_jobs(quick) == jobs
        dues = {each["url"]: each["due"] for each in listed(gateway)}
        assert dues[hanging.url] == 12


def test_nothing_is_lost_when_anything_is_killed(lab: Lab) -> None:
    with ExitStack() as stack:
        receiver = stack.enter_context(Receiver(HANGS, BREAKS, 500, 204, 500, 204))
        first, second = lab.gateway(**ON), lab.gateway(**ON)
        worker = lab.worker(TANH)
        registered(first, receiver)
        jobs = {submit(first.http, ask(prompt=f"0.{n}")) for n in range(1, 6)}
        receiver.until(1)
        first.kill()  # it may hold the lease of the receiver, whose first message hangs
        worker.kill()
        jobs |= {submit(second.http, ask(prompt=f"0.{n}")) for n in range(6, 10)}
        lab.redis.kill()
        lab.redis.start()
        lab.worker(TANH)
        eventually(lambda: of_jobs(receiver) == jobs, 120)
        eventually(lambda: listed(second)[0]["due"] == 0, 60)
        assert len({each.id for each in receiver.received}) == len(jobs)


def test_what_ended_while_no_gateway_ran_is_told_later(lab: Lab) -> None:
    gateway, worker = lab.gateway(**ON), lab.worker(SLOW, batch_size=1000)
    with Receiver() as receiver:
        registered(gateway, receiver)
        job = submit(gateway.http, ask(SLOW, samples=3000))
        gateway.kill()
        eventually(lambda: lab.redis.client.hget(keys.job(job), "status") == "succeeded", 60)
        assert not receiver.received
        worker.signal(signal.SIGTERM)
        lab.gateway(**ON)
        receiver.until(1)
        assert of_jobs(receiver) == {job}


def test_two_gateways_tell_each_message_once(lab: Lab) -> None:
    one, other, _ = lab.gateway(**ON), lab.gateway(**ON), lab.worker(TANH)
    with Receiver() as receiver:
        registered(one, receiver)
        jobs = {submit((one, other)[n % 2].http, ask(prompt=f"0.{n}")) for n in range(1, 31)}
        receiver.until(30)
        eventually(lambda: listed(other)[0]["due"] == 0)
        assert of_jobs(receiver) == jobs
        assert len(receiver.received) == len(jobs)


def test_a_rotated_secret_signs_beside_the_old_one_for_a_while(lab: Lab) -> None:
    gateway = lab.gateway(**ON)
    with Receiver() as receiver, Client(gateway.url) as client:
        old = client.add_webhook(receiver.url)
        new = client.rotate_webhook(old.id, 3600)
        assert client.test_webhook(old.id).delivered
        newest = client.rotate_webhook(old.id, 0)
        assert client.test_webhook(old.id).delivered
        signed = [[each.is_signed_with(s.secret) for s in (old, new, newest)] for each in receiver.received]
        assert signed == [[True, True, False], [False, False, True]]


def test_receivers_are_their_tenants(lab: Lab) -> None:
    gateway, _ = lab.gateway(**ON, api_keys=["alice:a", "bob:b"]), lab.worker(TANH)
    bob = {"authorization": "Bearer b"}
    with Receiver() as receiver, Receiver() as of_bob:
        webhook = registered(gateway, receiver, key="a")
        registered(gateway, of_bob, key="b")
        assert [each["url"] for each in gateway.http.get("/webhooks", headers=bob).json()["data"]] == [of_bob.url]
        for method, path in (("DELETE", ""), ("POST", "/rotate"), ("POST", "/test")):
            body = {} if method == "DELETE" else {"json": {}}
            answer = gateway.http.request(method, f"/webhooks/{webhook['id']}{path}", headers=bob, **body)
            assert "no webhook" in problem_of(answer, 404)["detail"]
        job = gateway.http.post("/generate", json=ask(), headers=bob).json()["id"]
        of_bob.until(1)
        assert of_jobs(of_bob) == {job}
        assert not receiver.received


def test_a_removed_receiver_is_told_nothing_more(lab: Lab) -> None:
    gateway, _ = lab.gateway(**ON), lab.worker(TANH)
    with Receiver(500) as receiver, Client(gateway.url) as client:
        webhook = client.add_webhook(receiver.url, ["job.succeeded"])
        finished(gateway.http, submit(gateway.http, ask()))
        receiver.until(1)
        client.remove_webhook(webhook.id)
        assert client.webhooks() == []
        with pytest.raises(ServerProblem, match="no webhook"):
            client.remove_webhook(webhook.id)
        eventually(lambda: not list(lab.redis.client.scan_iter(f"smoothgen:*{webhook.id}")))
        eventually(lambda: lab.redis.client.zcard(keys.WEBHOOK_DUE) == 0)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "ftp://example.org/"}, "/url"),
        ({"url": "nowhere"}, "/url"),
        ({"url": "http://127.0.0.1/#part"}, "/url"),
        ({"url": "http://user:password@127.0.0.1/"}, "/url"),
        ({"url": "https://no-such-name.invalid/"}, "/url"),
        ({"url": "http://10.0.0.1/"}, "/url"),
        ({"url": "http://[::1]/"}, "/url"),
        ({"url": "http://0xa9fea9fe/latest"}, "/url"),
        ({"url": "x" * 5000}, "/url"),
        ({"url": "http://127.0.0.1/", "events": []}, "/events"),
        ({"url": "http://127.0.0.1/", "events": ["job.exploded"]}, "/events/0"),
        ({"url": "http://127.0.0.1/", "secret": "mine"}, "/secret"),
        ({"url": 7}, "/url"),
    ],
)
def test_what_cannot_be_registered_is_refused(on: Gateway, body: dict[str, Any], pointer: str) -> None:
    assert problem_of(on.http.post("/webhooks", json=body), 422)["errors"][0]["pointer"] == pointer


def test_a_tenant_has_so_many_receivers_at_most(on: Gateway) -> None:
    answers = [on.http.post("/webhooks", json={"url": f"http://127.0.0.1/{n}"}) for n in range(17)]
    assert [each.status_code for each in answers] == [201] * 16 + [409]
    for each in answers[:16]:
        assert on.http.delete(f"/webhooks/{each.json()['id']}").status_code == 204


def test_by_default_a_server_sends_none_and_says_how_it_would(lab: Lab) -> None:
    gateway = lab.gateway()
    for answer in (gateway.http.get("/webhooks"), gateway.http.post("/webhooks", json={"url": "https://a.example"})):
        assert "SMOOTHGEN_WEBHOOKS=true" in problem_of(answer, 404)["detail"]


def test_https_alone_and_public_addresses_alone_unless_allowed(lab: Lab) -> None:
    gateway = lab.gateway(webhooks=True)
    for url, said in (("http://example.org/", "https only"), ("https://127.0.0.1/", "SMOOTHGEN_WEBHOOKS_ALLOW")):
        assert said in problem_of(gateway.http.post("/webhooks", json={"url": url}), 422)["detail"]


def test_a_receiver_whose_network_is_no_longer_allowed_is_not_sent_to(lab: Lab) -> None:
    gateway, _ = lab.gateway(**ON), lab.worker(TANH)
    with Receiver() as receiver:
        registered(gateway, receiver)
        gateway.kill()
        stricter = lab.gateway(**ON | {"webhooks_allow": []})
        finished(stricter.http, submit(stricter.http, ask()))
        eventually(lambda: "not a public address" in listed(stricter)[0].get("last_failure", ""))
        assert not receiver.received


def test_the_command_line_adds_lists_tries_rotates_and_removes(on: Gateway, tmp_path: Path) -> None:
    def command(*arguments: str, code: int = 0) -> str:
        whole = ["-c", "from smoothgen.cli import main; main()", "webhooks", *arguments, "--url", on.url]
        log = tmp_path / f"{len(list(tmp_path.iterdir()))}.log"
        with Process(*whole, log=log) as process:
            assert process.wait(120) == code, process.log
        return process.log

    with Receiver() as receiver:
        added = command("add", receiver.url, "--event", "job.failed")
        webhook, secret = added.split()[0], added.partition("secret: ")[2].split()[0]
        assert command("test", webhook) == "delivered: answered 204\n"
        assert receiver.received[0].is_signed_with(secret)
        assert secret not in command("list")
        rotated = command("rotate", webhook, "--overlap", "1h")
        assert secret not in rotated
        assert "no time" in command("rotate", webhook, "--overlap", "soon", code=2)
        receiver.answer(500)
        assert command("test", webhook, code=1) == "not delivered: answered 500\n"
        assert command("remove", webhook) == f"removed {webhook}\n"
        assert "no webhook" in command("remove", webhook, code=2)
        assert "not a public address" in command("add", "http://10.1.2.3/", code=2)
