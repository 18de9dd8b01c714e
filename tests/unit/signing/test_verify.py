"""Signatures of certificates: what is accepted, and each forgery with the sentence that refuses it."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import OctKey, OKPKey

from smoothgen import verify_signature
from smoothgen.certificates import to_document
from smoothgen.certificates.format.document import content_digest
from smoothgen.errors import InvalidKeys
from smoothgen.signing import SignedFacts, SigningKey, key_set, read_key_set
from smoothgen.signing.keys import TYPE
from tests.support.certificates import served

OUTPUT = b"Paris."
KEY, OTHER = SigningKey.make(), SigningKey.make()
KEYS = key_set([OTHER.public_jwk(), KEY.public_jwk()])


def document(**changes: Any) -> dict[str, Any]:
    """A certificate as a server writes it, with the digest of its content."""
    made = to_document(served.served("language").identified("job-1", "2026-01-01T00:00:00Z"))
    made = {**made, **changes}
    made["output"] = {**made["output"], "digest": f"sha256:{hashlib.sha256(OUTPUT).hexdigest()}"}
    return made | {"digest": content_digest(made)}


DOCUMENT = document()


def facts(certificate: dict[str, Any] = DOCUMENT, **stated: Any) -> SignedFacts:
    given = {"issuer": "https://one.example", "tenant": "alice", "issued_at": int(time.time())}
    return SignedFacts.of(certificate, **(given | stated))


SIGNED = KEY.sign(facts())


def parts_of(signature: str) -> list[dict[str, Any]]:
    return [json.loads(base64.urlsafe_b64decode(part + "==")) for part in signature.split(".")[:2]]


def encoded(data: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


def signed_by_hand(header: dict[str, Any], payload: bytes, key: OKPKey = KEY.pair) -> str:
    """A JWS with any header, signed as it should be."""
    registry = jws.JWSRegistry(algorithms=["Ed25519"], strict_check_header=False)
    given = {"alg": "Ed25519", "kid": KEY.kid, "typ": TYPE} | header
    crit = given.pop("crit", None)
    if crit is None:
        return jws.serialize_compact(given, payload, key, registry=registry)
    first = f"{encoded(given | {'crit': crit})}.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}"
    signature = key.private_key.sign(first.encode())  # type: ignore[union-attr]
    return f"{first}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def refusal(signature: str, certificate: Any = DOCUMENT, **asked: Any) -> tuple[str, str]:
    """The name and the sentence of the one check that fails."""
    verdict = verify_signature(signature, certificate, KEYS, **asked)
    assert not verdict
    [failed] = [check for check in verdict.checks if not check.passed]
    return failed.name, failed.detail


def test_a_signature_holds_for_its_certificate_output_tenant_and_issuer() -> None:
    verdict = verify_signature(SIGNED, DOCUMENT, KEYS, tenant="alice", issuer="https://one.example", output=OUTPUT)
    assert verdict, verdict
    names = ["signature", "certificate", "job", "model", "output", "tenant", "issuer"]
    assert [check.name for check in verdict.checks] == names


def test_the_spaces_and_the_order_of_a_documents_fields_make_no_difference() -> None:
    turned = json.dumps(dict(reversed(DOCUMENT.items())), indent=3)
    assert verify_signature(SIGNED + "\n", turned, json.dumps(KEYS))


def test_equal_facts_have_equal_bytes_and_are_read_back() -> None:
    stated = facts(issued_at=7)
    assert stated.payload() == facts(issued_at=7).payload()
    assert SignedFacts.read(stated.payload()) == stated


@pytest.mark.parametrize("algorithm", ["none", "HS256", "EdDSA", "Ed448", "RS256", None, 7])
def test_no_other_algorithm_is_accepted(algorithm: object) -> None:
    header, payload = parts_of(SIGNED)
    forged = f"{encoded(header | {'alg': algorithm})}.{SIGNED.split('.')[1]}.{SIGNED.split('.')[2]}"
    assert payload["tenant"] == "alice"
    assert refusal(forged) == ("algorithm", f"the signature is by algorithm {algorithm!r}; only Ed25519 is accepted")


def test_a_mac_by_the_public_key_is_refused() -> None:
    secret = OctKey.import_key(KEY.public_jwk()["x"])
    header = {"alg": "HS256", "kid": KEY.kid, "typ": TYPE}
    forged = jws.serialize_compact(header, facts().payload(), secret, ["HS256"])
    assert refusal(forged) == ("algorithm", "the signature is by algorithm 'HS256'; only Ed25519 is accepted")


def test_another_key_under_a_known_id_is_refused() -> None:
    name, said = refusal(signed_by_hand({}, facts().payload(), OTHER.pair))
    assert (name, said) == (
        "signature",
        f"the signature is not by key {KEY.kid}: it, or what it covers, was changed",
    )


def test_an_unknown_key_is_refused() -> None:
    stranger = SigningKey.make()
    assert refusal(stranger.sign(facts())) == (
        "key",
        f"the signature is by key {stranger.kid!r}, which is not among the 2 keys given",
    )


def test_a_key_that_the_signature_brings_along_is_not_looked_at() -> None:
    stranger = SigningKey.make()
    forged = signed_by_hand({"jwk": stranger.public_jwk()}, facts().payload(), stranger.pair)
    assert refusal(forged) == ("form", "the signature's header has 'jwk', which is refused")


@pytest.mark.parametrize("name", ["b64", "exp", "kid"])
def test_critical_headers_are_refused(name: str) -> None:
    forged = signed_by_hand({"crit": [name]}, facts().payload())
    assert refusal(forged) == ("form", "the signature's header has 'crit', which is refused")


def test_a_jws_of_another_type_by_the_same_key_is_refused() -> None:
    name, said = refusal(signed_by_hand({"typ": "JWT"}, facts().payload()))
    assert (name, said) == ("form", f"the JWS is of type 'JWT', and a certificate's signature of {TYPE!r}")


@pytest.mark.parametrize("cut", [SIGNED[:-1], SIGNED[:-20], SIGNED[: SIGNED.rindex(".")], "", ".", "a.b.c", "ä.b.c"])
def test_a_truncated_signature_is_refused(cut: str) -> None:
    name, said = refusal(cut)
    assert name in ("form", "signature")
    assert "cut short" in said or "was changed" in said


def test_every_changed_character_of_the_signature_is_refused() -> None:
    for place in range(0, len(SIGNED), 7):
        swapped = "A" if SIGNED[place] != "A" else "B"
        verdict = verify_signature(SIGNED[:place] + swapped + SIGNED[place + 1 :], DOCUMENT, KEYS)
        assert not verdict, place


def test_a_swapped_certificate_is_refused() -> None:
    name, said = refusal(SIGNED, document(tolerance=DOCUMENT["tolerance"] / 2))
    assert name == "certificate"
    assert said.startswith(f"signed is {facts().certificate.sha256}, this certificate is sha256:")


def test_a_certificate_of_another_job_fails_as_such() -> None:
    verdict = verify_signature(SIGNED, document(id="job-2"), KEYS)
    assert [check.name for check in verdict.checks if not check.passed] == ["certificate", "job"]


def test_a_signature_by_a_known_key_for_another_output_is_refused() -> None:
    payload = json.loads(facts().payload())
    payload["output"]["digest"] = "sha256:" + "1" * 64
    name, said = refusal(signed_by_hand({}, json.dumps(payload).encode()))
    assert name == "output"
    assert said.startswith("signed is output 'sha256:1111")


def test_another_output_than_the_signed_one_is_refused() -> None:
    name, said = refusal(SIGNED, output=b"London.")
    own = hashlib.sha256(b"London.").hexdigest()
    assert (name, said.rsplit(" ", 1)[1]) == ("output", f"sha256:{own}")


def test_another_tenant_and_another_issuer_are_refused() -> None:
    assert refusal(SIGNED, tenant="bob") == ("tenant", "signed is tenant 'alice', and not 'bob'")
    signed = "signed is issuer 'https://one.example', and not 'https://two.example'"
    assert refusal(SIGNED, issuer="https://two.example") == ("issuer", signed)


def test_of_an_erased_certificate_each_form_has_its_own_signature() -> None:
    whole = document(text="The capital of Germany is")
    signed_again = KEY.sign(facts(erased_from=whole))
    assert verify_signature(signed_again, DOCUMENT, KEYS)
    name, said = refusal(signed_again, whole)
    assert name == "certificate"
    assert said.startswith("the signature is of the form of this certificate without its words")
    assert verify_signature(KEY.sign(facts(whole)), whole, KEYS)


@pytest.mark.parametrize(
    "payload",
    [b"", b"[]", b"{}", b'{"schema": "smoothgen/signature/v2"}', facts().payload()[:-1], b"\xff"],
)
def test_a_signed_payload_that_says_something_else_is_refused(payload: bytes) -> None:
    assert refusal(signed_by_hand({}, payload))[0] in ("payload", "form")


def test_a_signed_payload_with_a_field_that_is_not_known_is_refused() -> None:
    payload = json.loads(facts().payload()) | {"void": True}
    assert refusal(signed_by_hand({}, json.dumps(payload).encode())) == (
        "payload",
        "the signed payload holds fields that this version does not know",
    )


@pytest.mark.parametrize("certificate", [{}, b"no JSON", "[]", {"digest": 7}, {"digest": "sha256:0", "model": []}])
def test_what_is_no_certificate_is_refused(certificate: Any) -> None:
    verdict = verify_signature(SIGNED, certificate, KEYS)
    assert "certificate" in [check.name for check in verdict.checks if not check.passed]


@pytest.mark.parametrize(
    "keys",
    [
        "",
        "[]",
        {},
        {"keys": {}},
        key_set([KEY.public_jwk(), KEY.public_jwk()]),
        key_set([{**KEY.public_jwk(), "kid": None}]),
        key_set([{**KEY.public_jwk(), "x": "AAAA"}]),
        key_set([{"kty": "OKP", "crv": "Ed25519", "kid": "a"}]),
    ],
)
def test_a_set_of_keys_that_cannot_be_used_is_refused(keys: Any) -> None:
    with pytest.raises(InvalidKeys):
        verify_signature(SIGNED, DOCUMENT, keys)


def test_keys_of_other_kinds_are_passed_over() -> None:
    others = [{"kty": "RSA", "kid": KEY.kid}, {"kty": "OKP", "crv": "Ed448", "kid": KEY.kid, "x": "AA"}, 7]
    assert list(read_key_set({"keys": [*others, KEY.public_jwk()]})) == [KEY.kid]


def test_a_kid_is_the_thumbprint_of_its_key() -> None:
    assert KEY.public_jwk()["kid"] == OKPKey.import_key(KEY.public_jwk()).thumbprint()
    assert "d" not in KEY.public_jwk()
