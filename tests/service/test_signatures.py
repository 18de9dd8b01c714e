"""Signatures of certificates through gateways, Redis and a worker."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from smoothgen import Client, verify_signature
from smoothgen.cli.main import app
from smoothgen.contracts import LONGEST_RETENTION_S
from smoothgen.queue import keys
from smoothgen.signing import KeyFolder, SigningKey, VouchedKey, key_set
from tests.service.conftest import ask, finished, submit
from tests.service.test_events import events
from tests.support.processes import TANH, Gateway, Lab, Process, eventually
from tests.support.workers import tiny

JWKS = "/.well-known/jwks.json"
SECRET = "a secret that both gateways share, and no worker"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(tmp_path_factory.mktemp("signatures"))
    with closing(lab):
        folder = tiny.save(tiny.llama(), tmp_path_factory.mktemp("llama"))
        lab.worker(TANH, f"tiny={folder}")
        yield lab


@pytest.fixture(scope="module")
def gateway(lab: Lab) -> Gateway:
    return lab.gateway(
        signing_keys=str(lab.folder / "keys"), signing_issuer="https://one.example", signing_secret=SECRET
    )


@pytest.fixture(scope="module")
def silent(lab: Lab) -> Gateway:
    """A gateway that does not sign."""
    return lab.gateway()


def keys_of(gateway: Gateway) -> dict[str, Any]:
    answer = gateway.http.get(JWKS)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def kids_of(gateway: Gateway) -> list[str]:
    return [key["kid"] for key in keys_of(gateway)["keys"]]


def ended(gateway: Gateway, body: dict[str, Any]) -> dict[str, Any]:
    view = finished(gateway.http, submit(gateway.http, body))
    assert view["status"] == "succeeded", view
    return view


def with_words(kind: str) -> dict[str, Any]:
    """A request whose certificate holds texts of its runs."""
    robustness = {"mechanism": "edits", "edits": {"kinds": [kind]}, "metric": "edit", "tolerance": 0.55}
    asked = {"model": "tiny", "prompt": "the hat", "parameters": {"max_new_tokens": 4}, "robustness": robustness}
    return {**asked, "retention_s": LONGEST_RETENTION_S}


def test_every_answer_has_the_same_signature_and_it_holds(gateway: Gateway) -> None:
    view = gateway.http.post("/generate", json=ask(), headers={"prefer": "wait=60"}).json()
    job, signature = view["id"], view["signature"]
    output = gateway.http.get(f"/jobs/{job}/output").content
    verdict = verify_signature(
        signature,
        view["certificate"],
        keys_of(gateway),
        tenant="anyone",
        issuer="https://one.example",
        output=output,
    )
    assert verdict, verdict
    assert gateway.http.get(f"/jobs/{job}").json()["signature"] == signature
    assert gateway.http.delete(f"/jobs/{job}").json()["signature"] == signature
    told = [data for name, data in events(gateway, job) if name == "certificate"]
    assert [each["signature"] for each in told] == [signature]
    alone = gateway.http.get(f"/certificates/{job}/signature")
    assert (alone.headers["content-type"], alone.text) == ("application/jose", signature)
    assert gateway.http.get(f"/v1/responses/resp_{job}").json()["smoothgen"]["signature"] == signature
    with Client(gateway.url) as client:
        assert client.cancel(job).signature == signature


@pytest.mark.parametrize("stream", [False, True])
def test_answers_under_v1_bring_the_signature(gateway: Gateway, stream: bool) -> None:
    messages = [{"role": "user", "content": "0.25"}]
    asked = {"model": TANH, "messages": messages, "smoothgen": {"robustness": {"sigma": 1.0}}, "stream": stream}
    answer = gateway.http.post("/v1/chat/completions", json=asked)
    lines = answer.text.split("data: ")
    about = json.loads(lines[-2])["smoothgen"] if stream else answer.json()["smoothgen"]
    certificate = gateway.http.get(f"/certificates/{about['certificate']}").json()
    assert verify_signature(about["signature"], certificate, keys_of(gateway))


def test_an_abstention_is_not_signed(gateway: Gateway) -> None:
    view = ended(gateway, ask(epsilon=50.0))
    assert view["abstention"] is not None
    assert "signature" not in view
    answer = gateway.http.get(f"/certificates/{view['id']}/signature")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def test_a_gateway_that_does_not_sign_says_so_and_shows_what_others_signed(gateway: Gateway, silent: Gateway) -> None:
    assert silent.http.get(JWKS).status_code == 404
    assert "SMOOTHGEN_SIGNING_KEYS" in silent.http.get(JWKS).json()["detail"]
    view = ended(silent, ask())
    assert "signature" not in view
    unsigned = silent.http.get(f"/certificates/{view['id']}/signature")
    assert (unsigned.status_code, "SMOOTHGEN_SIGNING_KEYS" in unsigned.json()["detail"]) == (404, True)
    signature = gateway.http.get(f"/certificates/{view['id']}/signature").text
    assert verify_signature(signature, view["certificate"], keys_of(gateway))
    assert silent.http.get(f"/jobs/{view['id']}").json()["signature"] == signature


def test_two_gateways_at_once_give_one_signature_and_list_each_others_keys(lab: Lab, gateway: Gateway) -> None:
    other = lab.gateway(signing_keys=str(lab.folder / "other-keys"), signing_secret=SECRET)
    eventually(lambda: len(kids_of(other)) >= 2 and set(kids_of(other)) == set(kids_of(gateway)), 60)
    job = ended(gateway, ask())["id"]
    lab.redis.client.delete(keys.signature(job))
    urls = [f"{each.url}/certificates/{job}/signature" for each in [gateway, other] * 8]
    with ThreadPoolExecutor(len(urls)) as pool:
        signatures = set(pool.map(lambda url: httpx2.get(url, timeout=60).text, urls))
    [signature] = signatures
    certificate = gateway.http.get(f"/certificates/{job}").json()
    assert verify_signature(signature, certificate, keys_of(gateway))
    assert verify_signature(signature, certificate, keys_of(other))


def test_a_signature_lives_as_long_as_its_certificate(lab: Lab, gateway: Gateway) -> None:
    job = ended(gateway, ask())["id"]
    lives = [lab.redis.client.pttl(key) for key in (keys.certificate(job), keys.signature(job))]
    assert 0 <= lives[0] - lives[1] < 60_000
    assert lives[1] > 29 * 24 * 3600 * 1000


def test_a_key_that_somebody_writes_to_redis_is_not_listed(lab: Lab, gateway: Gateway) -> None:
    stranger = SigningKey.make()
    by_another_secret = VouchedKey(stranger.public_jwk(), 2**40).vouch("another secret of thirty-two characters")
    written = {
        stranger.kid: by_another_secret,
        "plain": json.dumps(stranger.public_jwk()),
        "under another id": next(iter(lab.redis.client.hgetall(keys.SIGNING_KEYS).values())),
    }
    lab.redis.client.hset(keys.SIGNING_KEYS, mapping=written)
    fresh = lab.gateway(signing_keys=str(lab.folder / "fresh-keys"), signing_secret=SECRET)
    eventually(lambda: len(kids_of(fresh)) >= 2, 60)
    assert stranger.kid not in kids_of(fresh)
    assert "under another id" not in kids_of(fresh)
    assert len(kids_of(fresh)) == len(set(kids_of(fresh)))
    assert "signing_keys_not_vouched_for" in fresh.log
    lab.redis.client.hdel(keys.SIGNING_KEYS, *written)


def test_after_a_rotation_the_new_key_signs_at_once_and_the_old_one_is_listed(lab: Lab) -> None:
    folder = lab.folder / "rotated-keys"
    rotated = lab.gateway(signing_keys=str(folder))
    before = ended(rotated, ask())
    [old] = kids_of(rotated)
    run = CliRunner().invoke(app, ["signing-keys", "--folder", str(folder), "--rotate", "--json"])
    new = json.loads(run.output)[0]["key"]["kid"]
    assert kids_of(rotated) == [new, old]
    after = ended(rotated, ask())
    for view, kid in ((before, old), (after, new)):
        only = key_set([key for key in keys_of(rotated)["keys"] if key["kid"] == kid])
        assert verify_signature(view["signature"], view["certificate"], only)
    CliRunner().invoke(app, ["signing-keys", "--folder", str(folder), f"--withdraw={old}"])
    assert kids_of(rotated) == [new]


def test_a_key_is_listed_until_nothing_it_signed_is_kept(lab: Lab) -> None:
    folder = KeyFolder(lab.folder / "aged-keys")
    server_time, _ = lab.redis.client.time()
    aged, lately = folder.make(1), folder.rotate(server_time - keys.CERTIFICATE_TTL_S - 2 * 24 * 3600)
    folder.rotate(server_time - keys.CERTIFICATE_TTL_S)
    listed = kids_of(lab.gateway(signing_keys=str(folder.path)))
    assert aged.kid not in listed
    assert lately.kid in listed


def test_a_folder_that_cannot_be_trusted_ends_the_gateway_with_one_line(lab: Lab, tmp_path: Path) -> None:
    folder = KeyFolder(tmp_path / "keys")
    folder.make(1)
    [file] = folder.path.iterdir()
    file.chmod(0o644)
    settings = {"redis_url": lab.redis.url, "signing_keys": str(folder.path)}
    with Process("-m", "app", log=tmp_path / "log", **settings) as refused:
        assert refused.wait(60) == 1
        [line] = [json.loads(line) for line in refused.log.splitlines()]
        assert (line["event"], "chmod 600" in line["detail"]) == ("gateway_cannot_start", True)


def test_an_erased_certificate_is_signed_again_and_names_the_form_it_had(lab: Lab, gateway: Gateway) -> None:
    view = ended(gateway, with_words("typo"))
    before, signature, job = view["certificate"], view["signature"], view["id"]
    assert gateway.http.delete(f"/jobs/{job}/content").status_code == 204
    after = gateway.http.get(f"/certificates/{job}").json()
    again = gateway.http.get(f"/certificates/{job}/signature").text
    assert "text" not in after["broken_by"][0]
    assert (after["digest"] != before["digest"], again != signature) == (True, True)
    listed = keys_of(gateway)
    assert verify_signature(again, after, listed)
    assert verify_signature(signature, before, listed)
    refused = verify_signature(again, before, listed)
    assert "without its words" in next(check.detail for check in refused.checks if not check.passed)
    assert not verify_signature(signature, after, listed)
    assert gateway.http.get(f"/jobs/{job}").json()["signature"] == again


def test_erasing_where_nothing_is_signed_leaves_no_signature_of_another_form(gateway: Gateway, silent: Gateway) -> None:
    view = ended(gateway, with_words("capitals"))
    assert silent.http.delete(f"/jobs/{view['id']}/content").status_code == 204
    after = gateway.http.get(f"/certificates/{view['id']}").json()
    signature = gateway.http.get(f"/certificates/{view['id']}/signature").text
    assert verify_signature(signature, after, keys_of(gateway))


def test_verify_on_the_command_line_holds_a_saved_answer_to_its_signature(
    gateway: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from smoothgen.cli import main

    view = ended(gateway, ask())
    answer, certificate, output = tmp_path / "answer.json", tmp_path / "certificate.json", tmp_path / "output.txt"
    answer.write_text(json.dumps(view))
    certificate.write_text(json.dumps(view["certificate"]))
    output.write_bytes(gateway.http.get(f"/jobs/{view['id']}/output").content)
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps(keys_of(gateway)))

    def verify(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["smoothgen", "verify", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        return int(end.value.code or 0), said.out + said.err

    by_address = verify(answer, "--jwks", f"{gateway.url}{JWKS}", "--tenant", "anyone", "--output", output)
    assert by_address[0] == 0, by_address
    assert "and the signature beside it" in by_address[1]
    assert verify(answer, "--jwks", jwks, "--issuer", "https://one.example")[0] == 0
    code, said = verify(answer, "--jwks", jwks, "--tenant", "bob")
    assert (code, "signed is tenant 'anyone', and not 'bob'" in said) == (1, True)
    code, said = verify(certificate, "--jwks", jwks)
    assert (code, "there is no signature in it" in said) == (2, True)
    (tmp_path / "certificate.jws").write_text(view["signature"] + "\n")
    assert verify(certificate, "--jwks", jwks)[0] == 0
    output.write_bytes(b"another")
    code, said = verify(certificate, "--jwks", jwks, "--output", output)
    assert (code, "the output given is sha256:" in said) == (1, True)
    code, said = verify(certificate, "--tenant", "anyone")
    assert (code, "give its keys by --jwks" in said) == (2, True)
    code, said = verify(certificate, "--jwks", f"{gateway.url}/nothing")
    assert (code, "has status 404" in said) == (2, True)
    code, said = verify(answer, certificate, "--jwks", jwks, "--output", output)
    assert (code, "of one certificate" in said) == (2, True)
