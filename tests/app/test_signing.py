"""A gateway's signer on a real Redis: one signature a certificate, and a new one where its words are erased."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from app.signing import Signer
from app.signing_keys import SigningKeys
from smoothgen import verify_signature
from smoothgen.certificates import to_document
from smoothgen.queue import JobStore, connect, keys, new_id
from tests.support.certificates import edits
from tests.support.processes import Redis


def test_an_erased_certificate_is_signed_again_and_each_form_has_its_own_signature(tmp_path: Path) -> None:
    async def signed_and_erased(redis: Redis) -> None:
        connection = connect(redis.url)
        store = JobStore(connection)
        signing_keys = SigningKeys(store, tmp_path / "keys", None)
        signer, job = Signer(store, signing_keys, "https://one.example"), new_id("model", "anyone")
        before = to_document(edits.drawn().identified(job, "2026-01-01T00:00:00.000+00:00"))
        model = {"name": "model", "revision": "v1", "digest": "sha256:" + "0" * 64}
        output = {"kind": "representative", "media_type": "text/plain", "digest": "sha256:" + "1" * 64}
        before |= {"model": model, "output": {**output, "distance_to_centre": None}}
        view = {"id": job, "status": "succeeded", "model": model, "progress": {"done": 1, "total": 1}}
        redis.client.set(keys.certificate(job), json.dumps(before), ex=1000)
        redis.client.hset(keys.job(job), mapping={"status": "succeeded", "view": json.dumps(view), "watchers": ""})

        asked = await asyncio.gather(*(signer.signature_of("anyone", job) for _ in range(5)))
        [signature] = set(asked)
        assert (await store.read(job)).view.signature == signature

        await store.erase(job, signer.of_form("anyone"))
        after, again = await store.certificate(job), (await store.read(job)).view.signature
        assert "text" in before["broken_by"][0]
        assert "text" not in after["broken_by"][0]
        assert signature is not None
        assert again is not None
        listed = signing_keys.listed()
        assert verify_signature(signature, before, listed)
        assert verify_signature(again, after, listed)
        assert not verify_signature(signature, after, listed)
        assert not verify_signature(again, before, listed)
        assert redis.client.ttl(keys.signature(job)) > 900

        await store.erase(job, None)  # nothing is left to leave out, so the signature stays
        assert (await store.read(job)).view.signature == again
        await connection.aclose()

    with Redis(tmp_path) as redis:
        asyncio.run(signed_and_erased(redis))
