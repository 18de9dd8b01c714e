"""The Redis queue.

`keys` has every key, `scripts` every atomic step, `jobs` what gateways do, `leases` and `outcomes` what workers do,
`presence` who is alive, and `builds` which worker serves which build of a model.
"""

from smoothgen.queue.builds import build_of
from smoothgen.queue.connection import connect
from smoothgen.queue.ids import ANYONE, belongs_to, new_id
from smoothgen.queue.job_state import JobState
from smoothgen.queue.jobs import JobStore
from smoothgen.queue.keys import RECENT_JOBS
from smoothgen.queue.leases import WorkQueue
from smoothgen.queue.outcomes import MOST_RESTARTS
from smoothgen.queue.registered import RegisteredModel
from smoothgen.queue.replication import Replication
from smoothgen.queue.signatures import SignForm
from smoothgen.queue.submission import Idempotency, Limits
from smoothgen.queue.unknown import unknown_certificate, unknown_job
from smoothgen.queue.webhooks import DueMessage, DueMessages, Receiver, WebhookQueue
from smoothgen.queue.work_items import Claim, CompleteLook, Overdue, Pace

__all__ = [
    "ANYONE",
    "MOST_RESTARTS",
    "RECENT_JOBS",
    "Claim",
    "CompleteLook",
    "DueMessage",
    "DueMessages",
    "Idempotency",
    "JobState",
    "JobStore",
    "Limits",
    "Overdue",
    "Pace",
    "Receiver",
    "Replication",
    "RegisteredModel",
    "SignForm",
    "WebhookQueue",
    "WorkQueue",
    "belongs_to",
    "build_of",
    "connect",
    "new_id",
    "unknown_certificate",
    "unknown_job",
]
