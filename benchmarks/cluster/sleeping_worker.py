"""A worker of models that sleep: `python -m benchmarks.cluster.sleeping_worker`, with a worker's settings.

closed-form-device sleeps 10 ms a batch, as a CPU does while a GPU computes. There is one of it under each name of
MODELS: a model's keys lie on one node, so that it takes several to use several nodes.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Final

from workers.__main__ import main
from workers.generators.closed_form import SPECS

MODELS: Final = tuple(f"closed-form-device-{number}" for number in range(6))

if __name__ == "__main__":
    for name in MODELS:
        SPECS[name] = replace(SPECS["closed-form-device"], description=f"closed-form-device under the name {name}")
    sys.exit(main())
