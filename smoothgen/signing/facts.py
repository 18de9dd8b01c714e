"""What a signature says: the payload of the JWS, and the bytes that are signed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from smoothgen.certificates.format.canonical import canonical
from smoothgen.certificates.format.document import parse_json
from smoothgen.certificates.format.json_data import require_mapping, require_string, require_whole_number
from smoothgen.errors import InvalidCertificate

SCHEMA: Final = "smoothgen/signature/v1"


def document_sha256(document: Mapping[str, Any]) -> str:
    """Returns the sha256 ("sha256:<hex>") of a certificate's document in canonical JSON, all of it.

    Raises InvalidCertificate for what JSON cannot hold.
    """
    return f"sha256:{hashlib.sha256(canonical(document).encode('ascii')).hexdigest()}"


@dataclass(frozen=True)
class DocumentDigests:
    """Which document is meant. digest: the one it states of itself. sha256: of the whole document
    (`document_sha256`)."""

    digest: str
    sha256: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> DocumentDigests:
        """Returns the digests of a certificate's document. Raises InvalidCertificate."""
        return cls(require_string(document.get("digest"), "digest"), document_sha256(document))

    @classmethod
    def read(cls, data: Any, where: str) -> DocumentDigests:
        """Returns the digests that a payload states. Raises InvalidCertificate."""
        fields = require_mapping(data, where)
        return cls(*(require_string(fields.get(name), f"{where}.{name}") for name in ("digest", "sha256")))


@dataclass(frozen=True)
class SignedFacts:
    """What the issuer says of a certificate.

    issued_at: when it was signed, Unix seconds. job: its id, the certificate's too. output_digest: of the output's
    exact bytes. erased_from: the digests of the form that was signed before its words were erased, None where nothing
    was erased.
    """

    issuer: str
    issued_at: int
    tenant: str
    job: str
    model: str
    revision: str
    model_digest: str
    output_digest: str
    certificate: DocumentDigests
    erased_from: DocumentDigests | None = None

    @classmethod
    def of(
        cls,
        document: Mapping[str, Any],
        *,
        issuer: str,
        tenant: str,
        issued_at: int,
        erased_from: Mapping[str, Any] | None = None,
    ) -> SignedFacts:
        """Returns what is signed of a certificate's document. erased_from: the document before its words were erased.

        Raises InvalidCertificate for a document that names no job, model or output: no server issued it.
        """
        model, output = (require_mapping(document.get(name), name) for name in ("model", "output"))
        return cls(
            issuer=issuer,
            issued_at=issued_at,
            tenant=tenant,
            job=require_string(document.get("id"), "id"),
            model=require_string(model.get("name"), "model.name"),
            revision=require_string(model.get("revision"), "model.revision"),
            model_digest=require_string(model.get("digest"), "model.digest"),
            output_digest=require_string(output.get("digest"), "output.digest"),
            certificate=DocumentDigests.of(document),
            erased_from=None if erased_from is None else DocumentDigests.of(erased_from),
        )

    def payload(self) -> bytes:
        """Returns the bytes that are signed: canonical JSON, the same for the same facts."""
        stated: dict[str, Any] = {
            "schema": SCHEMA,
            "iss": self.issuer,
            "iat": self.issued_at,
            "tenant": self.tenant,
            "job": self.job,
            "model": {"name": self.model, "revision": self.revision, "digest": self.model_digest},
            "output": {"digest": self.output_digest},
            "certificate": vars(self.certificate),
        }
        if self.erased_from is not None:
            stated["erased_from"] = vars(self.erased_from)
        return canonical(stated).encode("ascii")

    @classmethod
    def read(cls, payload: bytes) -> SignedFacts:
        """Returns the facts that a payload states. Raises InvalidCertificate for another schema, and for a payload with
        missing or unknown fields."""
        stated = require_mapping(parse_json(payload), "the signed payload")
        if stated.get("schema") != SCHEMA:
            raise InvalidCertificate(f"the signed payload has schema {stated.get('schema')!r:.80}, and not {SCHEMA!r}")
        model, output = (require_mapping(stated.get(name), name) for name in ("model", "output"))
        erased_from = stated.get("erased_from")
        facts = cls(
            issuer=require_string(stated.get("iss"), "iss"),
            issued_at=require_whole_number(stated.get("iat"), "iat"),
            tenant=require_string(stated.get("tenant"), "tenant"),
            job=require_string(stated.get("job"), "job"),
            model=require_string(model.get("name"), "model.name"),
            revision=require_string(model.get("revision"), "model.revision"),
            model_digest=require_string(model.get("digest"), "model.digest"),
            output_digest=require_string(output.get("digest"), "output.digest"),
            certificate=DocumentDigests.read(stated.get("certificate"), "certificate"),
            erased_from=None if erased_from is None else DocumentDigests.read(erased_from, "erased_from"),
        )
        if facts.payload() != canonical(stated).encode("ascii"):
            raise InvalidCertificate("the signed payload holds fields that this version does not know")
        return facts
