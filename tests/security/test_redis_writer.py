"""What somebody who may write to Redis can forge, and by what it is found out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from smoothgen import verify, verify_signature
from smoothgen.certificates.format.document import content_digest
from smoothgen.queue import keys
from tests.security.conftest import Target
from tests.support.echo import asked


def planted(target: Target, job: str, document: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The certificate and its signature as the gateway serves them, after another one was put in its place."""
    redis = target.lab.redis.client
    redis.delete(keys.signature(job))
    redis.set(keys.certificate(job), json.dumps(document))
    served = target.http.get(f"/certificates/{job}", headers=target.alice).json()
    return served, target.http.get(f"/certificates/{job}/signature", headers=target.alice).text


@pytest.mark.parametrize("sealed", [False, True], ids=["as it is", "with its digest"])
def test_a_radius_enlarged_in_redis_is_signed_and_rejected_by_its_numbers(target: Target, sealed: bool) -> None:
    view = target.said("Paris").json()
    forged = view["certificate"] | {"radius": 2 * view["certificate"]["radius"]}
    if sealed:
        forged["digest"] = content_digest(forged)
    served, signature = planted(target, view["id"], forged)
    assert served["radius"] == forged["radius"]
    jwks = target.http.get("/.well-known/jwks.json").json()
    assert verify_signature(signature, served, jwks)  # the gateway signs what lies in Redis
    verdict = verify(json.dumps(served))
    assert not verdict.valid
    assert "radius" in {check.name for check in verdict.checks if not check.passed} or not sealed


def test_a_certificate_of_another_tenant_put_under_a_job_names_the_other_job(target: Target) -> None:
    view = target.said("Paris").json()
    bobs = target.http.post("/generate", json=asked("Rome"), headers=target.bob).json()
    _, signature = planted(target, view["id"], bobs["certificate"])
    jwks = target.http.get("/.well-known/jwks.json").json()
    refused = verify_signature(signature, view["certificate"], jwks)
    assert not refused
    assert not verify_signature(signature, bobs["certificate"], jwks, tenant="bob")
