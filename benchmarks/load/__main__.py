"""Requests a second, latency and CPU of gateway, queue and worker on a null model, against LitServe and BentoML.

    python -m benchmarks.load [--quick] [--rounds 5] [--seconds 2] [--output state/load.json]

Every server gets the same body in the same run, in turns: other programs slow this machine for seconds at a time, and
would slow one side only. CPU is that of all processes of the server's side, Redis included, the client excluded. The
peers are measured as installed, and set up as their documentation recommends for throughput: of a few such settings
each keeps, at each concurrency, the one that answers most requests a second. They persist nothing; ours accepts every
job into an append-only file first, and answers with a certificate.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from benchmarks.load import peers, report
from benchmarks.load.client import LoadFailed, request_bytes
from benchmarks.load.rounds import Row, Side, carries, in_turns
from benchmarks.load.servers import Server, SmoothGen

ROOT = Path(__file__).parents[2]
CONCURRENCIES = (1, 16, 64)
TRIAL_S = 1.0
IDLE_S = 2.0
LIMIT_S = 540
OURS, UNSYNCED = "ours, fsync always", "ours, fsync no"


def _request(model: str, robustness: dict[str, Any]) -> bytes:
    body = json.dumps({"model": model, "prompt": "0.5", "robustness": robustness}).encode()
    return request_bytes("/generate", body, {"Prefer": "wait=30"})


def _try(kind: peers.Kind, settings: peers.Settings, request: bytes, folder: Path) -> dict[str, Any]:
    """One candidate's figures, or its error."""
    try:
        with kind.start(settings, folder) as server:
            side = Side(kind.name, dict.fromkeys(CONCURRENCIES, server), request, carries("id", "output"))
            side.warm()
            rows = [Row(kind.name, c) for c in CONCURRENCIES]
            for row in rows:
                row.add(side.measure(row.connections, TRIAL_S))
    except LoadFailed as error:
        return {"settings": settings, "error": str(error)}
    figures = {
        str(row.connections): {"per_second": row.per_second[0], "server_cpu_us": row.server_cpu_us[0]} for row in rows
    }
    return {"settings": settings, "figures": figures}


def _choose(
    kind: peers.Kind, request: bytes, folder: Path, *, untried: bool
) -> tuple[dict[int, peers.Settings], list[dict[str, Any]]]:
    """At each concurrency the settings that answer most requests a second, and what all of them did."""
    tried: list[dict[str, Any]] = []
    if untried:
        return dict.fromkeys(CONCURRENCIES, kind.candidates[0]), tried
    for number, settings in enumerate(kind.candidates):
        tried.append(_try(kind, settings, request, folder / f"{kind.name}-{number}"))
        print(report.candidate(kind.name, tried[-1]), flush=True)
    working = [trial for trial in tried if "error" not in trial]
    if not working:
        raise LoadFailed(f"{kind.name} answers under none of its settings: {tried[0]['error']}")

    def best(connections: int) -> peers.Settings:
        trial = max(working, key=lambda trial: trial["figures"][str(connections)]["per_second"])
        return dict(trial["settings"])

    return {connections: best(connections) for connections in CONCURRENCIES}, tried


def _peer(
    kind: peers.Kind, name: str, chosen: dict[int, peers.Settings], request: bytes, stack: ExitStack, folder: Path
) -> Side:
    """A server for each of the chosen settings, warm and frozen."""
    started: list[tuple[peers.Settings, Server]] = []
    servers = {}
    for connections, settings in chosen.items():
        known = [server for other, server in started if other == settings]
        server = known[0] if known else stack.enter_context(kind.start(settings, folder / f"{name}-{connections}"))
        started.append((settings, server))
        servers[connections] = server
    side = Side(name, servers, request, carries("id", "output"), freezes=True)
    side.warm()
    return side


def _ours(given: argparse.Namespace, request: bytes, stack: ExitStack, folder: Path) -> list[Side]:
    """One server as several sides, warm."""
    server = stack.enter_context(SmoothGen(given.tree, given.model, folder=folder / "ours"))
    always, never = partial(server.fsync, "always"), partial(server.fsync, "no")
    side = partial(Side, servers=dict.fromkeys(CONCURRENCIES, server), check=carries("id", "output", "certificate"))
    sides = [
        side(OURS, request=request, prepare=always),
        side(UNSYNCED, request=request, prepare=never),
        *(
            side(f"ours, {name}", request=_request(given.model, robustness), prepare=always)
            for name, robustness in given.extra.items()
        ),
    ]
    for each in sides:
        each.warm()
    return sides


def _idle_cores(server: Server) -> float:
    before = server.cpu()
    time.sleep(IDLE_S)
    return (server.cpu() - before) / IDLE_S


def run(given: argparse.Namespace, stack: ExitStack) -> dict[str, Any]:
    """Everything measured, as it is written to the file."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="load-")))
    versions = peers.installed()
    signal.alarm(LIMIT_S)  # from here on, so that a slow installation is no failure
    request = _request(given.model, given.robustness)
    sides: list[Side] = []
    used: dict[str, Any] = {}
    for kind in peers.kinds(os.cpu_count() or 1):
        chosen, tried = _choose(kind, request, folder / "trials", untried=given.quick)
        used[kind.name] = {"version": versions[kind.name.lower()], "settings": chosen, "tried": tried}
        sides.append(_peer(kind, kind.name, chosen, request, stack, folder))
        installed = dict.fromkeys(CONCURRENCIES, kind.as_installed)
        sides.append(_peer(kind, f"{kind.name} as installed", installed, request, stack, folder))
    ours = _ours(given, request, stack, folder)
    idle = _idle_cores(ours[0].servers[1])
    rows = in_turns([*sides, *ours], CONCURRENCIES, given.rounds, given.seconds)
    return {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "tree": str(given.tree),
        "body": request.partition(b"\r\n\r\n")[2].decode(),
        "rounds": given.rounds,
        "seconds": given.seconds,
        "peers": used,
        "ours_idle_cores": idle,
        "rows": [asdict(row) for row in rows],
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="2 short rounds, the peers at their usual best settings")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of each window")
    parser.add_argument("--output", type=Path, default=ROOT / "state" / "load.json")
    parser.add_argument("--tree", type=Path, default=ROOT, help="serve ours from this source tree")
    parser.add_argument("--model", default="closed-form-null")
    parser.add_argument(
        "--robustness", type=json.loads, default={"tier": "universal"}, help="JSON, of the compared row"
    )
    parser.add_argument(
        "--extra",
        type=json.loads,
        default={"fleet tier": {"tier": "fleet"}, "100 samples": {"tier": "request", "samples": 100}},
        help="JSON, name → robustness, of rows without comparison",
    )
    given = parser.parse_args()
    given.rounds = given.rounds or (2 if given.quick else 5)
    given.seconds = given.seconds or (0.7 if given.quick else 2.0)
    given.tree = given.tree.resolve()
    return given


def _give_up(number: int, frame: FrameType | None) -> None:
    del frame
    took = f"; more than {LIMIT_S} s is a failure" if number == signal.SIGALRM else ""
    raise SystemExit(f"stopped by {signal.Signals(number).name}{took}")


def main() -> int:
    """Exit code 1 where anything answered with an error."""
    given = _arguments()
    for number in (signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, _give_up)
    try:
        with ExitStack() as stack:
            results = run(given, stack)
    except LoadFailed as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    finally:
        signal.alarm(0)
    given.output.parent.mkdir(parents=True, exist_ok=True)
    given.output.write_text(json.dumps(results, indent=1) + "\n")
    print(report.table(results, compared=(OURS, UNSYNCED)))
    print(f"written to {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
