"""Calls on the record of a job: queue it, read it, store its outcome, tell of its end, erase what it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from smoothgen.queue.keys import Key
from smoothgen.queue.scripts.script import Script, ScriptCall


@dataclass(frozen=True)
class FleetWindow:
    """A window of time that a fleet request is counted in.

    pools, bins, uncounted: the keys of the window's pools, of the bins of the request's pool, and of the number of
    requests that are in no pool. pool, about: the pool's id and its description. ttl_s: how long all three are kept.
    """

    pools: Key
    bins: Key
    uncounted: Key
    pool: str
    about: str
    ttl_s: int


@dataclass(frozen=True, kw_only=True)
class Submit(ScriptCall):
    """Queues a job once.

    idempotency: the key of the client's idempotency key, None where it has none; body: the digest of its request.
    outlasts: 1 where the key still stands for a job that has ended, else 0.
    samples, bytes: what the job owes and holds; most_…: what the model and the tenant may at most. samples_to_draw:
    those of the selection. only_seen: 1 where only a job that was submitted before is accepted, else 0. recent: the key
    of the tenant's latest jobs, recent_kept how many of them it holds. most_pools: how many pools a window may have.
    fields: of the job's record. attendant: the id of the request, '' where the job does not end when its client goes
    away; attended_s: how long it attends unless it says so again.
    """

    script: ClassVar = Script("submit", replicated=True)
    job: Key
    stream: Key
    backlog: Key
    accounts: Key
    deadlines: Key
    recent: Key
    attended: Key
    windows: Sequence[FleetWindow]
    idempotency: Key | None
    job_id: str
    tenant: str
    body: str | None
    outlasts: int
    idempotency_ttl_s: int
    samples: int
    bytes: int
    most_samples: int
    most_samples_of_tenant: int
    most_bytes: int
    most_bytes_of_tenant: int
    deadline_ms: int | None
    samples_to_draw: int
    submitted_ms: int
    recent_kept: int
    recent_ttl_s: int
    only_seen: int
    most_pools: int
    attendant: str
    attended_s: int
    fields: Mapping[str, str | int]

    @property
    def window_count(self) -> int:
        """Returns the number of windows the request is counted in."""
        return len(self.windows)


@dataclass(frozen=True, kw_only=True)
class Read(ScriptCall):
    """Reads a job. gateway: who is to be told of the job's end, '' if nobody. attendant: the id of the request that
    waits for it, '' where its going away means nothing; attended_s: how long it attends unless it reads again."""

    script: ClassVar = Script("read")
    job: Key
    certificate: Key
    signature: Key
    workers: Key
    attended: Key
    gateway: str
    attendant: str
    attended_s: int


@dataclass(frozen=True, kw_only=True)
class Finish(ScriptCall):
    """Stores an outcome once, and acknowledges the work item that led to it.

    samples, sheet: the key of the contact sheet, and the sheet as base64. runs, pictures: the keys of what its runs
    read and said, and of small pictures of them. outputs: the key of its noisy samples. stream, entry: the work item;
    None where none is held. view, document: the JSON of the job's view and of its certificate, None if there is none.
    request: what is kept of the request for comparisons, None for all of it. attempt: the one the outcome is of, None
    for whichever the job is on. leaving: the id of the request whose client went away: the job then ends only where it
    was asked to, and no other request attends it; '' where it ends in any case. ledger_outbox, webhooks_outbox: of the
    job's model, which are written where the job names their readers. facts: further fields of what is written there.
    """

    script: ClassVar = Script("finish")
    job: Key
    certificate: Key
    samples: Key
    distances: Key
    runs: Key
    outputs: Key
    pictures: Key
    asked: Key
    backlog: Key
    accounts: Key
    deadlines: Key
    attended: Key
    ledger_outbox: Key
    webhooks_outbox: Key
    stream: Key | None
    group: str
    entry: str | None
    job_id: str
    certificate_ttl_s: int
    status: str
    view: str
    document: str | None
    sheet: str | None
    fleet_bin: str | None
    request: str | None
    attempt: int | None
    leaving: str
    facts: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Leave(ScriptCall):
    """Says that a request attends a job no longer."""

    script: ClassVar = Script("leave")
    attended: Key
    attendant: str


@dataclass(frozen=True, kw_only=True)
class Tell(ScriptCall):
    """Tells a gateway that a job has ended. replies: its stream. news: the fields of the entry."""

    script: ClassVar = Script("tell")
    replies: Key
    replies_kept: int
    ttl_s: int
    news: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Erase(ScriptCall):
    """Deletes what an ended job keeps of its prompt and output. runs, pictures: the keys of what its runs read and
    said, and of small pictures of them. outputs: the key of its noisy samples. view: the JSON of its view without the
    output. kept_s: for how long the outboxes are told at most."""

    script: ClassVar = Script("erase")
    job: Key
    asked: Key
    samples: Key
    runs: Key
    outputs: Key
    pictures: Key
    ledger_outbox: Key
    webhooks_outbox: Key
    view: str
    job_id: str
    kept_s: int


@dataclass(frozen=True, kw_only=True)
class ForgetNews(ScriptCall):
    """Deletes the news of a job that a gateway has not read. replies: the gateway's stream."""

    script: ClassVar = Script("forget_news")
    replies: Key
    job_id: str


@dataclass(frozen=True, kw_only=True)
class Bury(ScriptCall):
    """Keeps the id of a job that is given up among the dead letters, and why."""

    script: ClassVar = Script("bury")
    dead: Key
    letters_kept: int
    job_id: str
    detail: str
