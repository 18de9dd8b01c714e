"""The Redis queue: every key in `keys`, every atomic step in `scripts`, the gateway's half in `store`, the worker's in
`work`."""

from smoothgen.queue.connection import connect
from smoothgen.queue.store import JobState, JobStore, ServedModel
from smoothgen.queue.work import Claim, CompleteLook, Pace, WorkQueue

__all__ = ["Claim", "CompleteLook", "JobState", "JobStore", "Pace", "ServedModel", "WorkQueue", "connect"]
