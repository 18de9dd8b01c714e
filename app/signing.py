"""Certificates signed by this gateway: once, and with the same signature in every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import structlog
from pydantic_core import from_json
from redis.exceptions import RedisError

from app.signing_keys import SigningKeys
from smoothgen.errors import InvalidCertificate, QueueUnavailable
from smoothgen.queue import JobState, JobStore, SignForm, unknown_certificate
from smoothgen.signing import SignedFacts

_LARGE: Final = 64 * 1024
"""Characters of a certificate from which on it is signed in a thread: digesting one of 20,000 samples takes 25 ms."""
_TRIES: Final = 3


class Signer:
    """Signs certificates that lie in Redis, and keeps the signatures beside them. keys: None where nothing is signed
    here."""

    def __init__(self, store: JobStore, keys: SigningKeys | None, issuer: str) -> None:
        self._store, self.keys, self._issuer = store, keys, issuer

    async def signature_of(self, tenant: str, certificate_id: str) -> str | None:
        """Returns the signature of a tenant's certificate, made here where nobody has signed it; None where nobody has
        and nothing is signed here.

        Raises NotFound where the certificate is not kept, InvalidCertificate for a document that names no model or
        output, QueueUnavailable.
        """
        for _ in range(_TRIES):
            stored = await self._store.signatures.read(certificate_id)
            if stored is None:
                break
            if stored.signature is not None or self.keys is None:
                return stored.signature
            if (kept := await self._sign(self.keys, tenant, certificate_id, stored.text)) is not None:
                return kept
            # Another form of the certificate was stored meanwhile: its words were erased.
        raise unknown_certificate(certificate_id)

    async def signed(self, tenant: str, job: JobState) -> JobState:
        """Returns a job with its certificate's signature; as it is where it has no certificate or nothing is signed.

        Where the signature cannot be made or kept now, the job is answered without it: it has ended, and who asks again
        is given both.
        """
        if self.keys is None or not job.certificate or "signature" in job.document:
            return job
        try:
            kept = await self._sign(self.keys, tenant, job.id, job.certificate)
        except (QueueUnavailable, RedisError, InvalidCertificate) as error:
            structlog.get_logger().warning("certificate_not_signed", job=job.id, detail=str(error))
            return job
        return job if kept is None else job.signed(kept)

    def of_form(self, tenant: str) -> SignForm | None:
        """Returns what signs the form of a tenant's certificate whose words are left out, None where nothing is
        signed."""
        if (keys := self.keys) is None:
            return None

        def sign(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
            facts = self._facts(tenant, after, int(self._store.clock.last()), erased_from=before)
            return keys.current.sign(facts)

        return sign

    async def _sign(self, keys: SigningKeys, tenant: str, certificate_id: str, text: str) -> str | None:
        """Signs and keeps. Returns the signature that is kept, None where the certificate's text is another by now."""
        now = int(await self._store.clock.now())
        if len(text) > _LARGE:
            facts = await asyncio.to_thread(self._facts_of_text, tenant, text, now)
        else:
            facts = self._facts_of_text(tenant, text, now)
        return await self._store.signatures.keep(certificate_id, text, keys.current.sign(facts))

    def _facts_of_text(self, tenant: str, text: str, now: int) -> SignedFacts:
        return self._facts(tenant, from_json(text), now)

    def _facts(
        self, tenant: str, document: Mapping[str, Any], now: int, erased_from: Mapping[str, Any] | None = None
    ) -> SignedFacts:
        return SignedFacts.of(document, issuer=self._issuer, tenant=tenant, issued_at=now, erased_from=erased_from)
