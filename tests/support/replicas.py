"""Steps of replication between two Redis servers of a test."""

from __future__ import annotations

from tests.support.processes import Redis, eventually


def follow(replica: Redis, master: Redis) -> None:
    """Make one server a replica of another and wait until it has its data."""
    replica.client.execute_command("REPLICAOF", "127.0.0.1", master.port)
    eventually(lambda: replica.client.info("replication")["master_link_status"] == "up")


def promote(replica: Redis) -> None:
    replica.client.execute_command("REPLICAOF", "NO", "ONE")


def until_in_sync(master: Redis) -> None:
    """Wait until a replica confirms a write that was made just now. Longer than a full synchronization may take."""

    def confirmed() -> bool:
        master.client.set("tests:in-sync", "1")
        return int(master.client.execute_command("WAIT", 1, 200)) >= 1

    eventually(confirmed, 60)
