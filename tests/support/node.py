"""The TypeScript package, with its dependencies installed and its code compiled."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).parents[2] / "clients/typescript"
_BUILD: Final = PACKAGE / "build/server"


def require_packages() -> None:
    """Installs what the lock file names, once, whichever test process comes first."""
    with (PACKAGE / "package-lock.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (PACKAGE / "node_modules/.bin/openapi-typescript").exists():
            _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")


def compiled() -> Path:
    """Returns the folder of the compiled package and its tests against a server."""
    require_packages()
    _run("node_modules/.bin/tsc", "-p", "tsconfig.json", "--noEmit", "false", "--outDir", str(_BUILD))
    return _BUILD


def _run(*command: str) -> None:
    ran = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, timeout=500, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
