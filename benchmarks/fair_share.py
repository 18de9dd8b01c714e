"""How long a small request waits behind another tenant's large ones, and behind its own tenant's.

    python -m benchmarks.fair_share

One gateway, and one worker of `closed-form-slow`, which sleeps 50 ms a batch. 49 requests of 2,000 samples are accepted
under key a, then one of 64 samples: once under key b, which is another tenant's, once under key a. Printed is the time
from sending that one to its outcome.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2

from tests.support.processes import SLOW, Lab

LARGE, MANY, SMALL = 2000, 49, 64
PATIENCE_S = 600.0


def body(samples: int) -> dict[str, Any]:
    robustness = {"sigma": 1.0, "tolerance": 0.3, "samples": samples}
    return {"model": SLOW, "prompt": "0.0", "robustness": robustness}


def waited(folder: Path, tenant: str) -> tuple[float, int]:
    """Seconds the small request of a tenant waits, and how many of the large ones have ended by then."""
    with closing(Lab(folder)) as lab:
        gateway = lab.gateway(api_keys=["a:key-a", "b:key-b"])
        lab.worker(SLOW)

        def ask(method: str, path: str, of: str, prefer: str, **content: Any) -> dict[str, Any]:
            headers = {"authorization": f"Bearer key-{of}", "prefer": prefer}
            response: httpx2.Response = gateway.http.request(method, path, headers=headers, **content)
            response.raise_for_status()
            return dict(response.json())

        large = [ask("POST", "/generate", "a", "respond-async", json=body(LARGE))["id"] for _ in range(MANY)]
        started = time.monotonic()
        view = ask("POST", "/generate", tenant, "respond-async", json=body(SMALL))
        while view["status"] in ("queued", "running"):
            if time.monotonic() - started > PATIENCE_S:
                raise TimeoutError(f"the small request of tenant {tenant} has not ended after {PATIENCE_S:.0f} s")
            view = ask("GET", f"/jobs/{view['id']}", tenant, "wait=30")
        seconds = time.monotonic() - started
        views = [ask("GET", f"/jobs/{job}", "a", "respond-async") for job in large]
        return seconds, sum(view["status"] == "succeeded" for view in views)


def main() -> None:
    for tenant in ("b", "a"):
        with tempfile.TemporaryDirectory() as folder:
            seconds, ended = waited(Path(folder), tenant)
        print(f"under key {tenant}: {seconds:.1f} s; {ended} of {MANY} large requests of key a had ended by then")


if __name__ == "__main__":
    main()
