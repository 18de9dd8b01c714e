"""The command `smoothgen-verify`: its exit codes and words, as a stranger uses it, and signatures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OctKey

from smoothgen.signing import SignedFacts, SigningKey, key_set, verify_signature
from tests.typescript.conftest import Node

DATA = Path(__file__).parents[1] / "data"
VALID = DATA / "v2/exhaustive-full.json"
DOCUMENT = json.loads(VALID.read_text("utf-8"))
KEY = SigningKey.make()
FACTS = SignedFacts.of(DOCUMENT, issuer="https://smoothgen.example", tenant="acme", issued_at=1_764_000_000)
COMMAND = "src/cli/main.js"


def test_a_valid_certificate_ends_with_0(node: Node):
    done = node.run(COMMAND, str(VALID))

    assert done.returncode == 0
    assert done.stdout.startswith(f"{VALID}: valid\n")
    assert "meaning checked; not checked here: measurement, completeness" in done.stdout


def test_a_saved_answer_is_verified_by_its_certificate(node: Node, tmp_path: Path):
    answer = written(tmp_path / "answer.json", {"status": "succeeded", "certificate": DOCUMENT})

    done = node.run(COMMAND, answer, "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout)["valid"] is True


def test_a_forged_certificate_ends_with_1_and_says_what_differs(node: Node, tmp_path: Path):
    forged = written(tmp_path / "forged.json", {**DOCUMENT, "radius": DOCUMENT["radius"] * 2})

    done = node.run(COMMAND, forged)

    assert done.returncode == 1
    assert "FAILED  radius: states" in done.stdout


def test_an_unknown_method_ends_with_3(node: Node, tmp_path: Path):
    done = node.run(COMMAND, written(tmp_path / "later.json", {**DOCUMENT, "method": "exhaustive/v2"}))

    assert done.returncode == 3
    assert "unsupported" in done.stdout


@pytest.mark.parametrize("text", ["", "{", "[1,2]", '{"a":1,"a":2}', "\udcff"])
def test_what_is_no_certificate_ends_with_1(node: Node, tmp_path: Path, text: str):
    nonsense = tmp_path / "nonsense.json"
    nonsense.write_bytes(text.encode("utf-8", "surrogateescape"))

    done = node.run(COMMAND, str(nonsense))

    assert done.returncode == 1
    assert "document" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    "arguments", [[], ["a", "b"], ["--what"], ["/no/such/file"], [str(VALID), "--tenant", "x"], [str(VALID), "--jwks"]]
)
def test_wrong_use_ends_with_2_and_one_sentence(node: Node, arguments: list[str]):
    done = node.run(COMMAND, *arguments)

    assert done.returncode == 2
    assert done.stderr.startswith("smoothgen-verify: ")
    assert done.stdout == ""


def test_a_signed_certificate_ends_with_0(node: Node, tmp_path: Path):
    done = signed(node, tmp_path, KEY.sign(FACTS), "--tenant", "acme", "--issuer", "https://smoothgen.example")

    assert done.returncode == 0, done.stdout


def test_the_signature_of_a_saved_answer_is_found(node: Node, tmp_path: Path):
    answer = written(tmp_path / "answer.json", {"certificate": DOCUMENT, "signature": KEY.sign(FACTS)})
    keys = written(tmp_path / "jwks.json", key_set([KEY.public_jwk()]))

    assert node.run(COMMAND, answer, "--jwks", keys).returncode == 0


def without(name: str) -> bytes:
    stated = json.loads(FACTS.payload())
    del stated[name]
    return json.dumps(stated).encode()


def by(payload: bytes, **header: Any) -> str:
    """Returns a JWS by the right key over another payload, or with another header."""
    stated = {"alg": "Ed25519", "kid": KEY.kid, "typ": "smoothgen-signature+jws", **header}
    return jws.serialize_compact(stated, payload, KEY.pair, [stated["alg"]])


FORGED = {
    "another key": SigningKey.make().sign(FACTS),
    "cut short": KEY.sign(FACTS)[:-4],
    "two parts": KEY.sign(FACTS).rsplit(".", 1)[0],
    "changed payload": ".".join([*KEY.sign(FACTS).split(".")[:1], "e30", *KEY.sign(FACTS).split(".")[2:]]),
    "another output": KEY.sign(replace(FACTS, output_digest="sha256:" + "0" * 64)),
    "another model": KEY.sign(replace(FACTS, model_digest="sha256:" + "f" * 64)),
    "another job": KEY.sign(replace(FACTS, job="c-2")),
    "another certificate": KEY.sign(
        replace(FACTS, certificate=replace(FACTS.certificate, sha256="sha256:" + "0" * 64))
    ),
    "another tenant": KEY.sign(replace(FACTS, tenant="other")),
    "no tenant": by(without("tenant")),
    "unknown field": by(json.dumps({**json.loads(FACTS.payload()), "added": 1}).encode()),
    "another schema": by(json.dumps({**json.loads(FACTS.payload()), "schema": "smoothgen/signature/v2"}).encode()),
    "another type": by(FACTS.payload(), typ="JWT"),
    "another algorithm's name": by(FACTS.payload(), alg="EdDSA"),
    "unknown header": by(FACTS.payload(), cty="json"),
    "no algorithm": jws.serialize_compact(
        {"alg": "none", "kid": KEY.kid, "typ": "smoothgen-signature+jws"}, FACTS.payload(), None, ["none"]
    )
    + "AA",
    "the public key as a secret": jws.serialize_compact(
        {"alg": "HS256", "kid": KEY.kid, "typ": "smoothgen-signature+jws"},
        FACTS.payload(),
        OctKey.import_key(KEY.public_jwk()["x"]),
        ["HS256"],
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_signature_ends_with_1_as_it_does_in_python(node: Node, tmp_path: Path, name: str):
    keys = key_set([KEY.public_jwk()])
    assert not verify_signature(FORGED[name], DOCUMENT, keys, tenant="acme")

    done = signed(node, tmp_path, FORGED[name], "--tenant", "acme")

    assert done.returncode == 1, done.stdout
    assert "signed" in done.stdout


def signed(node: Node, folder: Path, signature: str, *options: str) -> Any:
    """Runs the command on the certificate with this signature beside it."""
    certificate = written(folder / "certificate.json", DOCUMENT)
    (folder / "certificate.jws").write_text(signature, "ascii")
    keys = written(folder / "jwks.json", key_set([KEY.public_jwk()]))
    return node.run(COMMAND, certificate, "--jwks", keys, *options)


def written(path: Path, document: Any) -> str:
    path.write_text(json.dumps(document), "utf-8")
    return str(path)
