"""Are the images what they promise, and does the compose file run on them?

    python -m tests.containers [--out FOLDER] [--keep FOLDER]

Builds both targets of the Dockerfile on a base of Debian's packages, writes an SBOM of each, and brings the compose
file up in an engine of its own: a certified text and picture over HTTP, two workers, gateway and workers replaced under
load. Stand-ins of Debian's packages take the place of the images of Redis and Prometheus; Grafana is left out. Takes
root, for the engine. Exit code 77: it did not run, and one sentence says why.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.containers.engine import ROOT, tool
from tests.containers.namespaces import isolated, remove_control_groups
from tests.containers.places import Places
from tests.containers.preflight import NOT_RUN, not_run, why_not
from tests.containers.steps import Steps

_HALVES = {"images": True, "scenario": False}
"""The halves of a run, and whether each has the machine's network."""


def main() -> int:
    """Run both halves and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.containers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="keep SBOMs, the steps and logs of a failure here")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep images here for the next run; some 8 GB")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    reason = why_not(Path(tempfile.gettempdir()))
    if reason is not None:
        not_run(reason)
        return NOT_RUN
    folder = Path(tempfile.mkdtemp(prefix="containers-"))
    try:
        at = Places(folder, (given.keep or folder / "data").resolve(), (given.out or folder / "out").resolve())
        for made in (at.data, at.out):
            made.mkdir(parents=True, exist_ok=True)
        at.steps.unlink(missing_ok=True)
        return _run(at)
    finally:
        remove_control_groups(folder.name)
        shutil.rmtree(folder)


def _run(at: Places) -> int:
    for half, network in _HALVES.items():
        command = [tool("python"), "-m", f"tests.containers.{half}", str(at.folder), str(at.data), str(at.out)]
        process = subprocess.Popen(isolated(command, network=network), cwd=ROOT)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.wait()  # the half was interrupted too, and is removing what it started
            raise
        finally:
            process.kill()
        if code != 0:
            break
    if code != NOT_RUN:
        print(f"\n{Steps(at.steps).table()}\n")
        print("containers: FAILED" if code else "containers: passed")
    return code


if __name__ == "__main__":
    sys.exit(main())
