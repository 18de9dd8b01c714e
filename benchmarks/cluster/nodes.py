"""What the nodes of a cluster have done so far, and what lies on them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Self

import psutil

from tests.support.cluster import Cluster, Node


@dataclass(frozen=True)
class Work:
    """Of one node. scripts: calls of scripts; commands: all others, those that scripts run included. received, sent:
    bytes from and to clients. file, memory: bytes of the append-only file, and of the data. cpu_s: seconds of the
    processor, user and system."""

    scripts: float
    commands: float
    received: float
    sent: float
    file: float
    memory: float
    cpu_s: float

    @classmethod
    def of(cls, node: Node) -> Self:
        """What a node tells of itself."""
        client, process = node.client, psutil.Process(node.pid)
        stats, commands = client.info("stats"), client.info("commandstats")
        calls = {name.removeprefix("cmdstat_"): figures["calls"] for name, figures in commands.items()}
        scripts = calls.get("evalsha", 0)
        times = process.cpu_times()
        return cls(
            scripts=scripts,
            commands=sum(calls.values()) - scripts,
            received=stats["total_net_input_bytes"],
            sent=stats["total_net_output_bytes"],
            file=client.info("persistence")["aof_current_size"],
            memory=client.info("memory")["used_memory_dataset"],
            cpu_s=times.user + times.system,
        )

    def since(self, before: Self) -> Self:
        """What was done meanwhile."""
        return type(self)(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(self)))


def works(cluster: Cluster) -> list[Work]:
    """What each primary has done so far."""
    return [Work.of(node) for node in cluster.primaries]
