"""The Redis queue: every key in `keys`, every atomic step in `scripts`, the gateway's half in `store`, the worker's in
`work`, who is alive in `presence`, and who serves which build of a model in `builds`."""

from smoothgen.queue.builds import build_of
from smoothgen.queue.connection import connect
from smoothgen.queue.pieces import Claim, CompleteLook, Overdue, Pace
from smoothgen.queue.replication import Replication
from smoothgen.queue.store import JobState, JobStore, ServedModel
from smoothgen.queue.work import MOST_RESTARTS, WorkQueue

__all__ = [
    "MOST_RESTARTS",
    "Claim",
    "CompleteLook",
    "JobState",
    "JobStore",
    "Overdue",
    "Pace",
    "Replication",
    "ServedModel",
    "WorkQueue",
    "build_of",
    "connect",
]
