"""Trouble of every kind at random, under load: is any accepted job lost, ended twice, or certified otherwise? Is every
end in the ledger once, told by a webhook, and every certificate signed once?

    python -m tests.chaos [--failover] [--jobs 2000] [--every 1.0] [--seed 0]

kill -9 of workers, gateways, Redis and the ledger's database; the first three stopped for seconds (SIGSTOP) and
continued; workers whose device hangs, which then goes on or is told to stop; Redis whose memory or disk is full for
seconds; and every worker's clock is off by up to a minute. Real processes: an append-only Redis, a PostgreSQL, two
gateways, four workers of a closed-form model that sleeps 10 ms a batch, and a receiver of webhooks. Requests carry an
API key with a rate and a quota, and each gateway signs with keys of its own. The same requests, with the same seeds,
first run undisturbed through a stack of their own, without all this.

--failover: Redis is a master with a replica, gateways wait for the replica before they accept a job, and now and then
the master is killed for good, the replica takes its place, and a new replica is started.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.chaos.running import run


def main() -> int:
    """Print the figures; exit code 1 unless they are sound."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--failover", action="store_true", help="a master with a replica, which takes its place")
    parser.add_argument("--jobs", type=int, default=2000)
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(
            given.jobs,
            every_s=given.every,
            seed=given.seed,
            folder=Path(folder) / "chaos",
            failover=given.failover,
            quiet=False,
        )
    print(json.dumps(asdict(figures), indent=2))
    return int(not figures.sound)


if __name__ == "__main__":
    sys.exit(main())
