"""kill -9 of everything at random, under load: is any accepted job lost, ended twice, or certified otherwise?

    python -m tests.chaos [--jobs 2000] [--kill-every 1.0] [--seed 0]

Real processes: an append-only Redis, two gateways, four workers of a closed-form model that sleeps 10 ms a batch. The
same requests, with the same seeds, first run undisturbed through a stack of their own.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx2
from tqdm import tqdm

from smoothgen.queue import keys
from tests.processes import Gateway, Lab, Worker

MODEL = "closed-form-device"
CLIENTS = 16
SETTINGS: dict[str, Any] = {"lease_s": 1.0, "batch_size": 64}
_PATIENCE_S = 300.0
_VICTIMS = ("worker", "worker", "worker", "gateway", "redis")


@dataclass(frozen=True)
class Figures:
    """What came of it. All of lost, doubled, differing and surplus must be 0."""

    jobs: int
    kills: dict[str, int]
    lost: int
    doubled: int
    differing: int
    surplus: int
    seconds: float


def requests(count: int, rng: random.Random) -> list[dict[str, Any]]:
    """Bodies of every kind that ends with the same certificate whenever it is run."""
    bodies = []
    for number in range(count):
        kind = number % 5
        robustness: dict[str, Any] = {"sigma": rng.choice([0.5, 1.0]), "tolerance": 0.2, "selection_samples": 16}
        robustness |= [
            {"samples": rng.randrange(100, 1500)},
            {"samples": 2000, "epsilon": rng.uniform(0.1, 0.8)},
            {"samples": 2000, "radius_tolerance": 0.05},
            {"samples": rng.randrange(1500, 4000)},
            {"tier": "universal"},
        ][kind]
        bodies.append(
            {
                "model": MODEL,
                "prompt": f"{rng.uniform(-1, 1):.3f}",
                "robustness": robustness,
                "priority": rng.choice(["high", "normal", "low"]),
                "seed": rng.randrange(2**32),
            }
        )
    return bodies


class Stack:
    """Gateways and workers that can be killed, and are replaced at once."""

    def __init__(self, lab: Lab, gateways: int, workers: int, **settings: Any) -> None:
        self._lab, self._settings, self._count = lab, settings, 0
        self.workers = [self._worker() for _ in range(workers)]
        self.gateways = [lab.keep(self._gateway(None)).until_ready() for _ in range(gateways)]

    def _log(self) -> Path:
        self._count += 1
        return self._lab.folder / f"process-{self._count}.log"

    def _worker(self) -> Worker:
        return self._lab.keep(Worker(self._lab.redis.url, self._log(), MODEL, **self._settings))

    def _gateway(self, port: int | None) -> Gateway:
        return Gateway(self._lab.redis.url, self._log(), port=port, default_wait_s=0)

    def kill_one(self, rng: random.Random) -> str:
        """kill -9 of a random process, which comes back by itself."""
        victim = rng.choice(_VICTIMS)
        if victim == "redis":
            self._lab.redis.kill()
            time.sleep(rng.uniform(0.0, 0.5))
            self._lab.redis.start()
        elif victim == "gateway":
            place = rng.randrange(len(self.gateways))
            old = self.gateways[place]
            old.kill()
            self.gateways[place] = self._lab.keep(self._gateway(old.port))
        else:
            place = rng.randrange(len(self.workers))
            self.workers[place].kill()
            self.workers[place] = self._worker()
        return victim

    def endings(self) -> Counter[str]:
        """How often a worker stored a first outcome of each job, by their logs."""
        ended: Counter[str] = Counter()
        for log in self._lab.folder.glob("process-*.log"):
            for line in log.read_text(errors="replace").splitlines():
                if '"jobs_ended"' in line:
                    ended.update(list(json.loads(line)["jobs"]))
                elif '"job_failed"' in line:
                    ended[json.loads(line)["job"]] += 1
        return ended


class Clients:
    """Clients that do not give up: another gateway, another try, the same idempotency key."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def outcome(self, number: int, body: dict[str, Any]) -> tuple[str, dict[str, Any] | None]:
        """The job's id and its view when it has ended; None where it is gone or never ends."""
        deadline = time.monotonic() + _PATIENCE_S
        headers = {"prefer": "respond-async", "idempotency-key": f"job-{number}"}
        accepted = self._until(
            deadline, number, lambda http: http.post("/generate", json=body, headers=headers), (200, 202)
        )
        job = str(accepted["id"])
        view = accepted
        while view["status"] in ("queued", "running"):
            if time.monotonic() > deadline:
                return job, None
            view = self._until(
                deadline, number, lambda http: http.get(f"/jobs/{job}", headers={"prefer": "wait=5"}), (200, 404)
            )
            if "status" not in view or view["status"] == 404:
                return job, None
        return job, view

    def _until(
        self,
        deadline: float,
        number: int,
        call: Callable[[httpx2.Client], httpx2.Response],
        accepted: tuple[int, ...],
    ) -> dict[str, Any]:
        reason: object = None
        for attempt in range(10**6):
            if time.monotonic() > deadline:
                break
            gateway = self._stack.gateways[(number + attempt) % len(self._stack.gateways)]
            try:
                with httpx2.Client(base_url=gateway.url, timeout=10) as http:
                    response = call(http)
                if response.status_code in accepted:
                    return dict(response.json())
                reason = response.text
            except httpx2.TransportError as error:
                reason = error
            time.sleep(0.05)
        raise AssertionError(f"job {number}: no gateway answered for {_PATIENCE_S} s; the last said {reason}")


def substance(view: dict[str, Any]) -> Any:
    """Everything a job came to, without the name and the hour it was made under, and without what it took."""
    certificate = {
        k: v for k, v in view.get("certificate", {}).items() if k not in ("id", "requested_at", "digest", "request")
    }
    return view["status"], view.get("output"), certificate, view.get("abstention")


def run(jobs: int, *, kill_every_s: float, seed: int, folder: Path, quiet: bool = True) -> Figures:
    """Run the jobs undisturbed, then disturbed, and compare."""
    rng = random.Random(seed)
    bodies = requests(jobs, rng)
    undisturbed = _collected(folder / "undisturbed", bodies, None, rng, quiet)[0]
    started = time.monotonic()
    disturbed, kills, endings, kept = _collected(folder / "disturbed", bodies, kill_every_s, rng, quiet)
    seconds = time.monotonic() - started
    views = [view for _, view in disturbed]
    return Figures(
        jobs=jobs,
        kills=dict(kills),
        lost=sum(view is None for view in views),
        doubled=sum(count > 1 for count in endings.values()),
        differing=sum(
            view is not None and substance(view) != substance(expected)
            for view, (_, expected) in zip(views, undisturbed, strict=True)
            if expected is not None
        ),
        surplus=kept - jobs,
        seconds=round(seconds, 1),
    )


def _collected(
    folder: Path, bodies: list[dict[str, Any]], kill_every_s: float | None, rng: random.Random, quiet: bool
) -> tuple[list[tuple[str, dict[str, Any] | None]], Counter[str], Counter[str], int]:
    folder.mkdir(parents=True)
    lab = Lab(folder)
    disturbed = kill_every_s is not None
    try:
        stack = Stack(lab, 2, 4, **SETTINGS) if disturbed else Stack(lab, 1, 1, **(SETTINGS | {"batch_size": 4096}))
        kills: Counter[str] = Counter()
        over = threading.Event()

        def disturb() -> None:
            while not over.wait(rng.expovariate(1 / (kill_every_s or 1))):
                kills[stack.kill_one(rng)] += 1

        killer = threading.Thread(target=disturb)
        if disturbed:
            killer.start()
        try:
            clients = Clients(stack)
            with ThreadPoolExecutor(CLIENTS) as pool:
                outcomes = list(
                    tqdm(
                        pool.map(clients.outcome, range(len(bodies)), bodies),
                        total=len(bodies),
                        desc="disturbed" if disturbed else "undisturbed",
                        disable=quiet,
                    )
                )
        finally:
            over.set()
            if disturbed:
                killer.join()
        kept = sum(1 for _ in lab.redis.client.scan_iter(keys.of_all_models("job:"), count=1000))
        return outcomes, kills, stack.endings(), kept
    finally:
        lab.close()


def main() -> int:
    """Print the figures; exit code 1 unless nothing was lost, doubled, altered or made up."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--kill-every", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(
            given.jobs, kill_every_s=given.kill_every, seed=given.seed, folder=Path(folder) / "chaos", quiet=False
        )
    print(json.dumps(asdict(figures), indent=2))
    return int(bool(figures.lost or figures.doubled or figures.differing or figures.surplus))


if __name__ == "__main__":
    sys.exit(main())
