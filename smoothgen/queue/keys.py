"""Every Redis key and stream that SmoothGen uses, and how long each lives. No key is spelled anywhere else in Python.

smoothgen:models                 hash    model id → ModelCard JSON; kept for ever, one entry a model
smoothgen:replies:{gateway}      stream  ended jobs a gateway waits for, short outcomes with them; capped at
                                         REPLIES_KEPT, expires with WATCH_TTL_S
smoothgen:covers-reply:{call}    string  what a worker answered; expires after COVERS_TTL_S, deleted when read
smoothgen:signing-keys           hash    key id → public signing key of a gateway, vouched for or not, and until when it
                                         is listed; a field goes then
smoothgen:{webhooks}:receivers:{tenant}
                                 set     a tenant's receivers of webhooks; kept until they are removed
smoothgen:{webhooks}:all         set     the receivers of all tenants
smoothgen:{webhooks}:receiver:{receiver}
                                 hash    where and what it is sent, its secrets, why it is disabled; likewise
smoothgen:{webhooks}:messages:{receiver}
                                 zset    messages it has not taken, by when each is sent next (Unix seconds);
                                         `smoothgen.queue.webhooks.MOST_MESSAGES` at most
smoothgen:{webhooks}:tries:{receiver}
                                 hash    message → how often it was sent in vain, and since when
smoothgen:{webhooks}:due         zset    receivers by when something is to be sent to them
smoothgen:{webhooks}:leases      hash    receiver → until when one gateway alone sends to it
smoothgen:probe                  string  written to see whether Redis takes writes; expires after a minute
smoothgen:{…}:probe              string  the same on each node of a cluster, in the slot of whatever was written there
smoothgen:{…}:guard              none    never there: a node of a cluster is given it as the last key of every script
                                         (`smoothgen.queue.cluster.scripts`)
smoothgen:api-keys                hash    id of an API key → its record, JSON; kept for ever, revoked ones too
smoothgen:api-key:{ID}:rate       hash    requests left to a key, and when that was; expires when all of them are
smoothgen:api-key:{ID}:quota      hash    samples promised to a key's jobs in this window of time, in all and to each;
                                         expires with the window. The braces are a hash tag here too

All other keys are of one model and begin with `smoothgen:{TAG}:`, where TAG is twelve digits of the SHA-256 of the
model's id (`smoothgen.queue.ids`). The braces make it a hash tag: in a cluster all keys of a model, and so all keys of
one script, lie on one node.

…:workers                        zset    live workers by the time (Unix seconds) they count as gone
…:rates                          hash    worker → samples a second it was measured at; goes with the worker
…:served                         hash    worker → build of the model it serves; goes with the worker
…:builds                         set     builds that have streams of their own; a build goes when no worker serves
                                         it and nothing waits in its streams
…:work:{priority}                stream  one entry a job that waits for its selection; consumer group GROUP
…:work:{priority}:{build}        stream  one entry a work item that only workers of this build may compute
…:work:…:share                   hash    what of a stream's work is in it and what waits outside (`shared/share.lua`)
…:work:…:turns                   zset    tenants whose work items wait outside a stream, by their turn; goes when none
                                         does
…:work:…:waiting:{tenant}        list    those work items; goes with the last
…:backlog                        string  noisy samples promised to jobs and not yet drawn
…:accounts                       hash    "{tenant} samples": of the backlog, each tenant's; "{tenant} bytes": of the
                                         records of jobs that have not ended, "* bytes" all of them; a field goes at 0
…:deadlines                      zset    jobs with a deadline by it (Unix ms); a job leaves it when it ends
…:recent:{tenant}                zset    a tenant's latest jobs by submission (Unix ms), RECENT_JOBS at most; goes
                                         RECENT_TTL_S after the last one
…:dead                           stream  ids of jobs given up: after MAX_DELIVERIES, or unreadable; DEAD_LETTERS at most
…:job:{job}                      hash    the job; expires as long after its end as it is to be retained, never before
…:distances:{job}                hash    first index → distances of a finished chunk; goes when the job ends
…:runs:{job}                     hash    first index → JSON of what the runs of a finished chunk read and said (tokens);
                                         lives as long as the job
…:outputs:{job}                  hash    "selection" and first indices → JSON of the noisy samples, where they are asked
                                         for; lives as long as the job
…:pictures:{job}                 hash    index of a run → small picture of it, base64 PNG (pictures under tokens); lives
                                         as long as the job
…:certificate:{job}              string  certificate JSON; expires CERTIFICATE_TTL_S after issue
…:signature:{job}                string  the certificate's signature, a JWS; lives as long as the certificate
…:asked:{job}                    string  the request behind a certificate, seed image left out; lives as long as the job
…:attended:{job}                 zset    requests that wait for a job that is to end when they go away, by the time
                                         (Unix seconds) they count as gone; expires with the last, goes with the job
…:samples:{job}                  string  contact sheet of an image job, base64 PNG; lives as long as the job
…:outbox:{reader}                stream  ended jobs and erased ones that a reader of OUTBOX_READERS has not dealt with;
                                         consumer group OUTBOX_GROUP; entries go when acknowledged, and after
                                         CERTIFICATE_TTL_S
…:covers                         list    calls that wait for a comparison; COVERS_WAITING at most, COVERS_TTL_S long
…:idempotency:{digest}           hash    job id and body digest; expires IDEMPOTENCY_TTL_S after submission
…:fleet:{tenant}:{window}        hash    pool → its description, at most POOLS_A_WINDOW of noise or metrics that clients
                                         chose; expires with its bins
…:fleet:{tenant}:{window}:{pool} string  one character a request, by order of submission; expires after FLEET_TTL_S
…:fleet:{tenant}:{window}:uncounted
                                 string  how many requests found the window full of pools; expires with its bins

The build of a model is its digest and the precision it computes in, "sha256:…@float32": all samples of a job come from
one build. A tenant in a key is its tag, as in ids.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NewType

from smoothgen.contracts import PRIORITIES
from smoothgen.queue.ids import model_tag, tag

Key = NewType("Key", str)
"""The name of a key in Redis. A type of its own, so that no argument of a script is taken for a key."""

GROUP: Final = "workers"
MODELS: Final = Key("smoothgen:models")
WEBHOOK_ALL: Final = Key("smoothgen:{webhooks}:all")
WEBHOOK_DUE: Final = Key("smoothgen:{webhooks}:due")
WEBHOOK_LEASES: Final = Key("smoothgen:{webhooks}:leases")
PROBE: Final = Key("smoothgen:probe")
API_KEYS: Final = Key("smoothgen:api-keys")
SIGNING_KEYS: Final = Key("smoothgen:signing-keys")

CERTIFICATE_TTL_S: Final = 30 * 24 * 3600
IDEMPOTENCY_TTL_S: Final = 24 * 3600
WATCH_TTL_S: Final = 3600
WORKER_TTL_S: Final = 30
ATTENDED_S: Final = 30
"""Seconds for which a request attends a job after it last read it: its gateway may have died with it."""
REPLIES_KEPT: Final = 1_000
LEDGER: Final = "ledger"
WEBHOOKS: Final = "webhooks"
OUTBOX_READERS: Final = (LEDGER, WEBHOOKS)
"""Who may be told that a job ended, each by an outbox of its own."""
OUTBOX_GROUP: Final = "readers"
OUTBOX_LEASE_S: Final = 30.0
"""Seconds after which a reader's entries, not acknowledged, are given to another gateway."""
LONGEST_REPLY: Final = 16_384
"""Characters of view and certificate that go with the news of a job's end, and need not be read again."""
COVERS_WAITING: Final = 64
COVERS_TTL_S: Final = 300
DEAD_LETTERS: Final = 10_000
RECENT_JOBS: Final = 100
RECENT_TTL_S: Final = 30 * 24 * 3600
"""No job is kept longer after its end."""
POOLS_A_WINDOW: Final = 256
FLEET_TTL_S: Final[Mapping[str, int]] = MappingProxyType({"hour": 3 * 24 * 3600, "day": 40 * 24 * 3600})
"""Seconds for which a window of each length is kept from its start on."""
MAX_DELIVERIES: Final = 5
LEASE_S: Final = 30.0
"""Seconds for which a worker may be silent about its work before another worker takes the work over."""


def _of_tag(tag_of_model: str, name: str) -> Key:
    return Key(f"smoothgen:{{{tag_of_model}}}:{name}")


def _of_model(model: str, name: str) -> Key:
    return _of_tag(tag(model), name)


def _of_job(job_id: str, name: str) -> Key:
    return _of_tag(model_tag(job_id), f"{name}:{job_id}")


def of_all_models(name: str) -> str:
    """Returns Redis's pattern for the keys of all models whose names begin with `name`, such as `job:`."""
    return _of_tag("*", f"{name}*")


def workers(model: str) -> Key:
    """Returns the key of the workers that serve a model."""
    return _of_model(model, "workers")


def workers_of(job_id: str) -> Key:
    """Returns the key of the workers that serve a job's model."""
    return _of_tag(model_tag(job_id), "workers")


def rates(model: str) -> Key:
    """Returns the key of how fast each worker of a model is."""
    return _of_model(model, "rates")


def served(model: str) -> Key:
    """Returns the key of which build of a model each worker serves."""
    return _of_model(model, "served")


def builds(model: str) -> Key:
    """Returns the key of the builds of a model that have streams."""
    return _of_model(model, "builds")


def work(model: str, priority: str, build: str | None = None) -> Key:
    """Returns the stream of a model's work of one priority. build: whose chunks it holds, None for the stream of
    selections, which any worker may take."""
    return _of_model(model, f"work:{priority}" if build is None else f"work:{priority}:{build}")


def streams(model: str, build: str | None = None) -> list[Key]:
    """Returns the streams of a model's selections, or of one build's work, the most urgent first."""
    return [work(model, priority, build) for priority in PRIORITIES]


def share(stream: str) -> Key:
    """Returns the key of how much of a stream's work is in it, and how much waits outside."""
    return Key(f"{stream}:share")


def turns(stream: str) -> Key:
    """Returns the key of the tenants whose work items wait outside a stream."""
    return Key(f"{stream}:turns")


def waiting(stream: str, tenant: str) -> Key:
    """Returns the key of a tenant's work items that wait outside a stream."""
    return Key(f"{stream}:waiting:{tenant}")


def backlog(model: str) -> Key:
    """Returns the key of a model's samples promised and not yet drawn."""
    return _of_model(model, "backlog")


def accounts(model: str) -> Key:
    """Returns the key of what each tenant's jobs of a model owe in samples and hold in bytes."""
    return _of_model(model, "accounts")


def deadlines(model: str) -> Key:
    """Returns the key of a model's jobs that have a deadline."""
    return _of_model(model, "deadlines")


def recent(model: str, tenant: str) -> Key:
    """Returns the key of a tenant's latest jobs of a model."""
    return _of_model(model, f"recent:{tag(tenant)}")


def dead(model: str) -> Key:
    """Returns the key of the stream of a model's dead letters: jobs that no worker survived or could read."""
    return _of_model(model, "dead")


def jobs(model: str) -> str:
    """Returns what the keys of all records of a model's jobs begin with; the id follows."""
    return _of_model(model, "job:")


def job(job_id: str) -> Key:
    """Returns the key of a job's record."""
    return _of_job(job_id, "job")


def distances(job_id: str) -> Key:
    """Returns the key of a job's distances so far, by the first index of their chunk."""
    return _of_job(job_id, "distances")


def runs(job_id: str) -> Key:
    """Returns the key of what a job's runs read and said, by the first index of their chunk."""
    return _of_job(job_id, "runs")


def outputs(job_id: str) -> Key:
    """Returns the key of a job's noisy samples, "selection" and the others by the first index of their chunk."""
    return _of_job(job_id, "outputs")


def pictures(job_id: str) -> Key:
    """Returns the key of small pictures of a job's runs, by the index of the run."""
    return _of_job(job_id, "pictures")


def certificate(certificate_id: str) -> Key:
    """Returns the key of an issued certificate, whose id is its job's."""
    return _of_job(certificate_id, "certificate")


def signature(certificate_id: str) -> Key:
    """Returns the key of an issued certificate's signature."""
    return _of_job(certificate_id, "signature")


def asked(certificate_id: str) -> Key:
    """Returns the key of the request that a certificate answers."""
    return _of_job(certificate_id, "asked")


def attended(job_id: str) -> Key:
    """Returns the key of the requests that wait for a job which ends when all of them go away."""
    return _of_job(job_id, "attended")


def samples(job_id: str) -> Key:
    """Returns the key of the contact sheet of an image job's noisy samples."""
    return _of_job(job_id, "samples")


def rate_of_key(key_id: str) -> Key:
    """Returns the key of how many requests are left to an API key."""
    return Key(f"smoothgen:api-key:{{{key_id}}}:rate")


def quota_of_key(key_id: str) -> Key:
    """Returns the key of the samples promised to an API key's jobs."""
    return Key(f"smoothgen:api-key:{{{key_id}}}:quota")


def replies(gateway_id: str) -> Key:
    """Returns the key of a gateway's stream of ended jobs."""
    return Key(f"smoothgen:replies:{gateway_id}")


def outbox(model: str, reader: str) -> Key:
    """Returns the key of what a reader is to be told of a model's jobs."""
    return _of_model(model, f"outbox:{reader}")


def outbox_of(job_id: str, reader: str) -> Key:
    """Returns the key of what a reader is to be told of the jobs of a job's model."""
    return _of_tag(model_tag(job_id), f"outbox:{reader}")


def webhook_receivers(tenant: str) -> Key:
    """Returns the key of a tenant's receivers of webhooks."""
    return Key(f"smoothgen:{{webhooks}}:receivers:{tag(tenant)}")


def webhook_receiver(receiver_id: str) -> Key:
    """Returns the key of a receiver's record."""
    return Key(f"smoothgen:{{webhooks}}:receiver:{receiver_id}")


def webhook_messages(receiver_id: str) -> Key:
    """Returns the key of the messages that a receiver has not taken."""
    return Key(f"smoothgen:{{webhooks}}:messages:{receiver_id}")


def webhook_tries(receiver_id: str) -> Key:
    """Returns the key of how often each message was sent to a receiver in vain."""
    return Key(f"smoothgen:{{webhooks}}:tries:{receiver_id}")


def probe_beside(key: Key) -> Key:
    """Returns the key of a probe that lies in the slot of another key."""
    return _of_tag(_hash_tag(key), "probe")


def probe_of_node(number: int) -> Key:
    """Returns one of many keys of probes, which lie all over a cluster."""
    return _of_tag(str(number), "probe")


def guard(key: Key) -> Key:
    """Returns the key that is never there and lies in the slot of another key."""
    return _of_tag(_hash_tag(key), "guard")


def _hash_tag(key: Key) -> str:
    """Returns what a key's slot is computed from: what stands in its first braces, or all of it."""
    found = re.search(r"\{([^}]+)\}", key)
    return found[1] if found else key


def covers_calls(model: str) -> Key:
    """Returns the key of the calls that wait for a worker to compare prompts with certificates of a model."""
    return _of_model(model, "covers")


def covers_reply(call_id: str) -> Key:
    """Returns the key of what a worker answered to a call."""
    return Key(f"smoothgen:covers-reply:{call_id}")


def idempotency(model: str, tenant: str, key: str) -> Key:
    """Returns the key of a tenant's idempotency key for a model, hashed: clients write any text of any length."""
    owned = f"{tag(tenant)} {key}"
    return _of_model(model, f"idempotency:{hashlib.sha256(owned.encode()).hexdigest()}")


def fleet_window(model: str, tenant: str, window: str) -> Key:
    """Returns the key of the pools of a tenant's requests to a model in a window of time."""
    return _of_model(model, f"fleet:{tag(tenant)}:{window}")


def fleet_uncounted(model: str, tenant: str, window: str) -> Key:
    """Returns the key of how many requests of a window are in no pool, because the window held its most pools.

    No pool has the id "uncounted".
    """
    return Key(f"{fleet_window(model, tenant, window)}:uncounted")


def fleet_bins(model: str, tenant: str, window: str, pool: str) -> Key:
    """Returns the key of the distances of a pool's requests in a window."""
    return Key(f"{fleet_window(model, tenant, window)}:{pool}")


def window_of_bins(key: str) -> str:
    """Returns the window that a key of `fleet_bins` is of."""
    return key.partition(":fleet:")[2].partition(":")[2].rpartition(":")[0]
