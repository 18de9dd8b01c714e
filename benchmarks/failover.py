"""What it costs to wait for a replica before a job is accepted, and what is lost without.

    python -m benchmarks.failover [--seconds 4] [--rounds 3]

Price: one master that syncs every write, one replica, one worker, and two gateways, one of which waits for the replica
(SMOOTHGEN_WAIT_REPLICAS=1). Requests of tier universal, from the request to its certificate, in a closed loop; the two
take turns.

Loss: a gateway accepts jobs while the replica is stopped for two seconds, then the master is killed and the replica
promoted. Counted are the jobs acknowledged in those two seconds and those of them the new master does not know.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load.client import Window, load, request_bytes
from benchmarks.smoke import parse_sizes
from smoothgen.queue import keys
from tests.support.processes import TANH, Gateway, Redis, Worker, eventually

BEHIND_S = 2.0
BODY = {"model": TANH, "prompt": "0.0", "robustness": {"sigma": 1.0, "tier": "universal"}}


def pair(folder: Path, stack: ExitStack) -> tuple[Redis, Redis]:
    """A master and a replica that has its data."""
    servers = [stack.enter_context(Redis(folder / name)) for name in ("master", "replica")]
    for server in servers:
        server.client.config_set("repl-diskless-sync-delay", 0)
    master, replica = servers
    replica.client.execute_command("REPLICAOF", "127.0.0.1", master.port)
    eventually(lambda: replica.client.info("replication")["master_link_status"] == "up")
    return master, replica


def price(folder: Path, seconds: float, rounds: int) -> None:
    """Print requests a second and latencies of both gateways."""
    folder.mkdir()
    with ExitStack() as stack:
        master, _ = pair(folder, stack)
        stack.enter_context(Worker(master.url, folder / "worker.log", TANH)).until_ready()
        gateways = {
            wait: stack.enter_context(Gateway(master.url, folder / f"{wait}.log", wait_replicas=wait)).until_ready()
            for wait in (0, 1)
        }
        request = request_bytes("/generate", json.dumps(BODY).encode(), {})
        for connections in (1, 16):
            found: dict[int, list[Window]] = {0: [], 1: []}
            for _ in range(rounds):
                for wait, gateway in gateways.items():
                    port, quiet = gateway.port, lambda: 0.0
                    window = load(port, request, connections=connections, seconds=seconds, ramp_s=1.0, server_cpu=quiet)
                    found[wait].append(window)
            for wait, windows in found.items():
                rates = sorted(len(w.latencies) / w.seconds for w in windows)
                median_ms = 1000 * statistics.median(w.quantile(0.5) for w in windows)
                spread = ", ".join(f"{rate:.0f}" for rate in rates)
                print(f"{connections:3} at a time, WAIT {wait}: {spread} requests/s, median {median_ms:.1f} ms")


def loss(folder: Path, wait: int) -> None:
    """Print how many acknowledged jobs a failover loses while the replica is behind."""
    folder.mkdir()
    with ExitStack() as stack:
        master, replica = pair(folder, stack)
        stack.enter_context(Worker(master.url, folder / "worker.log", TANH)).until_ready()
        gateway = stack.enter_context(Gateway(master.url, folder / "gateway.log", wait_replicas=wait)).until_ready()
        process, acknowledged = replica.client.info("server")["process_id"], []
        os.kill(process, signal.SIGSTOP)
        until = time.monotonic() + BEHIND_S
        refused = 0
        while time.monotonic() < until:
            answer = gateway.http.post("/generate", json=BODY, headers={"prefer": "respond-async"})
            if answer.status_code in (200, 202):
                acknowledged.append(answer.json()["id"])
            else:
                refused += 1
        master.kill()
        os.kill(process, signal.SIGCONT)
        replica.client.execute_command("REPLICAOF", "NO", "ONE")
        lost = sum(not replica.client.exists(keys.job(job)) for job in acknowledged)
        print(f"WAIT {wait}: {len(acknowledged)} acknowledged, {refused} refused, {lost} of those acknowledged lost")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    given = parse_sizes(parser, seconds=0.5, rounds=1)
    with tempfile.TemporaryDirectory() as scratch:
        price(Path(scratch) / "price", given.seconds, given.rounds)
        for wait in (0, 1):
            loss(Path(scratch) / f"loss-{wait}", wait)


if __name__ == "__main__":
    main()
