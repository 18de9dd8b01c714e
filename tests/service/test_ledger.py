"""The ledger of real gateways and workers: every end of a job once, whoever is killed or away meanwhile."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from smoothgen.ledger.database import Database
from smoothgen.ledger.ledger import Ledger
from smoothgen.ledger.location import sqlite_url
from smoothgen.ledger.reading import checked
from tests.app.conftest import problem_of
from tests.service.conftest import ask, finished, submit
from tests.support.postgres import Postgres
from tests.support.processes import BARE, ROOT, SLOW, TANH, Gateway, Lab, Serve, eventually

PATIENCE_S = 60.0
"""Longer than the lease of an entry that a killed gateway held."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Lab]:
    with closing(Lab(tmp_path)) as lab:
        yield lab


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        yield server


def url_in(lab: Lab) -> str:
    return sqlite_url(lab.folder / "ledger.sqlite3")


def entries(http: httpx2.Client, **asked: Any) -> list[dict[str, Any]]:
    return list(http.get("/ledger", params=asked).json()["data"])


def recorded(gateway: Gateway, jobs: list[str]) -> dict[str, dict[str, Any]]:
    """The entries of jobs' ends, once all are recorded."""

    def all_of_them() -> dict[str, dict[str, Any]] | None:
        found = {each["job"]: each for each in entries(gateway.http, limit=500) if each["event"] != "erasure"}
        return found if found.keys() >= set(jobs) else None

    found = eventually(all_of_them, PATIENCE_S)
    assert found is not None
    return found


def require_sound(url: str, jobs: list[str]) -> None:
    """The chain holds, and has each of these jobs once and no other."""
    ledger = Ledger(Database(url))
    result = checked(ledger, full=True)
    assert result.sound, result
    assert Counter(each.job for each in ledger.entries() if each.event != "erasure") == Counter(jobs)
    ledger.close()


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`smoothgen ledger …` as a stranger types it."""
    return subprocess.run(
        [sys.executable, "-m", "smoothgen.cli", "ledger", *arguments],
        env=BARE | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_every_kind_of_end_is_recorded_as_what_it_was(bench: Lab) -> None:
    gateway = bench.gateway(ledger_url=url_in(bench))
    bench.worker(TANH, SLOW, "closed-form-broken")
    http = gateway.http
    certified = submit(http, ask(samples=40))
    abstained = submit(http, ask(samples=40, tolerance=1e-6))
    failed = submit(http, ask("closed-form-broken", samples=40))
    cancelled = submit(http, ask(SLOW, samples=5_000))
    http.delete(f"/jobs/{cancelled}")
    view, abstention = finished(http, certified), finished(http, abstained)
    jobs = [certified, abstained, failed, cancelled]
    found = recorded(gateway, jobs)
    assert [found[job]["event"] for job in jobs] == ["certificate", "abstention", "failure", "cancellation"]
    assert found[certified]["certificate"] == view["certificate"]["digest"]
    assert found[certified]["model_digest"] == view["model"]["digest"]
    assert found[abstained]["reason"] == abstention["abstention"]["reason"]
    assert {each["event"] for each in entries(http, event="abstention")} == {"abstention"}
    assert entries(http, since="2100-01-01T00:00:00Z") == []
    first = http.get("/ledger", params={"limit": 2}).json()
    rest = http.get("/ledger", params={"limit": 3, "cursor": first["next"]}).json()
    assert [each["sequence"] for each in first["data"] + rest["data"]] == [1, 2, 3, 4]
    assert rest["next"] is None
    require_sound(url_in(bench), jobs)
    assert 'smoothgen_ledger_entries_total{event="abstention"} 1.0' in http.get("/metrics").text


def test_erased_content_leaves_the_ledger_and_the_chain_stays_whole(bench: Lab) -> None:
    gateway = bench.gateway(ledger_url=url_in(bench))
    bench.worker(TANH)
    job = submit(gateway.http, ask(samples=40))
    finished(gateway.http, job)
    recorded(gateway, [job])
    assert gateway.http.delete(f"/jobs/{job}/content").status_code == 204
    record = eventually(lambda: (r := gateway.http.get(f"/ledger/{job}").json())["erased"] and r, PATIENCE_S)
    assert record["erasure"]["certificate"] == record["left"] == record["certificate"]["digest"]
    require_sound(url_in(bench), [job])


def test_a_gateway_without_a_ledger_says_so(bench: Lab) -> None:
    gateway = bench.gateway()
    for path in ("/ledger", "/ledger/head"):
        assert "SMOOTHGEN_LEDGER_URL" in problem_of(gateway.http.get(path), 404)["detail"]


def test_a_gateway_does_not_start_with_an_address_of_no_database(bench: Lab) -> None:
    gateway = bench.keep(Gateway(bench.redis.url, bench.folder / "log", ledger_url="mysql://u:secret@host/x"))
    assert gateway.wait(PATIENCE_S) == 1
    assert "ledger" in gateway.log
    assert "secret" not in gateway.log
    assert "Traceback" not in gateway.log


def test_jobs_go_on_while_the_database_is_away_and_are_recorded_when_it_is_back(bench: Lab, postgres: Postgres) -> None:
    gateway = bench.gateway(ledger_url=postgres.url)
    bench.worker(TANH)
    jobs = [submit(gateway.http, ask(samples=40))]
    recorded(gateway, jobs)
    postgres.kill()
    for _ in range(3):
        jobs.append(submit(gateway.http, ask(samples=40)))
        assert finished(gateway.http, jobs[-1])["certificate"]["radius"] > 0
    assert "entries wait" in eventually(lambda: gateway.http.get("/readyz").json().get("ledger"), PATIENCE_S)
    assert 'smoothgen_outbox_entries{reader="ledger"} 3.0' in gateway.http.get("/metrics").text
    problem_of(gateway.http.get("/ledger"), 503)
    postgres.start()
    recorded(gateway, jobs)
    eventually(lambda: gateway.http.get("/readyz").json() == {"status": "ready"}, PATIENCE_S)
    require_sound(postgres.url, jobs)


def test_what_a_killed_gateway_held_another_records_once(bench: Lab) -> None:
    url = url_in(bench)
    dying, heir = bench.gateway(ledger_url=url), bench.gateway(ledger_url=url)
    bench.worker(TANH)
    jobs = [submit(dying.http, ask(samples=40)) for _ in range(30)]
    dying.kill()
    bench.redis.kill()
    bench.redis.start()
    for job in jobs:
        finished(heir.http, job)
    recorded(heir, jobs)
    require_sound(url, jobs)


def test_a_stopped_gateway_goes_on_without_doubling(bench: Lab) -> None:
    url = url_in(bench)
    one, other = bench.gateway(ledger_url=url), bench.gateway(ledger_url=url)
    bench.worker(TANH)
    jobs = [submit(other.http, ask(samples=40)) for _ in range(10)]
    one.signal(signal.SIGSTOP)
    jobs += [submit(other.http, ask(samples=40)) for _ in range(10)]
    for job in jobs:
        finished(other.http, job)
    one.signal(signal.SIGCONT)
    recorded(other, jobs)
    require_sound(url, jobs)


def test_smoothgen_serve_keeps_one_and_the_command_line_reads_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Serve(state, tmp_path / "log", TANH) as serve:
        serve.until_serving()
        job = submit(serve.http, ask(samples=40))
        finished(serve.http, job)
        eventually(lambda: serve.http.get(f"/ledger/{job}").status_code == 200, PATIENCE_S)
    file = state / "ledger.sqlite3"
    assert file.stat().st_mode & 0o077 == 0
    url = {"SMOOTHGEN_LEDGER_URL": sqlite_url(file)}
    head = command("head", **url).stdout.splitlines()
    assert head[0].startswith("1:")
    assert head[1].split() == ["certificate", "1"]
    assert job in command("search", "--event", "certificate", **url).stdout
    assert command("search", "--model", "none", **url).stdout == ""
    shown = json.loads(command("show", job, **url).stdout)
    assert shown["entry"]["job"] == job
    export = tmp_path / "export.jsonl"
    export.write_text(command("export", **url).stdout)
    assert command("verify", str(export)).returncode == 0
    assert command("verify", "--head", head[0], **url).returncode == 0
    assert command("verify", "--head", f"1:{'0' * 64}", **url).returncode == 1
    export.write_text(export.read_text().replace("anyone", "bob"))
    broken = command("verify", str(export))
    assert broken.returncode == 1
    assert "broken at entry 1" in broken.stdout
    assert command("erase", job, **url).returncode == 0
    assert command("verify", **url).returncode == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("head", "--url", "sqlite:///no/such/file"),
        ("head", "--url", "mysql://x"),
        ("show", "nobody"),
        ("search", "--event", "miracle"),
        ("search", "--since", "yesterday"),
        ("verify", "--head", "1"),
        ("verify", "no-such-file"),
        ("verify", "README.md"),
    ],
)
def test_nonsense_is_answered_in_a_sentence(arguments: tuple[str, ...], tmp_path: Path) -> None:
    url = sqlite_url(tmp_path / "ledger.sqlite3")
    ledger = Ledger(Database(url))
    ledger.head()
    ledger.close()
    said = command(*arguments, **({} if "--url" in arguments else {"SMOOTHGEN_LEDGER_URL": url}))
    assert said.returncode == 2
    assert said.stderr.startswith("smoothgen: ")
    assert "Traceback" not in said.stderr
