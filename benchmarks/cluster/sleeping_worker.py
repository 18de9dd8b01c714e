"""A worker of models that sleep: `python -m benchmarks.cluster.sleeping_worker`, with a worker's settings.

closed-form-device sleeps 10 ms a batch, as a CPU does while a GPU computes. There is one of it under each name of
MODELS. A model's keys lie on one node, by its name; of these names two lie on each of three nodes that share the slots
evenly.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Final

from workers.__main__ import main
from workers.generators.closed_form import SPECS

MODELS: Final = tuple(f"closed-form-device-{number}" for number in (0, 1, 9, 3, 2, 18))

if __name__ == "__main__":
    for name in MODELS:
        SPECS[name] = replace(SPECS["closed-form-device"], description=f"closed-form-device under the name {name}")
    sys.exit(main())
