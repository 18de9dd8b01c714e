"""What a number of certificates an hour takes of Redis, on paper: measured costs, multiplied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from smoothgen.queue.keys import CERTIFICATE_TTL_S

_BUSY = 0.5
"""The share of a core that a node may be busy with: what is above waits for what is before."""
_NODE_BYTES = 64 * 2**30


@dataclass(frozen=True)
class Costs:
    """Of one certificate. cpu_us: of Redis; gateway_us: of the gateway; wire, file, memory: bytes that travel, that are
    written down, and that stay. retained_s: how long they stay."""

    cpu_us: float
    gateway_us: float
    wire: float
    file: float
    memory: float
    retained_s: float = CERTIFICATE_TTL_S


def taken(hourly: float, costs: Costs) -> Iterator[tuple[str, str]]:
    """Yields what so many certificates an hour take, each with how it is computed."""
    a_second = hourly / 3600
    kept = a_second * costs.retained_s
    cores = a_second * costs.cpu_us / 1e6
    yield "certificates a second", f"{a_second:,.0f}"
    yield "cores of Redis", f"{a_second:,.0f} × {costs.cpu_us:,.0f} µs = {cores:.2f}"
    yield f"primaries for that, {_BUSY:.0%} busy", f"{max(1, ceil(cores / _BUSY))}"
    yield "cores of gateways", f"{a_second:,.0f} × {costs.gateway_us:,.0f} µs = {a_second * costs.gateway_us / 1e6:.2f}"
    yield "network of Redis", f"{a_second * costs.wire / 1e6:,.1f} MB/s"
    yield "written to append-only files", f"{a_second * costs.file / 1e6:,.1f} MB/s"
    yield "certificates kept", f"{kept:,.3g} ({costs.retained_s / 86_400:g} days)"
    yield "memory they hold", f"{kept:,.3g} × {costs.memory:,.0f} bytes = {kept * costs.memory / 1e12:,.2f} TB"
    yield f"primaries for that, of {_NODE_BYTES >> 30} GiB", f"{max(1, ceil(kept * costs.memory / _NODE_BYTES))}"
    yield "most of one model an hour, of one primary", f"{_BUSY * 1e6 / costs.cpu_us * 3600:,.0f}"
