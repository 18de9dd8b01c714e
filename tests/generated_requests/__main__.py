"""Does every answer fit the OpenAPI document, whatever is asked?

    python -m tests.generated_requests [--cases 10000] [--minutes 60] [--seed 0]

Requests are generated from the document, half of them broken on purpose, and sent to a real gateway with a real worker.
An answer of a status, a content type or a shape that the document does not name ends the run with that request, as does
a 5xx other than a deadline of the request's own, or a traceback in the service's log.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.generated_requests.running import run


def main() -> int:
    """Prints the figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.generated_requests", description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no further turn after so many")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = run(given.cases, seed=given.seed, folder=Path(folder), most_s=60 * given.minutes)
    print(json.dumps(asdict(figures), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
