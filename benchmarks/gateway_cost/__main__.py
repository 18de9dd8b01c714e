"""What keys, quotas, signatures, ledger, webhooks, traces, logs and metrics by tenant cost a request.

    python -m benchmarks.gateway_cost [--pairs 10] [--seconds 3] [--connections 1] [--samples 0]

For each part two stacks run side by side, each with a Redis that syncs every write, a worker of a closed-form model and
a gateway: one without the part, one with it. They are asked in turns, A B A B …, in a closed loop. Counted is the
processor time (user and system) of the gateway and of Redis for each request, what is done after the answer included;
the differences are those of neighbouring windows. Metrics by tenant are always on, so what they do for one request is
timed alone, in this process.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from app.access.caller import Caller
from app.tenant_metrics import TenantMetrics
from benchmarks.gateway_cost.measuring import Cost, measured
from benchmarks.gateway_cost.parts import Part, parts
from benchmarks.gateway_cost.sink import Sink
from benchmarks.smoke import parse_sizes
from benchmarks.stack import scratch

REAL_JOBS = {"text": 0.8, "picture": 12.4}
"""Seconds of a real job, from docs/benchmarks.md: a text's answer under `tokens` ("Radius of the answer by mechanism")
and a picture of `fashion-32` with 532 samples ("Speed of certified pictures"), medians."""
_COUNTED = 20_000
Pair = tuple[Cost, Cost]


def compared(
    part: Part, folder: Path, sink_url: str, *, pairs: int, seconds: float, connections: int, samples: int
) -> list[Pair]:
    """Returns the costs of a request without and with a part, in neighbouring windows."""
    with (
        measured(part.off, folder / "off", sink_url, samples) as off,
        measured(part.on, folder / "on", sink_url, samples) as on,
    ):
        return [(off.window(seconds, connections), on.window(seconds, connections)) for _ in range(pairs)]


def row(name: str, pairs: Sequence[Pair]) -> str:
    """Returns the line of a table in Markdown: medians over the pairs, and the quartiles of the differences."""
    gateway = [on.gateway_us - off.gateway_us for off, on in pairs]
    low, more, high = statistics.quantiles(gateway, n=4, method="inclusive")
    redis = statistics.median(on.redis_us - off.redis_us for off, on in pairs)
    before, after = (statistics.median(costs) for costs in zip(*((a.p50_ms, b.p50_ms) for a, b in pairs), strict=True))
    total = statistics.median(off.gateway_us for off, _ in pairs)
    cells = [name, f"{total:,.0f}", f"{more:+,.0f} ({low:+,.0f} to {high:+,.0f})", f"{redis:+,.0f}"]
    return _line([*cells, f"{before:.1f} to {after:.1f}", *_shares(more)])


def tenant_metrics_us() -> float:
    """Returns the processor time of counting one request of a tenant, in µs: the median of five rounds."""
    metrics = TenantMetrics(CollectorRegistry(), ["tenant"])
    caller = Caller("tenant")
    rounds = []
    for _ in range(5):
        started = time.process_time()
        for _ in range(_COUNTED):
            metrics.answered(caller, 200, "")
        rounds.append(1e6 * (time.process_time() - started) / _COUNTED)
    return statistics.median(rounds)


def _shares(us: float) -> list[str]:
    return [f"{us / 1e4 / seconds:.3f} %" for seconds in REAL_JOBS.values()]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=10, help="windows without and with each part (at least 2)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each window")
    parser.add_argument("--connections", type=int, default=1, help="requests on their way at once")
    parser.add_argument("--samples", type=int, default=0, help="of each request; 0: tier universal, which draws none")
    parser.add_argument("--part", action="append", help="measure only parts whose names contain this")
    given = parse_sizes(parser, pairs=2, seconds=1.0, part=["all"])
    titles = ["part", "gateway without, µs", "gateway more, µs", "Redis more, µs", "median latency, ms"]
    print(_line([*titles, *(f"of a {job} job's {seconds} s" for job, seconds in REAL_JOBS.items())]))
    print(_line(["---"] * 7))
    with scratch("gateway-cost") as folder, Sink() as sink:
        for number, part in enumerate(parts(folder, sink.url)):
            if given.part and not any(each in part.name for each in given.part):
                continue
            sizes = {name: getattr(given, name) for name in ("pairs", "seconds", "connections", "samples")}
            print(row(part.name, compared(part, folder / str(number), sink.url, **sizes)), flush=True)
    us = tenant_metrics_us()
    print(_line(["metrics by tenant, timed alone", "", f"{us:+.1f}", "", "", *_shares(us)]))


if __name__ == "__main__":
    main()
