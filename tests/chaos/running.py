"""A chaos run: the same jobs undisturbed and disturbed, and what came of them."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from smoothgen.queue import keys
from tests.chaos.clients import Clients
from tests.chaos.figures import Figures
from tests.chaos.recorded import recorded
from tests.chaos.servers import One, Pair
from tests.chaos.signed import Signed, signed
from tests.chaos.stack import DRAIN_TIMEOUT_S, MODEL, Stack
from tests.chaos.told import Told, judged, register, told
from tests.support.api_keys import ApiKeys
from tests.support.postgres import Postgres
from tests.support.webhook_receiver import Receiver

Outcomes = list[tuple[str, dict[str, Any] | None]]
"""Each job's id and last view, None where it is gone or never ends."""
CLIENTS = 16
TENANT = "clinic"
SETTINGS: dict[str, Any] = {
    "lease_s": 1.0,
    "batch_size": 64,
    "drain_timeout_s": DRAIN_TIMEOUT_S,
    "hang_after_s": 1.0,
    "first_batch_s": 1.0,
}


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

    outcomes: Outcomes
    troubles: Counter[str]
    endings: Counter[str]
    open_at_failover: Counter[str]
    misanswered: Counter[str]
    kept: int
    staying: int
    unrecorded: int
    told: Told
    signed: Signed


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
            for view, (_, expected) in zip(views, undisturbed, strict=True)
            if expected is not None
        ),
        surplus=disturbed.kept - jobs,
        misanswered=dict(disturbed.misanswered.most_common(5)),
        staying=disturbed.staying,
        unrecorded=disturbed.unrecorded,
        **asdict(disturbed.told),
        **asdict(disturbed.signed),
        seconds=round(seconds, 1),
    )


def _undisturbed(folder: Path, bodies: list[dict[str, Any]], quiet: bool) -> Outcomes:
    with ExitStack() as exits:
        servers = One(folder, exits)
        stack = Stack(folder, exits, servers, 1, 1, None, None, batch_size=4096)
        return _outcomes(Clients(stack), bodies, "undisturbed", quiet)


def _disturbed(
    folder: Path, bodies: list[dict[str, Any]], every_s: float, rng: random.Random, kind: type[One], quiet: bool
) -> _Run:
    over = threading.Event()
    troubles: Counter[str] = Counter()
    with ExitStack() as exits:
        servers = kind(folder, exits)
        database = exits.enter_context(Postgres())
        receiver = exits.enter_context(Receiver())
        _, headers = ApiKeys(servers.url).create(TENANT, rate="1000000/min", quota="1000000000/day")
        stack = Stack(folder, exits, servers, 2, 4, rng, database, headers, **SETTINGS)
        register(stack.gateways[0], receiver, headers)
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
        for gateway in stack.gateways:
            gateway.until_ready()
        jobs, endings = [job for job, _ in outcomes], stack.endings()
        in_ledger = recorded(database.url, jobs)
        messages = told(stack.gateways[0], headers, receiver, jobs)
        views = [(job, view) for job, view in outcomes if view is not None]
        return _Run(
            outcomes,
            troubles,
            endings,
            servers.open_at_failover,
            clients.misanswered,
            kept=sum(1 for _ in servers.master.client.scan_iter(keys.of_all_models("job:"), count=1000)),
            staying=staying,
            unrecorded=in_ledger.unrecorded,
            told=judged(messages, jobs, endings),
            signed=signed(stack, TENANT, views, in_ledger.signatures),
        )


def _outcomes(clients: Clients, bodies: list[dict[str, Any]], name: str, quiet: bool) -> Outcomes:
    with ThreadPoolExecutor(CLIENTS) as pool:
        ended = pool.map(clients.outcome, range(len(bodies)), bodies)
        return list(tqdm(ended, total=len(bodies), desc=name, disable=quiet))
