"""The gateways and workers of a chaos run, and the trouble they get into."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from smoothgen.process.draining import GOODBYE_S, GRACE_S
from tests.chaos import told
from tests.chaos.servers import LONGEST_STOP_S, One
from tests.support.postgres import Postgres
from tests.support.processes import Gateway, HangingWorker, Process, Worker, free_port

MODEL = "closed-form-device"
DRAIN_TIMEOUT_S = 1.0
_SKEW_S = 60.0
_SECRET = "a secret that both gateways share, and no worker"
_KILLS = ("kill worker", "kill worker", "kill gateway")
_STOPS = ("hang worker", "hang worker", "stop worker", "stop gateway")


class Stack:
    """Gateways and workers that get into trouble, and are replaced at once where they end."""

    def __init__(
        self,
        folder: Path,
        exits: ExitStack,
        servers: One,
        gateways: int,
        workers: int,
        rng: random.Random | None,
        database: Postgres | None,
        headers: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        """folder: for logs. exits: ends what is started here. rng: of the clocks of workers; None where all agree.
        database: of the ledger; None where none is kept, nothing is signed and no webhook is sent. headers: of every
        request."""
        self.headers = dict(headers or {})
        self._folder, self._exits, self._servers = folder, exits, servers
        self._settings, self._rng, self._database, self._count = settings, rng, database, 0
        self._lock = threading.Lock()
        self._later: list[threading.Timer] = []
        self._leaving: list[Worker] = []
        self.workers = [self._worker() for _ in range(workers)]
        self.gateways = [exits.enter_context(self._gateway(None)).until_ready() for _ in range(gateways)]

    def _log(self) -> Path:
        self._count += 1
        return self._folder / f"process-{self._count}.log"

    def _worker(self) -> HangingWorker:
        skew_s = 0.0 if self._rng is None else self._rng.uniform(-_SKEW_S, _SKEW_S)
        return self._exits.enter_context(
            HangingWorker(self._servers.url, self._log(), MODEL, skew_s=skew_s, **self._settings)
        )

    def _gateway(self, port: int | None) -> Gateway:
        port = port or free_port()
        settings = {**self._servers.gateway_settings, **self._parts(self._database, port)}
        return Gateway(self._servers.url, self._log(), port=port, default_wait_s=0, **settings)

    def _parts(self, database: Postgres | None, port: int) -> dict[str, Any]:
        """The settings of what is on beside the service's core. Every gateway signs by a folder of its own."""
        if database is None:
            return {}
        signing = {"signing_keys": str(self._folder / f"keys-{port}"), "signing_secret": _SECRET}
        return {"ledger_url": database.url, **signing, **told.SETTINGS}

    def trouble(self, rng: random.Random) -> str:
        """One trouble of a random process, which is over by itself."""
        servers = self._servers
        kills, stops, fills = (*_KILLS, *servers.kills), (*_STOPS, *servers.stops), tuple(servers.fills)
        kills = kills if self._database is None else (*kills, "kill database")
        failovers = [tuple(servers.failovers)] if servers.failovers else []
        kind = rng.choice(rng.choice([kills, kills, stops, stops, fills, *failovers]))
        of_servers = servers.kills | servers.stops | servers.fills | servers.failovers
        with self._lock:
            if kind in of_servers:
                of_servers[kind](rng)
                return kind
            what, whom = kind.split()
            if whom == "database":
                self._kill_database(rng)
            elif whom == "gateway":
                self._gateway_in_trouble(what, rng)
            else:
                self._worker_in_trouble(what, rng)
        return kind

    def _kill_database(self, rng: random.Random) -> None:
        assert self._database is not None
        self._database.kill()
        time.sleep(rng.uniform(0.0, LONGEST_STOP_S))
        self._database.start()

    def _gateway_in_trouble(self, what: str, rng: random.Random) -> None:
        place = rng.randrange(len(self.gateways))
        old = self.gateways[place]
        if what == "kill":
            old.kill()
            self.gateways[place] = self._exits.enter_context(self._gateway(old.port))
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
            self._after(rng.uniform(0.0, LONGEST_STOP_S), lambda: then(old))

    def _stop(self, process: Process, rng: random.Random) -> None:
        process.signal(signal.SIGSTOP)
        self._after(rng.uniform(0.1, LONGEST_STOP_S), lambda: process.signal(signal.SIGCONT))

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
                worker.wait(DRAIN_TIMEOUT_S + GRACE_S + GOODBYE_S + 30)
            except subprocess.TimeoutExpired:
                staying += 1
        return staying

    def endings(self) -> Counter[str]:
        """How often a worker stored a first outcome of each job, by their logs."""
        ended: Counter[str] = Counter()
        for log in self._folder.glob("process-*.log"):
            for line in log.read_text(errors="replace").splitlines():
                if '"jobs_ended"' in line:
                    ended.update(list(json.loads(line)["jobs"]))
                elif '"job_failed"' in line:
                    ended[json.loads(line)["job"]] += 1
        return ended
