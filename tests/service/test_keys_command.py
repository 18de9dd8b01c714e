"""`smoothgen keys` as an operator types it."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from smoothgen.access.secrets import split_key
from smoothgen.cli import keys_connection
from smoothgen.errors import QueueUnavailable
from smoothgen.queue import keys
from tests.support.processes import BARE, LOADING_S, ROOT, Lab, Process, Serve, eventually, free_port

COMMAND = (sys.executable, "-c", "from smoothgen.cli import main; main()", "keys")


def typed(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], cwd=ROOT, env=BARE | environment, capture_output=True, text=True)


def test_a_key_is_made_shown_once_rotated_and_revoked(lab: Lab, tmp_path: Path) -> None:
    on = {"SMOOTHGEN_REDIS_URL": lab.redis.url}
    limits = ["--scope", "generate", "--scope", "operate", "--expires", "30d", "--rate", "600/min", "--quota", "5/day"]
    made = typed("create", "shop", "--tenant", "clinic", *limits, **on)
    assert made.returncode == 0, made.stderr
    parts = split_key(made.stdout.strip())
    assert parts is not None
    key_id, secret = parts
    assert f"key {key_id} (shop, tenant clinic): generate, operate" in made.stderr
    assert secret not in made.stderr

    [listed] = json.loads(typed("list", "--json", **on).stdout)["data"]
    expected = {"id": key_id, "name": "shop", "tenant": "clinic", "status": "active", "scopes": ["generate", "operate"]}
    assert listed.items() >= (expected | {"rate": "600/min", "quota": "5/day"}).items()
    table = typed("list", **on).stdout
    assert key_id in table
    assert "clinic" in table

    file = tmp_path / "key"
    rotated = json.loads(typed("rotate", key_id, "--overlap", "1h", "--output", str(file), "--json", **on).stdout)
    assert rotated["file"] == str(file)
    assert "key" not in rotated
    assert "replaced_until" in rotated
    assert split_key(file.read_text().strip()) is not None
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret not in file.read_text()

    assert typed("revoke", key_id, **on).stdout == f"revoked key {key_id} (shop, tenant clinic)\n"
    assert json.loads(typed("list", "--json", **on).stdout)["data"][0]["status"] == "revoked"
    again = typed("rotate", key_id, "--overlap", "0s", **on)
    assert (again.returncode, again.stderr) == (2, f"smoothgen: key {key_id} is revoked; make a new one\n")


def test_one_key_is_made_where_there_is_none(lab: Lab, tmp_path: Path) -> None:
    on = {"SMOOTHGEN_REDIS_URL": lab.redis.url}
    wanted = ["create", "first", "--tenant", "first", "--if-none", "--json"]
    assert "key" in json.loads(typed(*wanted, **on).stdout)
    [key] = json.loads(typed("list", "--json", **on).stdout)["data"]
    none = typed(*wanted, **on)
    assert (none.returncode, json.loads(none.stdout)["made"]) == (0, False)
    typed("revoke", key["id"], **on)
    assert not json.loads(typed(*wanted, **on).stdout)["made"]  # its revocation must not bring another
    lab.redis.client.delete(keys.API_KEYS)
    assert not json.loads(typed(*wanted, **on, SMOOTHGEN_API_KEYS='["a:key"]').stdout)["made"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["create", "two words", "--tenant", "t"], "name: a name has 1 to 64 letters"),
        (["create", "n", "--tenant", "a:b"], "tenant: a name has 1 to 64 letters"),
        (["create", "n", "--tenant", "t", "--scope", "root"], "known: generate, operate, read"),
        (["create", "n", "--tenant", "t", "--rate", "fast"], "--rate must be a number"),
        (["create", "n", "--tenant", "t", "--quota", "0/day"], "--quota must be a number"),
        (["create", "n", "--tenant", "t", "--expires", "soon"], "--expires must be a duration"),
        (["create", "n", "--tenant", "t", "--expires", "999999999d"], "later than any date there is"),
        (["create", "n", "--tenant", "t", "--output", "/no/such/folder/key"], "is no folder"),
        (["create", "n", "--tenant", "t", "--output", "pyproject.toml"], "exists"),
        (["rotate", "nobody", "--overlap", "1h"], "no API key has the id 'nobody'"),
        (["revoke", "nobody"], "no API key has the id 'nobody'"),
        (["list", "--state", "state"], "give one of them"),
    ],
)
def test_nonsense_is_one_sentence_and_makes_no_key(lab: Lab, words: list[str], told: str) -> None:
    refused = typed(*words, SMOOTHGEN_REDIS_URL=lab.redis.url)
    assert refused.returncode == 2
    assert told in " ".join(refused.stderr.replace("│", " ").split())
    assert "Traceback" not in refused.stderr
    assert not lab.redis.client.exists(keys.API_KEYS)


def test_without_redis_it_says_so(tmp_path: Path) -> None:
    refused = typed("list", "--redis", "redis://127.0.0.1:1/0")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "Redis cannot be reached" in refused.stderr
    missing = typed("list", "--state", str(tmp_path / "state"))
    assert (missing.returncode, list(tmp_path.iterdir())) == (2, [])


def test_without_redis_at_the_default_address_it_names_the_folder_of_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_connection, "DEFAULT_REDIS", "redis://127.0.0.1:1/0")
    with pytest.raises(QueueUnavailable, match="add --state FOLDER"):
        keys_connection.managed(lambda kept: kept.all(), None, None)
    with pytest.raises(QueueUnavailable) as named:
        keys_connection.managed(lambda kept: kept.all(), "redis://127.0.0.1:1/0", None)
    assert "--state" not in str(named.value)


def test_serve_on_every_address_starts_with_a_key_that_was_made_for_its_folder(tmp_path: Path) -> None:
    state, log = str(tmp_path / "state"), tmp_path / "log"
    serve = ("-c", "from smoothgen.cli import main; main()", "serve", "--host", "0.0.0.0", "--workers", "0")
    with Process(*serve, "--port", str(free_port()), "--state", state, log=log) as refused:
        assert refused.wait(LOADING_S) == 1
        assert "smoothgen keys create" in refused.log
    made = typed("create", "first", "--tenant", "t", "--state", state)
    assert made.returncode == 0, made.stderr
    with Serve(tmp_path / "state", tmp_path / "log-2", workers=0) as served:
        served.until_serving()
        assert served.http.get("/models").status_code == 401
        key = {"authorization": f"Bearer {made.stdout.strip()}"}
        assert served.http.get("/models", headers=key).status_code == 200
        running = typed("create", "second", "--tenant", "t", "--state", state)
        second = {"authorization": f"Bearer {running.stdout.strip()}"}
        eventually(lambda: served.http.get("/models", headers=second).status_code == 200)
