"""LitServe and BentoML: where they are installed, how they are started, and which of their settings serves best."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.load.servers import Server, free_port

HERE = Path(__file__).parent
VENV = HERE.parent / ".venv"
REQUIREMENTS = HERE.parent / "requirements.txt"
INSTALL_S = 300
QUIET = {"BENTOML_DO_NOT_TRACK": "True", "DO_NOT_TRACK": "1", "OTEL_SDK_DISABLED": "true"}
"""What turns usage reports and traces off in the peers and in the libraries below them."""

Settings = dict[str, Any]


def installed() -> dict[str, str]:
    """Make the peers' virtual environment where it is missing or of other requirements. Returns their versions."""
    stamp, wanted = VENV / "requirements.sha256", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {REQUIREMENTS.name} into {VENV} …", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True, timeout=INSTALL_S)
        pip = [str(VENV / "bin/python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True, timeout=INSTALL_S)
        stamp.write_text(wanted)
    ask = "import json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in ('litserve', 'bentoml')}))"
    answer = subprocess.run([str(VENV / "bin/python"), "-c", ask], check=True, timeout=60, capture_output=True)
    return dict(json.loads(answer.stdout))


class _Peer(Server):
    """Run by its own Python, frozen while others are measured."""

    def __init__(self, command: list[str], port: int, settings: Settings, folder: Path) -> None:
        environment = {
            **QUIET,
            "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}",
            "BENTOML_HOME": str(folder / "bentoml"),
            "PEER_SETTINGS": json.dumps({**settings, "port": port}),
        }
        super().__init__(command, port=port, folder=folder, cwd=HERE, environment=environment)


class LitServe(_Peer):
    """`LitServer.run`."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__([str(VENV / "bin/python"), "null_litserve.py"], free_port(), settings, folder)


class BentoML(_Peer):
    """`bentoml serve`."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        port = free_port()
        command = [str(VENV / "bin/bentoml"), "serve", "null_bentoml:Null", "--host", "127.0.0.1", "--port", str(port)]
        super().__init__(command, port, settings, folder)


@dataclass(frozen=True)
class Kind:
    """A peer and the settings worth a try, a good one for all concurrencies first: --quick takes it untried."""

    name: str
    start: Callable[[Settings, Path], Server]
    candidates: list[Settings]
    as_installed: Settings
    """What it does where nobody sets anything."""


def _litserve(workers: int, api_servers: int, *, fast_queue: bool, batch_size: int = 1, wait_s: float = 0) -> Settings:
    return {
        "workers": workers,
        "api_servers": api_servers,
        "fast_queue": fast_queue,
        "batch_size": batch_size,
        "batch_timeout_s": wait_s,
    }


def kinds(cores: int) -> list[Kind]:
    """The peers with their candidates for so many cores.

    LitServe documents a worker a core on CPUs, as many API servers as workers, the ZeroMQ queue above 100 requests a
    second, and batches with a short wait. BentoML documents async methods, a worker a core, and adaptive batching.
    """
    return [
        Kind(
            "LitServe",
            LitServe,
            [
                _litserve(1, cores, fast_queue=True),
                _litserve(1, cores, fast_queue=False, batch_size=64, wait_s=0.005),
                _litserve(1, cores, fast_queue=True, batch_size=64, wait_s=0.005),
                _litserve(cores, cores, fast_queue=True),
                _litserve(cores, cores, fast_queue=False),
                _litserve(1, 1, fast_queue=False),
            ],
            as_installed=_litserve(1, 1, fast_queue=False),
        ),
        Kind(
            "BentoML",
            BentoML,
            [
                {"workers": cores, "batching": False},
                {"workers": 1, "batching": False},
                {"workers": cores, "batching": True},
                {"workers": 1, "batching": True},
            ],
            as_installed={"workers": 1, "batching": False},
        ),
    ]
