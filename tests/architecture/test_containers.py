"""`make containers` where it cannot run: loud, and no success. Where it can, it takes tens of minutes: not here."""

import os
import subprocess
import sys
from pathlib import Path

from tests.containers.preflight import NOT_RUN

ROOT = Path(__file__).parents[2]


def test_without_root_it_says_that_it_did_not_run():
    # A user namespace without a mapping: nobody there, and still the owner of the checkout.
    apart = ["unshare", "--user"] if os.geteuid() == 0 else []
    command = [*apart, sys.executable, "-m", "tests.containers"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == NOT_RUN == 77
    assert result.stdout == ""
    assert result.stderr.startswith("NOT RUN: no container was started: starting a container engine takes root")
    assert result.stderr.count("\n") == 1
