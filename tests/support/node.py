"""The TypeScript package, with its dependencies installed and its code compiled."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parents[2] / "clients/typescript"


def program(name: str) -> str:
    """Returns where `node` or `npm` lies. Fails with what to install where it is missing."""
    if (found := shutil.which(name)) is None:
        pytest.fail(f"the tests of clients/typescript need Node 20 or later with npm, and {name} is not on the PATH")
    return found


def require_packages() -> None:
    """Installs what the lock file names, once, whichever test process comes first."""
    npm, locked = program("npm"), PACKAGE / "package-lock.json"
    with locked.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = PACKAGE / "node_modules/.package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < locked.stat().st_mtime:
            _require_success(ran(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"))


def compiled(name: str) -> Path:
    """Returns the folder `build/NAME` with the package and all its tests compiled."""
    require_packages()
    folder = PACKAGE / "build" / name
    compiler = str(PACKAGE / "node_modules/.bin/tsc")
    _require_success(ran(compiler, "-p", "tsconfig.json", "--noEmit", "false", "--outDir", str(folder)))
    return folder


def ran(*command: str, standard_input: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a command in the package's folder."""
    return subprocess.run(command, cwd=PACKAGE, input=standard_input, capture_output=True, text=True, check=False)


def _require_success(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, f"{done.args} failed:\n{done.stdout}\n{done.stderr}"
