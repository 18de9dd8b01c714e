"""Many gateways and workers on a cluster of three nodes, and what a certificate takes of each node.

    python -m benchmarks.cluster [--gateways 4] [--workers 16] [--jobs 3000] [--clients 32] [--samples 500]

Workers serve six models that sleep 10 ms a batch, two each, and the models' keys lie on three nodes. Clients send
requests to the gateways in turns, each when its last one is answered. Counted are the processor time of gateways,
workers and nodes, the commands and bytes of each node, and the jobs that have no certificate (lost) at the end. How
fast it is says nothing: all processes share the cores of one machine.

Then, on paper: what 10⁶ certificates an hour take of Redis.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from typing import Any

import httpx2
import psutil

from benchmarks.cluster.nodes import Work, works
from benchmarks.cluster.paper import Costs, taken
from benchmarks.cluster.sleeping_worker import MODELS
from benchmarks.smoke import parse_sizes
from benchmarks.stack import PATIENCE_S, scratch
from smoothgen.queue import keys
from tests.support.cluster import Cluster
from tests.support.processes import Gateway, Process, Worker

MODELS_A_WORKER = 2
HOURLY = 1e6
IDLE_S = 10.0


class SleepingWorker(Worker):
    """A worker of some of MODELS."""

    def __init__(self, redis_url: str, log: Path, *models: str) -> None:
        Process.__init__(
            self, "-m", "benchmarks.cluster.sleeping_worker", log=log, redis_url=redis_url, models=list(models)
        )


class Fleet:
    """A cluster with gateways and workers. Ended by `stack`."""

    def __init__(self, folder: Path, stack: ExitStack, gateways: int, workers: int) -> None:
        self.cluster = stack.enter_context(Cluster(folder / "redis"))
        url = self.cluster.url
        self.gateways = [
            stack.enter_context(Gateway(url, folder / f"gateway-{n}.log", default_wait_s=60)) for n in range(gateways)
        ]
        self.workers = [
            stack.enter_context(SleepingWorker(url, folder / f"worker-{n}.log", *_models_of(n))) for n in range(workers)
        ]
        for gateway in self.gateways:
            gateway.until_ready()
        for worker in self.workers:
            worker.until_ready()

    def cpu_s(self, processes: Sequence[Process]) -> float:
        """Seconds of the processor that some of its processes took so far."""
        times = [psutil.Process(process.popen.pid).cpu_times() for process in processes]
        return float(sum(each.user + each.system for each in times))


def _models_of(worker: int) -> list[str]:
    return [MODELS[(MODELS_A_WORKER * worker + place) % len(MODELS)] for place in range(MODELS_A_WORKER)]


def run_jobs(fleet: Fleet, jobs: int, clients: int, samples: int) -> list[str]:
    """Returns the ids of as many jobs as have a certificate."""

    def ask(client: int) -> list[str]:
        url, done = fleet.gateways[client % len(fleet.gateways)].url, []
        with httpx2.Client(base_url=url, timeout=PATIENCE_S) as http:
            for number in range(client, jobs, clients):
                robustness: dict[str, Any] = {"sigma": 1.0, "tolerance": 0.3, "samples": samples}
                model = MODELS[number // clients % len(MODELS)]
                body = {"model": model, "prompt": "0.0", "seed": number, "robustness": robustness}
                answer = http.post("/generate", json=body).json()
                done += [str(answer["id"])] if "certificate" in answer else []
        return done

    with ThreadPoolExecutor(clients) as pool:
        return [job for done in pool.map(ask, range(clients)) for job in done]


def measure(fleet: Fleet, jobs: int, clients: int, samples: int) -> Costs:
    """Prints what the jobs took. Returns the costs of one."""
    run_jobs(fleet, 2 * clients * len(MODELS), clients, samples)  # imports, scripts and connections are made once
    before, gateways, workers = works(fleet.cluster), fleet.cpu_s(fleet.gateways), fleet.cpu_s(fleet.workers)
    began = time.monotonic()
    done = run_jobs(fleet, jobs, clients, samples)
    seconds = time.monotonic() - began
    gateways, workers = fleet.cpu_s(fleet.gateways) - gateways, fleet.cpu_s(fleet.workers) - workers
    spent = [now.since(then) for now, then in zip(works(fleet.cluster), before, strict=True)]
    total = _sum(spent)
    _print("jobs", f"{jobs} in {seconds:.0f} s, lost {jobs - len(set(done))}")
    _print(
        "CPU a job: gateways, workers, nodes", *(f"{1e6 * s / jobs:,.0f} µs" for s in (gateways, workers, total.cpu_s))
    )
    for name in ("scripts", "commands", "received", "sent", "file", "memory"):
        _print(f"{name} a job", f"{getattr(total, name) / jobs:,.1f}")
    for name in ("scripts", "cpu_s", "memory"):
        _print(f"share of each node, {name}", *(f"{getattr(each, name) / getattr(total, name):.0%}" for each in spent))
    _print("models of each node", *(str(count) for count in _models_of_nodes(fleet.cluster)))
    sizes = [fleet.cluster.client.memory_usage(keys.certificate(job)) for job in done[:: max(1, len(done) // 100)]]
    certificate = sum(sizes) / len(sizes)
    _print("bytes of memory of a certificate", f"{certificate:,.0f}")
    return Costs(
        cpu_us=1e6 * total.cpu_s / jobs,
        gateway_us=1e6 * gateways / jobs,
        wire=(total.received + total.sent) / jobs,
        file=total.file / jobs,
        certificate=certificate,
        rest=total.memory / jobs - certificate,
    )


def idle(fleet: Fleet) -> None:
    """Prints what the nodes are asked while nothing is to be done."""
    before = works(fleet.cluster)
    time.sleep(IDLE_S)
    total = _sum([now.since(then) for now, then in zip(works(fleet.cluster), before, strict=True)])
    _print("idle: scripts, commands a second", f"{total.scripts / IDLE_S:,.0f}", f"{total.commands / IDLE_S:,.0f}")
    _print("idle: cores of the nodes", f"{total.cpu_s / IDLE_S:.3f}")


def _models_of_nodes(cluster: Cluster) -> list[int]:
    owners = [cluster.owner(keys.backlog(model)) for model in MODELS]
    return [owners.count(node) for node in cluster.primaries]


def _sum(spent: Sequence[Work]) -> Work:
    return Work(*(sum(getattr(each, field.name) for each in spent) for field in fields(Work)))


def _print(what: str, *cells: str) -> None:
    print(f"| {what} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateways", type=int, default=4)
    parser.add_argument("--workers", type=int, default=16)
    parser.add_argument("--jobs", type=int, default=3000)
    parser.add_argument("--clients", type=int, default=32, help="requests on their way at once")
    parser.add_argument("--samples", type=int, default=500, help="of each request")
    given = parse_sizes(parser, gateways=1, workers=3, jobs=12, clients=2, samples=64)
    with scratch("cluster") as folder, ExitStack() as stack:
        fleet = Fleet(folder, stack, given.gateways, given.workers)
        costs = measure(fleet, given.jobs, given.clients, given.samples)
        idle(fleet)
    print(f"\n{HOURLY:,.0f} certificates an hour, on paper")
    for what, figure in taken(HOURLY, costs):
        _print(what, figure)


if __name__ == "__main__":
    main()
