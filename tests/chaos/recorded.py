"""What the ledger of a chaos run says of its jobs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from smoothgen.ledger.database import Database
from smoothgen.ledger.ledger import Ledger
from smoothgen.ledger.reading import checked

_PATIENCE_S: Final = 120.0
"""Longer than the lease of what a gateway held that was killed last."""


@dataclass(frozen=True)
class Recorded:
    """unrecorded: how many jobs the ledger does not have exactly once when all of them should be there, and of how many
    it has that are none of these; the number of jobs where its chain is broken or a certificate is missing. signatures:
    those it has of certificates, by their jobs; None where it has one without."""

    unrecorded: int
    signatures: Mapping[str, str | None]


def recorded(url: str, jobs: Sequence[str]) -> Recorded:
    """Returns what a ledger has of these jobs, waiting until it has as many entries."""
    ledger, deadline = Ledger(Database(url)), time.monotonic() + _PATIENCE_S
    while ledger.head().sequence < len(jobs) and time.monotonic() < deadline:
        time.sleep(0.2)
    sound = checked(ledger, full=False).sound
    entries = list(ledger.entries())
    ledger.close()
    found = Counter(entry.job for entry in entries)
    unrecorded = sum(found[job] != 1 for job in {*jobs, *found}) if sound else len(jobs)
    return Recorded(unrecorded, {entry.job: entry.signature for entry in entries if entry.event == "certificate"})
