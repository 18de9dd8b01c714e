"""Checks a signature of a certificate: who made it, and whether it is of this certificate, output and tenant."""

from __future__ import annotations

import hashlib
import json
from binascii import Error as Base64Error
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from joserfc import jws
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import OKPKey
from joserfc.util import urlsafe_b64decode

from smoothgen.certificates.verification import Check, Verification
from smoothgen.certificates.verify import Verifiable, parsed
from smoothgen.errors import InvalidCertificate, InvalidInput
from smoothgen.signing.facts import DocumentDigests, SignedFacts
from smoothgen.signing.keys import ALGORITHM, TYPE, read_key_set

_LONGEST: Final = 16_384
"""Characters of a signature: those made here have about 1,200."""


class _Refused(InvalidInput):
    """A signature that is refused before anything it says is looked at. check: the name of what failed."""

    def __init__(self, check: str, message: str) -> None:
        super().__init__(message)
        self.check = check


def verify_signature(
    signature: str,
    certificate: Verifiable,
    keys: Mapping[str, Any] | str | bytes,
    *,
    issuer: str | None = None,
    tenant: str | None = None,
    output: bytes | None = None,
) -> Verification:
    """Checks a signature (a compact JWS) of a certificate against a JWK Set. Needs no server, and opens no connection.

    issuer, tenant: what it must name. output: the bytes that it must be of. None: whatever it names. Ed25519 alone is
    accepted, and nothing that the signature itself says of a key but its id.

    Whether the certificate's numbers follow from its evidence is not looked at: `smoothgen.verify` does that.
    Raises InvalidKeys for a key set that cannot be read, OSError for a path that cannot.
    """
    known = read_key_set(keys)
    try:
        facts, said = _authentic(signature.strip(), known)
        document = parsed(certificate)
        if not isinstance(document, Mapping):
            raise _Refused("certificate", "the certificate is no JSON object, so nothing can be signed of it")
    except _Refused as error:
        return Verification((Check(error.check, False, str(error)),))
    except InvalidInput as error:
        return Verification((Check("certificate", False, str(error)),))
    checks = [
        Check("signature", True, said),
        _of_certificate(facts, document),
        _same("job", facts.job, document.get("id")),
        _of_model(facts, document),
        _of_output(facts, document, output),
    ]
    if tenant is not None:
        checks.append(_asked("tenant", facts.tenant, tenant))
    if issuer is not None:
        checks.append(_asked("issuer", facts.issuer, issuer))
    return Verification(tuple(checks), "checked")


def _authentic(signature: str, known: Mapping[str, OKPKey]) -> tuple[SignedFacts, str]:
    """Returns what a signature by a known key says, and a sentence on who says it. Raises _Refused."""
    if (
        len(signature) > _LONGEST
        or not signature.isascii()
        or len(parts := signature.split(".")) != 3
        or not all(parts)
    ):
        raise _Refused("form", "the signature is no compact JWS (three parts with dots between them); is it cut short?")
    header = _header(parts[0])
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm != ALGORITHM:
        raise _Refused("algorithm", f"the signature is by algorithm {algorithm!r:.80}; only {ALGORITHM} is accepted")
    if header.get("typ") != TYPE:
        raise _Refused(
            "form", f"the JWS is of type {header.get('typ')!r:.80}, and a certificate's signature of {TYPE!r}"
        )
    if unknown := sorted(header.keys() - {"alg", "kid", "typ"}):
        raise _Refused("form", f"the signature's header has {', '.join(map(repr, unknown))[:160]}, which is refused")
    key = known.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise _Refused("key", f"the signature is by key {kid!r:.80}, which is not among the {len(known)} keys given")
    try:
        verified = jws.deserialize_compact(signature, key, [ALGORITHM])
    except BadSignatureError as error:
        raise _Refused("signature", f"the signature is not by key {kid}: it, or what it covers, was changed") from error
    except (JoseError, ValueError, TypeError) as error:
        raise _Refused("form", f"the signature cannot be read ({error}); is it cut short?") from error
    try:
        facts = SignedFacts.read(verified.payload)
    except InvalidCertificate as error:
        raise _Refused("payload", str(error)) from error
    return facts, (
        f"by key {kid} of issuer {facts.issuer!r:.200}, at {_time(facts.issued_at)}, for tenant {facts.tenant!r:.80}"
    )


def _header(part: str) -> Mapping[str, Any]:
    try:
        header = json.loads(urlsafe_b64decode(part.encode()))
    except (ValueError, Base64Error, RecursionError) as error:
        raise _Refused("form", "the signature's header is no JSON in base64; is it cut short?") from error
    if not isinstance(header, Mapping):
        raise _Refused("form", f"the signature's header is no JSON object, but {header!r:.80}")
    return header


def _of_certificate(facts: SignedFacts, document: Mapping[str, Any]) -> Check:
    try:
        own = DocumentDigests.of(document)
    except InvalidCertificate as error:
        return Check("certificate", False, str(error))
    if own == facts.certificate:
        erased = "" if facts.erased_from is None else ", as it is without its words"
        return Check("certificate", True, f"signed is {own.sha256}, this certificate{erased}")
    if own == facts.erased_from:
        return Check(
            "certificate",
            False,
            "the signature is of the form of this certificate without its words, which were erased since; it names "
            "this form's digests, and the signature that came with this form is the one to check it by",
        )
    return Check("certificate", False, f"signed is {facts.certificate.sha256:.80}, this certificate is {own.sha256}")


def _of_model(facts: SignedFacts, document: Mapping[str, Any]) -> Check:
    model = document.get("model")
    return _same("model", facts.model_digest, model.get("digest") if isinstance(model, Mapping) else None)


def _of_output(facts: SignedFacts, document: Mapping[str, Any], output: bytes | None) -> Check:
    stated = document.get("output")
    check = _same("output", facts.output_digest, stated.get("digest") if isinstance(stated, Mapping) else None)
    if output is None or not check.passed:
        return check
    own = f"sha256:{hashlib.sha256(output).hexdigest()}"
    if own == facts.output_digest:
        return Check("output", True, f"signed is {own}, the output given")
    return Check("output", False, f"signed is the output {facts.output_digest:.80}, the output given is {own}")


def _same(name: str, signed: str, stated: Any) -> Check:
    if signed == stated:
        return Check(name, True, f"signed is {signed:.80}, as the certificate states")
    return Check(name, False, f"signed is {name} {signed!r:.80}, the certificate states {stated!r:.80}")


def _asked(name: str, signed: str, asked: str) -> Check:
    if signed == asked:
        return Check(name, True, f"signed is {name} {signed!r:.80}, as asked")
    return Check(name, False, f"signed is {name} {signed!r:.80}, and not {asked!r:.80}")


def _time(seconds: int) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"Unix second {seconds}"
