"""Jobs that one revision queued, kept as what it wrote to Redis: `python -m tests.golden.queued <revision>`.

The command starts a Redis, a gateway and a worker, lets one job begin and others wait, and writes every key of Redis
to queued-<revision>.json. Then it lets its own worker finish the jobs and adds the sha256 of their certificates.
"""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import redis

from smoothgen.queue import keys
from tests.support.processes import SLOW, TANH, Gateway, Lab, Worker, eventually

FOLDER: Final = Path(__file__).parent
CALIBRATIONS: Final = str(FOLDER / "calibrations")
_WAITING: Final[list[dict[str, Any]]] = [
    {
        "model": TANH,
        "prompt": "0.25",
        "output": "sample",
        "robustness": {"sigma": 1.0, "metric": {"name": "absolute", "cap": 0.5}, "radius_tolerance": 0.1},
    },
    {"model": TANH, "prompt": "0.0", "priority": "low", "robustness": {"budget": 0.1, "adapt": "prompt"}},
    {"model": TANH, "prompt": "0.5", "seed": 7, "robustness": {"sigma": 1.0, "tier": "universal"}},
]
_BEGUN: Final[dict[str, Any]] = {
    "model": SLOW,
    "prompt": "0.25",
    "robustness": {"sigma": 1.0, "tolerance": 0.3, "samples": 400, "selection_samples": 16},
}


def worker_of(lab: Lab) -> Worker:
    """Returns a worker whose batches are so small that the job that begins takes seconds."""
    return lab.worker(TANH, SLOW, calibrations=CALIBRATIONS, batch_size=8, drain_timeout_s=0)


def restore(lab: Lab, kept: dict[str, str]) -> None:
    """Writes keys as `_kept` returns them to an empty Redis. None of them expires any more."""
    with redis.Redis(port=lab.redis.port) as client:
        for key, value in kept.items():
            client.restore(key, 0, base64.b64decode(value))


def certificate_sha256(lab: Lab, job: str) -> str:
    """Waits until a job has its certificate, and returns the sha256 of the text that is stored."""
    text = eventually(lambda: lab.redis.client.get(keys.certificate(job)), 60)
    return hashlib.sha256(str(text).encode()).hexdigest()


def _kept(lab: Lab) -> dict[str, str]:
    """Returns every key of Redis that does not expire, with its value as DUMP writes it, in base64."""
    with redis.Redis(port=lab.redis.port) as client:
        lasting = sorted(key for key in client.scan_iter() if client.pttl(key) < 0)
        return {key.decode(): base64.b64encode(client.dump(key)).decode() for key in lasting}


def _submit(gateway: Gateway, body: dict[str, Any]) -> str:
    answer = gateway.http.post("/generate", json=body, headers={"prefer": "respond-async"})
    answer.raise_for_status()
    return str(answer.json()["id"])


def record(lab: Lab) -> dict[str, Any]:
    """Returns what is kept: the keys of Redis, and the sha256 of the certificate of every job."""
    worker, gateway = worker_of(lab), lab.gateway()
    begun = _submit(gateway, _BEGUN)
    eventually(lambda: lab.redis.client.hlen(keys.distances(begun)) > 0, 60)
    worker.signal(signal.SIGTERM)
    worker.wait()
    jobs = [begun, *(_submit(gateway, body) for body in _WAITING)]
    written = _kept(lab)
    worker_of(lab)
    return {"keys": written, "certificates": {job: certificate_sha256(lab, job) for job in jobs}}


if __name__ == "__main__":
    [revision] = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        laboratory = Lab(Path(folder))
        try:
            recorded = record(laboratory)
        finally:
            laboratory.close()
    (FOLDER / f"queued-{revision}.json").write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")
