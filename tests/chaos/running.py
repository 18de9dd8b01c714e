"""A chaos run: the same jobs undisturbed and disturbed, and what came of them."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from smoothgen.queue import keys
from tests.chaos.clients import Clients
from tests.chaos.recorded import not_recorded_once
from tests.chaos.servers import One, Pair
from tests.chaos.stack import DRAIN_TIMEOUT_S, MODEL, Stack
from tests.support.postgres import Postgres

CLIENTS = 16
SETTINGS: dict[str, Any] = {
    "lease_s": 1.0,
    "batch_size": 64,
    "drain_timeout_s": DRAIN_TIMEOUT_S,
    "hang_after_s": 1.0,
    "first_batch_s": 1.0,
}


@dataclass(frozen=True)
class Figures:
    """What came of it. All of lost, doubled, differing, surplus, misanswered, staying and unrecorded must be 0
    or empty.

    doubled: jobs that ended more often than they may. Once, and once more for each failover to a server that did not
    have their outcome yet: the outcome may have died with the old master, and is then made again. repeated: how often
    jobs ended so again. misanswered: answers to clients that were neither what they asked for nor 503, the commonest
    five and how often. staying: workers that did not end when they were told to. unrecorded: jobs that the ledger does
    not have exactly once; all of them where its chain is broken.
    """

    jobs: int
    troubles: dict[str, int]
    lost: int
    doubled: int
    repeated: int
    differing: int
    surplus: int
    misanswered: dict[str, int]
    staying: int
    unrecorded: int
    seconds: float

    @property
    def sound(self) -> bool:
        """Nothing was lost, doubled, altered, made up or answered otherwise than 503, and every worker ended that was
        told to."""
        wrong = (self.lost, self.doubled, self.differing, self.surplus, self.misanswered, self.staying, self.unrecorded)
        return not any(wrong)


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
    open_at_failover: Counter[str]
    misanswered: Counter[str]
    kept: int
    staying: int
    unrecorded: int = 0


def run(jobs: int, *, every_s: float, seed: int, folder: Path, failover: bool = False, quiet: bool = True) -> Figures:
    """Run the jobs undisturbed, then disturbed, and compare.

    every_s: seconds between the end of a trouble and the next, on average. failover: on a master with a replica.
    """
    rng = random.Random(seed)
    bodies = requests(jobs, rng)
    undisturbed = _undisturbed(folder / "undisturbed", bodies, quiet)
    started = time.monotonic()
    disturbed = _disturbed(folder / "disturbed", bodies, every_s, rng, Pair if failover else One, quiet)
    seconds = time.monotonic() - started
    views = [view for _, view in disturbed.outcomes]
    again = {job: count - 1 for job, count in disturbed.endings.items() if count > 1}
    doubled = {job for job, count in again.items() if count > disturbed.open_at_failover[job]}
    return Figures(
        jobs=jobs,
        troubles=dict(sorted(disturbed.troubles.items())),
        lost=sum(view is None for view in views),
        doubled=len(doubled),
        repeated=sum(count for job, count in again.items() if job not in doubled),
        differing=sum(
            view is not None and substance(view) != substance(expected)
            for view, (_, expected) in zip(views, undisturbed.outcomes, strict=True)
            if expected is not None
        ),
        surplus=disturbed.kept - jobs,
        misanswered=dict(disturbed.misanswered.most_common(5)),
        staying=disturbed.staying,
        unrecorded=disturbed.unrecorded,
        seconds=round(seconds, 1),
    )


def _undisturbed(folder: Path, bodies: list[dict[str, Any]], quiet: bool) -> _Run:
    with ExitStack() as exits:
        servers = One(folder, exits)
        stack = Stack(folder, exits, servers, 1, 1, None, None, batch_size=4096)
        clients = Clients(stack)
        outcomes = _outcomes(clients, bodies, "undisturbed", quiet)
        return _seen(servers, stack, clients, outcomes, Counter(), staying=0)


def _disturbed(
    folder: Path, bodies: list[dict[str, Any]], every_s: float, rng: random.Random, kind: type[One], quiet: bool
) -> _Run:
    over = threading.Event()
    troubles: Counter[str] = Counter()
    with ExitStack() as exits:
        servers = kind(folder, exits)
        database = exits.enter_context(Postgres())
        stack = Stack(folder, exits, servers, 2, 4, rng, database, **SETTINGS)
        clients = Clients(stack)

        def disturb() -> None:
            while not over.wait(rng.expovariate(1 / every_s)):
                troubles[stack.trouble(rng)] += 1

        with ThreadPoolExecutor(1) as pool:
            disturber = pool.submit(disturb)
            try:
                outcomes = _outcomes(clients, bodies, "disturbed", quiet)
            finally:
                over.set()
                disturber.exception()  # waits until the last trouble is over
                staying = stack.until_calm()
            disturber.result()
        unrecorded = not_recorded_once(database.url, [job for job, _ in outcomes])
        seen = _seen(servers, stack, clients, outcomes, troubles, staying=staying)
        return replace(seen, unrecorded=unrecorded)


def _outcomes(
    clients: Clients, bodies: list[dict[str, Any]], name: str, quiet: bool
) -> list[tuple[str, dict[str, Any] | None]]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        ended = pool.map(clients.outcome, range(len(bodies)), bodies)
        return list(tqdm(ended, total=len(bodies), desc=name, disable=quiet))


def _seen(
    servers: One,
    stack: Stack,
    clients: Clients,
    outcomes: list[tuple[str, dict[str, Any] | None]],
    troubles: Counter[str],
    *,
    staying: int,
) -> _Run:
    kept = sum(1 for _ in servers.master.client.scan_iter(keys.of_all_models("job:"), count=1000))
    return _Run(
        outcomes, troubles, stack.endings(), servers.open_at_failover, clients.misanswered, kept, staying=staying
    )
