"""Signatures of messages, as the Standard Webhooks specification has them (version 1: HMAC-SHA256)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Final

_PREFIX: Final = "whsec_"


def signed_headers(secrets: Sequence[str], message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Returns the headers that a receiver verifies a message by.

    secrets: "whsec_" and base64, each gives a signature, so that a receiver may know any of them. at_s: when it is
    sent, Unix seconds: receivers refuse what is minutes old.
    """
    signed = b".".join([message_id.encode(), str(at_s).encode(), body])
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
