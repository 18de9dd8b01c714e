"""The signatures that a chaos run gave out, in every place where there is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from smoothgen import verify_signature
from tests.chaos.stack import Stack


@dataclass(frozen=True)
class Signed:
    """Of the jobs with a certificate. unsigned: how many have no signature in a place that must have one, or one that
    does not hold. signed_again: how many have more than one."""

    unsigned: int
    signed_again: int


def signed(
    stack: Stack, tenant: str, views: Iterable[tuple[str, Mapping[str, Any]]], recorded: Mapping[str, str | None]
) -> Signed:
    """Compares the signatures in answers, at every gateway and in the ledger with one another and with the keys.

    views: each job with its last answer. An answer given while Redis was away may be without, as documented.
    """
    keys = stack.gateways[0].http.get("/.well-known/jwks.json").json()
    unsigned = signed_again = 0
    for job, view in views:
        if "certificate" not in view:
            continue
        kept = [gateway.http.get(f"/certificates/{job}/signature", headers=stack.headers) for gateway in stack.gateways]
        needed = [*(each.text if each.status_code == 200 else None for each in kept), recorded.get(job)]
        found = {*needed, *([view["signature"]] if "signature" in view else [])}
        hold = all(each and verify_signature(each, view["certificate"], keys, tenant=tenant) for each in found)
        unsigned += not hold
        signed_again += len(found) > 1
    return Signed(unsigned, signed_again)
