"""Comparing prompts with a certificate: a worker embeds them, and the gateway waits for the worker's answer. Units are
counted by the gateway itself."""

from __future__ import annotations

import time
import uuid

from app.http.dependencies import Gateway
from app.unit_covers import compare_units
from smoothgen.certificates.edits.identity import EDITS_V1
from smoothgen.certificates.units import UNITS_V1
from smoothgen.contracts import CoversCall, CoversReply, CoversRequest
from smoothgen.errors import Conflict, NoAnswer


async def compare(gateway: Gateway, certificate_id: str, asked: CoversRequest) -> CoversReply:
    """Returns a worker's reply. Raises NotFound, Conflict, NoWorker, Overloaded, NoAnswer, QueueUnavailable."""
    certificate = await gateway.store.certificate(certificate_id)
    if certificate.get("method") == EDITS_V1:
        raise Conflict(
            f"certificate {certificate_id!r:.80} is of mechanism 'edits': it speaks of the edits of its set and of no "
            "other prompt, so comparing is not offered. GET /certificates/{certificate_id}/neighbours lists its runs; "
            "prompts of your own are in the set of a request that has them in edits.variants"
        )
    if certificate.get("method") == UNITS_V1:
        return await compare_units(gateway, certificate_id, asked)
    if asked.context is not None:
        raise Conflict(
            f"certificate {certificate_id!r:.80} is of method {certificate.get('method')!r:.80} and speaks of no "
            "context; compare prompts with it"
        )
    wait_s = gateway.settings.covers_wait_s
    call = CoversCall(
        id=uuid.uuid4().hex,
        gateway=gateway.replies.gateway_id,
        certificate=certificate_id,
        model=certificate["model"]["name"],
        prompts=asked.prompts,
        confidence=asked.confidence,
        deadline_ms=await gateway.store.clock.now_ms() + round(1000 * wait_s),
    )
    await _require_same_model(gateway, call.model, certificate["model"]["digest"], certificate_id)
    return await _answered(gateway, call, wait_s)


async def _require_same_model(gateway: Gateway, model: str, digest: str, certificate_id: str) -> None:
    card = await gateway.store.model(model)
    if card is not None and card.digest != digest:
        raise Conflict(
            f"model {model!r} is now {card.digest}, another than certificate {certificate_id!r:.80} was made with "
            f"({digest}); ask for a new certificate"
        )


async def _answered(gateway: Gateway, call: CoversCall, wait_s: float) -> CoversReply:
    covers, waiting, deadline = gateway.store.covers, gateway.replies, time.monotonic() + wait_s
    with waiting.expecting(call.id) as expected:  # before the call is sent: it may be answered at once
        await covers.ask(call)
        while True:
            left = deadline - time.monotonic()
            await waiting.heard(expected, max(0.0, left))
            expected.news.clear()
            reply = await covers.reply(call.id)
            if reply is not None:
                return reply
            if left <= 0 or waiting.released:
                raise NoAnswer(
                    f"no worker of model {call.model!r} compared the prompts within {wait_s:g} s: they may be busy "
                    "with long batches, or the one that was asked stopped; ask again"
                )
