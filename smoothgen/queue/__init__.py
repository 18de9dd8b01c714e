"""The Redis queue: every key in `keys`, the gateway's half in `store`, the worker's half in `work`."""

from smoothgen.queue.connection import connect
from smoothgen.queue.store import JobStore, ServedModel
from smoothgen.queue.work import Claim, WorkQueue

__all__ = ["Claim", "JobStore", "ServedModel", "WorkQueue", "connect"]
