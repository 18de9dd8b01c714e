"""Rounds of load on several servers in turns, and what they come to."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.load.client import LoadFailed, Window, load
from benchmarks.load.servers import Server

RAMP_S = 0.3
WARM_S = 1.0


@dataclass(frozen=True)
class Side:
    """One request to one server, or at each concurrency to the best of several."""

    name: str
    servers: Mapping[int, Server]
    """By concurrency."""
    request: bytes
    check: Callable[[bytes], None]
    prepare: Callable[[], None] = lambda: None
    freezes: bool = False

    def warm(self) -> None:
        """Every server answers its first request, then a second's worth of them, then sleeps if this side freezes."""
        for server, connections in {server: c for c, server in self.servers.items()}.items():
            server.until_answering(self.request)
            self.measure(connections, WARM_S)

    def measure(self, connections: int, seconds: float) -> Window:
        """One window of load, its kept answers checked. Raises LoadFailed with this side's name."""
        server = self.servers[connections]
        self.prepare()
        if self.freezes:
            server.thaw()
        try:
            window = load(
                server.port,
                self.request,
                connections=connections,
                seconds=seconds,
                ramp_s=RAMP_S,
                server_cpu=server.cpu,
            )
            for body in window.kept:
                self.check(body)
        except (LoadFailed, OSError) as error:
            raise LoadFailed(f"{self.name} at {connections} connections: {error}\n{server.log_end()}") from error
        finally:
            if self.freezes:
                server.freeze()
        return window


@dataclass
class Row:
    """One side at one concurrency, a number a round."""

    side: str
    connections: int
    per_second: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    server_cpu_us: list[float] = field(default_factory=list)
    client_cpu_us: list[float] = field(default_factory=list)
    foreign_cores: list[float] = field(default_factory=list)

    def add(self, window: Window) -> None:
        answers = len(window.latencies)
        self.per_second.append(answers / window.seconds)
        self.p50_ms.append(1e3 * window.quantile(0.50))
        self.p99_ms.append(1e3 * window.quantile(0.99))
        self.server_cpu_us.append(1e6 * window.server_cpu_s / answers)
        self.client_cpu_us.append(1e6 * window.client_cpu_s / answers)
        self.foreign_cores.append(window.foreign_cpu_s / window.seconds)


def carries(*names: str) -> Callable[[bytes], None]:
    """A check that an answer is a JSON object in which these fields hold something."""

    def check(body: bytes) -> None:
        answer = json.loads(body)
        missing = [name for name in names if not answer.get(name)]
        if missing:
            raise LoadFailed(f"the answer has no {', '.join(missing)}: {body[:600].decode(errors='replace')}")

    return check


def in_turns(sides: Sequence[Side], concurrencies: Sequence[int], rounds: int, seconds: float) -> list[Row]:
    """Every side at one concurrency before the next, the first place moving on by one each round."""
    rows = {(side.name, c): Row(side.name, c) for side in sides for c in concurrencies}
    for number in range(rounds):
        start = number % len(sides)
        print(f"round {number + 1} of {rounds} …", flush=True)
        for connections in concurrencies:
            for side in [*sides[start:], *sides[:start]]:
                rows[side.name, connections].add(side.measure(connections, seconds))
    return list(rows.values())


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Median, least and largest of the ratios round by round."""
    per_round = [a / b for a, b in zip(ours, theirs, strict=True)]
    return statistics.median(per_round), min(per_round), max(per_round)
