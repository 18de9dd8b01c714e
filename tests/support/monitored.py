"""Two gateways, two workers and a Prometheus that scrapes them all, with traffic of two tenants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import Lab, free_port
from tests.support.prometheus import Prometheus
from tests.support.tenants_traffic import GATEWAY, MODELS, Traffic


@dataclass(frozen=True)
class Monitored:
    """What runs."""

    prometheus: Prometheus
    traffic: Traffic


@contextmanager
def monitored(folder: Path, *, every: str = "1s") -> Iterator[Monitored]:
    """Starts it all, and ends it with the block. every: how often Prometheus scrapes."""
    lab = Lab(folder)
    try:
        lab.redis.client.config_set("maxmemory", "512mb")  # for the curve of the limit
        ledger = f"sqlite:///{folder}/ledger.sqlite3"
        gateways = [lab.gateway(**GATEWAY, ledger_url=ledger) for _ in range(2)]
        ports = [free_port() for _ in range(2)]
        for port in ports:
            lab.worker(*MODELS, metrics_port=port)
        targets = {"gateway": [gateway.port for gateway in gateways], "worker": ports}
        with (
            Prometheus(folder / "prometheus", targets, every=every) as prometheus,
            Traffic([gateway.url for gateway in gateways]) as traffic,
        ):
            yield Monitored(prometheus, traffic)
    finally:
        lab.close()
