"""What a number of certificates an hour takes of Redis, on paper: measured costs, multiplied."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

from smoothgen.queue.keys import CERTIFICATE_TTL_S

_BUSY = 0.5
"""The share of a core that a node may be busy with: what is above waits for what is before."""
_NODE_BYTES = 64 * 2**30
_DAY_S = 86_400


@dataclass(frozen=True)
class Costs:
    """Of one job. cpu_us: of Redis; gateway_us: of the gateway; wire, file: bytes that travel, and that are written.
    certificate, rest: bytes of memory that its certificate holds for CERTIFICATE_TTL_S, and all else for a day, the
    default of retention and idempotency keys."""

    cpu_us: float
    gateway_us: float
    wire: float
    file: float
    certificate: float
    rest: float


def taken(hourly: float, costs: Costs) -> Iterator[tuple[str, str]]:
    """Yields what so many certificates an hour take, each with how it is computed."""
    a_second = hourly / 3600
    kept, of_a_day = a_second * CERTIFICATE_TTL_S, a_second * _DAY_S
    memory = kept * costs.certificate + of_a_day * costs.rest
    cores = a_second * costs.cpu_us / 1e6
    yield "certificates a second", f"{a_second:,.0f}"
    yield "cores of Redis", f"{a_second:,.0f} × {costs.cpu_us:,.0f} µs = {cores:.2f}"
    yield f"primaries for that, {_BUSY:.0%} busy", f"{max(1, ceil(cores / _BUSY))}"
    yield "cores of gateways", f"{a_second:,.0f} × {costs.gateway_us:,.0f} µs = {a_second * costs.gateway_us / 1e6:.2f}"
    yield "network of Redis", f"{a_second * costs.wire / 1e6:,.1f} MB/s"
    yield "written to append-only files", f"{a_second * costs.file / 1e6:,.1f} MB/s"
    yield f"certificates kept, {CERTIFICATE_TTL_S / _DAY_S:g} days", f"{kept:,.0f} × {costs.certificate:,.0f} bytes"
    yield "all else of their jobs, 1 day", f"{of_a_day:,.0f} × {costs.rest:,.0f} bytes"
    yield "memory for both", f"{memory / 1e12:,.2f} TB"
    yield f"primaries for that, of {_NODE_BYTES >> 30} GiB", f"{max(1, ceil(memory / _NODE_BYTES))}"
    yield "most of one model an hour, of one primary", f"{_BUSY * 1e6 / costs.cpu_us * 3600:,.0f}"
