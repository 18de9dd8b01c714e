"""A service of its own, jobs to ask about, and generated requests to every operation of its document."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import httpx2
import schemathesis

from tests.generated_requests.sending import Sent, conforming
from tests.service.conftest import ask, finished, submit
from tests.support.processes import FASHION, TANH, Serve, eventually


@dataclass(frozen=True)
class Figures:
    """What a run found. answers: by operation and status. left: work items that were still owed a minute later."""

    cases: int
    operations: int
    seconds: float
    answers: dict[str, dict[str, int]]
    left: int


def some_jobs(http: httpx2.Client) -> list[str]:
    """Returns jobs that ended in different ways: certified, abstained, cancelled, erased, with pictures, without."""
    asked = [
        ask(samples=40),
        ask(samples=40, epsilon=50.0),
        ask(samples=40, tier="fleet"),
        ask(samples=40, tier="universal"),
        ask(samples=40) | {"output": "samples"},
        {"model": TANH, "prompt": "0.5", "robustness": {"samples": 40, "claims": _CLAIMS}},
        {"model": FASHION, "prompt": "a red dress", "robustness": {"samples": 8, "selection_samples": 8}},
        {"model": FASHION, "prompt": "a dress", "robustness": {"samples": 8, "mechanism": "tokens"}},
        ask(samples=40),
    ]
    jobs = [submit(http, body) for body in asked]
    for job in jobs:
        finished(http, job)
    http.delete(f"/jobs/{jobs[-1]}/content")
    cancelled = submit(http, ask(samples=5000))
    http.delete(f"/jobs/{cancelled}")
    return [*jobs, cancelled]


_CLAIMS = [{"score": {"name": "length", "cap": 20}, "at_most": 10}]


def run(cases: int, *, seed: int, folder: Path, at_a_time: int = 20, most_s: float = math.inf) -> Figures:
    """Sends at least this many generated requests, `at_a_time` to each operation in turn, and begins no further turn
    after `most_s` seconds.

    Raises for the first answer that is not as the document says, and for a traceback in the service's log.
    """
    started, sent = time.monotonic(), Sent()
    with Serve(folder / "state", folder / "log", TANH, FASHION) as serve:
        serve.until_serving()
        jobs = some_jobs(serve.http)
        schema = schemathesis.openapi.from_url(f"{serve.url}/openapi.json")
        operations = [(m.upper(), path) for path, methods in schema.raw_schema["paths"].items() for m in methods]
        # Those that change jobs come last, so that the others find them as they were.
        operations.sort(key=lambda each: each[0] == "DELETE")
        while sent.cases < cases and time.monotonic() - started < most_s:
            for method, path in operations:
                conforming(schema, method, path, jobs=jobs, cases=at_a_time, seed=seed, sent=sent)
            seed += 1
            print(f"{sent.cases} requests after {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        left = eventually(lambda: [_owed(serve.http)] if _owed(serve.http) == 0 else None, 120)[0]
        assert "Traceback" not in serve.log, serve.log[-5000:]
    answers = {name: {str(s): n for s, n in sorted(of.items())} for name, of in sent.operations.items()}
    return Figures(sent.cases, len(operations), round(time.monotonic() - started, 1), answers, left)


def _owed(http: httpx2.Client) -> int:
    lines = http.get("/metrics").text.splitlines()
    return int(sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("smoothgen_queue_pieces{")))
