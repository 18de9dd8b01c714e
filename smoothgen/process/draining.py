"""How long a worker takes to stop, for itself and for whoever waits for it, and how long any wait may be at most."""

from __future__ import annotations

from typing import Final

DRAIN_TIMEOUT_S: Final = 30.0
"""After SIGTERM, how long work in hand may take before it is handed back at the next batch boundary."""
GRACE_S: Final = 15.0
"""How long a worker waits for that boundary. Then it hands the work back and leaves, whatever its thread is at."""
GOODBYE_S: Final = 5.0
"""What it gives Redis to hear of it."""

LONGEST_S: Final = 604_800.0
"""The most seconds a setting may ask for, a week: longer than anything here takes. No timer can be set to infinity."""
