"""Certificates as their signatures are of them: the very text that is stored, and what was signed of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json
from redis.asyncio import Redis

from smoothgen.certificates.stored import read_certificate, to_document, without_words
from smoothgen.queue import keys
from smoothgen.queue.connection import redis_errors
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.scripts.signatures import ReplaceCertificate, Sign

SignForm = Callable[[Mapping[str, Any], Mapping[str, Any]], str]
"""Signs a form of a certificate: takes the documents before and after its words are left out, and returns the JWS."""


@dataclass(frozen=True)
class StoredCertificate:
    """A certificate's JSON as it is stored, and its signature, None where nobody has signed it."""

    text: str
    signature: str | None


class Signatures:
    """Certificates and their signatures in Redis. Every method raises QueueUnavailable when Redis cannot be reached."""

    def __init__(self, redis: Redis, scripts: Pipeline) -> None:
        self._redis, self._scripts = redis, scripts

    async def read(self, certificate_id: str) -> StoredCertificate | None:
        """Returns a certificate and its signature, None where the certificate is not kept."""
        with redis_errors():
            text, signature = await self._redis.mget(keys.certificate(certificate_id), keys.signature(certificate_id))
        return None if text is None else StoredCertificate(text, signature)

    async def keep(self, certificate_id: str, text: str, signature: str) -> str | None:
        """Stores the signature of a certificate's text unless it has one. Returns the one it has; None where the
        certificate is not kept any more, or has another text by now."""
        kept: str | None = await self._scripts.call(
            Sign(
                certificate=keys.certificate(certificate_id),
                signature=keys.signature(certificate_id),
                sha1=_sha1(text),
                jws=signature,
            )
        )
        return kept

    async def forget_words(self, certificate_id: str, sign: SignForm | None) -> None:
        """Leaves the texts of a job's runs out of its certificate, which is kept as long as before. Its signature is
        replaced by one of the new form, or goes where nobody signs."""
        stored = await self.read(certificate_id)
        if stored is None:
            return
        before = from_json(stored.text)
        certificate = read_certificate(before)
        if (without := without_words(certificate)) == certificate:
            return
        after = to_document(without)
        await self._scripts.call(
            ReplaceCertificate(
                certificate=keys.certificate(certificate_id),
                signature=keys.signature(certificate_id),
                sha1=_sha1(stored.text),
                document=to_json(after).decode(),
                jws=None if sign is None else sign(before, after),
            )
        )


def _sha1(text: str) -> str:
    """Returns what `redis.sha1hex` says of a text: it tells one stored text from the next, and protects nothing."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
