"""Draws the shipped dashboards with Grafana's own components: python tools/dashboards/draw.py --minutes 10 FOLDER

Starts two gateways, two workers, Prometheus and traffic of two tenants, waits, and draws every row of every dashboard
as a picture. Needs Debian's prometheus and chromium, Node 20, and `npm ci` in this folder. Not Grafana's server:
template variables are at "all", and only time series and stats are drawn, which is all that the dashboards have.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.monitored import monitored  # noqa: E402 - the path above makes it known


def main() -> int:
    """Returns the exit code of the drawing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--minutes", type=float, default=10, help="of traffic before the pictures (default: 10)")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, monitored(Path(scratch), every="5s") as running:
        time.sleep(60 * asked.minutes)
        command = ["node", str(HERE / "draw.mjs"), str(asked.folder.resolve()), str(round(60 * asked.minutes))]
        return subprocess.run(command, env=os.environ | {"PROMETHEUS": running.prometheus.url}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
