"""The parts of the gateway that are measured: how a gateway is set without each, and with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

Key = Literal["none", "plain", "limited"]


@dataclass(frozen=True)
class Arm:
    """How one gateway is set. key: what its requests carry: none, an API key, or one with a rate and a quota that are
    never reached. webhook: whether a receiver is registered."""

    settings: dict[str, Any] = field(default_factory=dict)
    key: Key = "none"
    webhook: bool = False


@dataclass(frozen=True)
class Part:
    """Two gateways that differ in one part."""

    name: str
    off: Arm
    on: Arm


SPANS_WAIT_MS = 1000
"""How long a gateway gathers spans before it sends them. Less than OpenTelemetry's own five seconds, so that all are
sent before a window is counted: smaller batches, and no less work."""

PLAIN = Arm()
"""As a gateway is by itself: no key asked for, logs at level info, everything else off."""


def parts(folder: Path, sink_url: str) -> Iterator[Part]:
    """Yields what is measured.

    folder: for keys and databases. sink_url: who takes spans and webhooks.
    """
    signing = {"signing_keys": str(folder / "signing-keys"), "signing_issuer": "https://smoothgen.example"}
    ledger = {"ledger_url": f"sqlite:///{folder / 'ledger.sqlite'}"}
    traces = {"environment": {"OTEL_EXPORTER_OTLP_ENDPOINT": sink_url, "OTEL_BSP_SCHEDULE_DELAY": str(SPANS_WAIT_MS)}}
    webhooks = {"webhooks": True, "webhooks_allow": ["127.0.0.0/8"], "webhooks_allow_http": True}
    quiet = Arm({"log_level": "error"})
    yield Part("API keys", PLAIN, Arm(key="plain"))
    yield Part("rate and quota of a key", Arm(key="plain"), Arm(key="limited"))
    yield Part("signatures", PLAIN, Arm(signing))
    yield Part("ledger (SQLite)", PLAIN, Arm(ledger))
    yield Part("webhooks, one receiver", PLAIN, Arm(webhooks, webhook=True))
    yield Part("traces, every request", PLAIN, Arm(traces))
    yield Part("logs at level info", quiet, PLAIN)
    everything = {**signing, **webhooks, **traces, "ledger_url": f"sqlite:///{folder / 'ledger-of-all.sqlite'}"}
    yield Part("all of these", quiet, replace(Arm(everything, webhook=True), key="limited"))
