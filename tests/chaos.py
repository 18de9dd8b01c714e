"""Trouble of every kind at random, under load: is any accepted job lost, ended twice, or certified otherwise?

    python -m tests.chaos [--jobs 2000] [--every 1.0] [--seed 0]

kill -9 of workers, gateways and Redis; the same stopped for seconds (SIGSTOP) and continued; workers whose device
hangs, which then goes on or is told to stop; and every worker's clock is off by up to a minute. Real processes: an
append-only Redis, two gateways, four workers of a closed-form model that sleeps 10 ms a batch. The same requests, with
the same seeds, first run undisturbed through a stack of their own.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
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

from smoothgen.draining import GOODBYE_S, GRACE_S
from smoothgen.queue import keys
from tests.processes import Gateway, HangingWorker, Lab, Process, Worker

MODEL = "closed-form-device"
CLIENTS = 16
SETTINGS: dict[str, Any] = {
    "lease_s": 1.0,
    "batch_size": 64,
    "drain_timeout_s": 1.0,
    "hang_after_s": 1.0,
    "first_batch_s": 1.0,
}
_PATIENCE_S = 300.0
_TROUBLE_S = 4.0
"""The longest a process hangs or is stopped: several leases, and less than clients wait."""
_SKEW_S = 60.0
_KILLS = ("kill worker", "kill worker", "kill gateway", "kill redis")
_TROUBLES = ("hang worker", "hang worker", "stop worker", "stop gateway", "stop redis")


@dataclass(frozen=True)
class Figures:
    """What came of it. All of lost, doubled, differing, surplus and staying must be 0.

    staying: workers that did not end when they were told to.
    """

    jobs: int
    troubles: dict[str, int]
    lost: int
    doubled: int
    differing: int
    surplus: int
    staying: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Nothing was lost, doubled, altered or made up, and every worker ended that was told to."""
        return not (self.lost or self.doubled or self.differing or self.surplus or self.staying)


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
    """Gateways and workers that get into trouble, and are replaced at once where they end."""

    def __init__(self, lab: Lab, gateways: int, workers: int, rng: random.Random | None, **settings: Any) -> None:
        """rng: decides what troubles come; None where none do."""
        self._lab, self._settings, self._rng, self._count = lab, settings, rng, 0
        self._lock = threading.Lock()
        self._later: list[threading.Timer] = []
        self._leaving: list[Worker] = []
        self.workers = [self._worker() for _ in range(workers)]
        self.gateways = [lab.keep(self._gateway(None)).until_ready() for _ in range(gateways)]

    def _log(self) -> Path:
        self._count += 1
        return self._lab.folder / f"process-{self._count}.log"

    def _worker(self) -> HangingWorker:
        skew_s = 0.0 if self._rng is None else self._rng.uniform(-_SKEW_S, _SKEW_S)
        return self._lab.keep(HangingWorker(self._lab.redis.url, self._log(), MODEL, skew_s=skew_s, **self._settings))

    def _gateway(self, port: int | None) -> Gateway:
        return Gateway(self._lab.redis.url, self._log(), port=port, default_wait_s=0)

    def trouble(self, rng: random.Random) -> str:
        """One trouble of a random process, which is over by itself."""
        kind = rng.choice(rng.choice((_KILLS, _TROUBLES)))
        what, whom = kind.split()
        with self._lock:
            if whom == "redis":
                self._redis(what, rng)
            elif whom == "gateway":
                self._gateway_in_trouble(what, rng)
            else:
                self._worker_in_trouble(what, rng)
        return kind

    def _redis(self, what: str, rng: random.Random) -> None:
        if what == "kill":
            self._lab.redis.kill()
            time.sleep(rng.uniform(0.0, 0.5))
            self._lab.redis.start()
        else:
            self._lab.redis.signal(signal.SIGSTOP)
            time.sleep(rng.uniform(0.1, _TROUBLE_S))
            self._lab.redis.signal(signal.SIGCONT)

    def _gateway_in_trouble(self, what: str, rng: random.Random) -> None:
        place = rng.randrange(len(self.gateways))
        old = self.gateways[place]
        if what == "kill":
            old.kill()
            self.gateways[place] = self._lab.keep(self._gateway(old.port))
        else:
            self._stop(old, rng)

    def _worker_in_trouble(self, what: str, rng: random.Random) -> None:
        place = rng.randrange(len(self.workers))
        old = self.workers[place]
        if what == "kill":
            old.kill()
            self.workers[place] = self._worker()
        elif what == "stop":
            self._stop(old, rng)
        else:
            old.hang(rng.choice(("generate", "generate", "condition", "look")))
            then = self._tell_to_stop if rng.random() < 0.5 else HangingWorker.go_on
            self._after(rng.uniform(0.0, _TROUBLE_S), lambda: then(old))

    def _stop(self, process: Process, rng: random.Random) -> None:
        process.signal(signal.SIGSTOP)
        self._after(rng.uniform(0.1, _TROUBLE_S), lambda: process.signal(signal.SIGCONT))

    def _tell_to_stop(self, worker: HangingWorker) -> None:
        """SIGTERM in the middle of a hang, which goes on."""
        with self._lock:
            if worker not in self.workers:  # killed meanwhile
                return
            worker.signal(signal.SIGTERM)
            self._leaving.append(worker)
            self.workers[self.workers.index(worker)] = self._worker()

    def _after(self, seconds: float, step: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, step)
        self._later.append(timer)
        timer.start()

    def until_calm(self) -> int:
        """Wait until all troubles are over. Returns how many workers stay that were told to stop."""
        for timer in self._later:
            timer.join()
        staying = 0
        for worker in self._leaving:
            try:
                worker.wait(SETTINGS["drain_timeout_s"] + GRACE_S + GOODBYE_S + 30)
            except subprocess.TimeoutExpired:
                staying += 1
        return staying

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


@dataclass(frozen=True)
class _Run:
    """Every job's id and last view, and what else there is to count."""

    outcomes: list[tuple[str, dict[str, Any] | None]]
    troubles: Counter[str]
    endings: Counter[str]
    kept: int
    staying: int


def run(jobs: int, *, every_s: float, seed: int, folder: Path, quiet: bool = True) -> Figures:
    """Run the jobs undisturbed, then disturbed, and compare. every_s: seconds between two troubles, on average."""
    rng = random.Random(seed)
    bodies = requests(jobs, rng)
    undisturbed = _collected(folder / "undisturbed", bodies, None, rng, quiet)
    started = time.monotonic()
    disturbed = _collected(folder / "disturbed", bodies, every_s, rng, quiet)
    seconds = time.monotonic() - started
    views = [view for _, view in disturbed.outcomes]
    return Figures(
        jobs=jobs,
        troubles=dict(sorted(disturbed.troubles.items())),
        lost=sum(view is None for view in views),
        doubled=sum(count > 1 for count in disturbed.endings.values()),
        differing=sum(
            view is not None and substance(view) != substance(expected)
            for view, (_, expected) in zip(views, undisturbed.outcomes, strict=True)
            if expected is not None
        ),
        surplus=disturbed.kept - jobs,
        staying=disturbed.staying,
        seconds=round(seconds, 1),
    )


def _collected(
    folder: Path, bodies: list[dict[str, Any]], every_s: float | None, rng: random.Random, quiet: bool
) -> _Run:
    folder.mkdir(parents=True)
    lab = Lab(folder)
    disturbed = every_s is not None
    try:
        stack = Stack(lab, 2, 4, rng, **SETTINGS) if disturbed else Stack(lab, 1, 1, None, batch_size=4096)
        troubles: Counter[str] = Counter()
        over = threading.Event()

        def disturb() -> None:
            while not over.wait(rng.expovariate(1 / (every_s or 1))):
                troubles[stack.trouble(rng)] += 1

        disturber = threading.Thread(target=disturb)
        if disturbed:
            disturber.start()
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
                disturber.join()
            staying = stack.until_calm()
        kept = sum(1 for _ in lab.redis.client.scan_iter(keys.of_all_models("job:"), count=1000))
        return _Run(outcomes, troubles, stack.endings(), kept, staying)
    finally:
        lab.close()


def main() -> int:
    """Print the figures; exit code 1 unless they are sound."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(given.jobs, every_s=given.every, seed=given.seed, folder=Path(folder) / "chaos", quiet=False)
    print(json.dumps(asdict(figures), indent=2))
    return int(not figures.sound)


if __name__ == "__main__":
    sys.exit(main())
