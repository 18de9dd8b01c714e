"""What the receiver of webhooks was told in a chaos run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.support.processes import Gateway
from tests.support.webhook_receiver import Receiver

TIMEOUT_S: Final = 2.0
SETTINGS: Final[Mapping[str, Any]] = {
    "webhooks": True,
    "webhooks_allow": ["127.0.0.0/8"],
    "webhooks_allow_http": True,
    "webhooks_first_retry_s": 0.5,
    "webhooks_timeout_s": TIMEOUT_S,
}
_PATIENCE_S: Final = 120.0
"""Longer than the leases, of the outbox and of a receiver, of what a gateway held that was killed last."""


@dataclass(frozen=True)
class Told:
    """untold: jobs that no message told of, and jobs told of that are none of these. told_again: jobs with messages of
    more ids than they ended times. repeats: messages that came more than once under their id."""

    untold: int
    told_again: int
    repeats: int


def register(gateway: Gateway, receiver: Receiver, headers: dict[str, str]) -> None:
    """Has a receiver told of every job."""
    gateway.http.post("/webhooks", json={"url": receiver.url}, headers=headers).raise_for_status()


def told(gateway: Gateway, headers: dict[str, str], receiver: Receiver, jobs: Sequence[str]) -> dict[str, list[str]]:
    """Returns the ids of the messages that came, by job, when nothing is due any more and every job was told of, or
    when patience has run out."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        [listed] = gateway.http.get("/webhooks", headers=headers).json()["data"]
        if not listed["due"] and set(jobs) <= set(_by_job(receiver)):
            break
        time.sleep(0.2)
    return _by_job(receiver)


def judged(ids: Mapping[str, Sequence[str]], jobs: Sequence[str], endings: Mapping[str, int]) -> Told:
    """Returns what the ids of messages say. endings: how often each job ended, by the workers' logs."""
    return Told(
        untold=len(set(jobs) ^ set(ids)),
        told_again=sum(len(set(each)) > max(1, endings.get(job, 0)) for job, each in ids.items()),
        repeats=sum(len(each) - len(set(each)) for each in ids.values()),
    )


def _by_job(receiver: Receiver) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for message in list(receiver.received):
        ids.setdefault(str(message.said["data"]["job"]), []).append(message.id)
    return ids
