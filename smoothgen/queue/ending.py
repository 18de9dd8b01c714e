"""How a job ends: the one call that stores an outcome, whoever makes it, and tells the gateways that wait for it.

A gateway that is not told, because the process that ended the job died in between, looks for itself every few seconds.
The quota of an API key that is not given back for that reason is whole again in its next window.
"""

from __future__ import annotations

from collections.abc import Mapping

from smoothgen.queue import keys
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.scripts.access import GiveBack
from smoothgen.queue.scripts.jobs import Bury, Finish, Tell
from smoothgen.queue.work_items import Place


async def end(
    scripts: Pipeline,
    job_id: str,
    model: str,
    status: str,
    view: str,
    *,
    certificate: str | None = None,
    sheet: str | None = None,
    fleet_bin: str | None = None,
    place: Place | None = None,
    asked: str | None = None,
    attempt: int | None = None,
    facts: Mapping[str, str],
    leaving: str = "",
) -> bool:
    """Stores a job's outcome once. Returns False where the job had ended before.

    view, certificate: JSON. sheet: the contact sheet, base64. place: of the work item to acknowledge, None where none
    is held. asked: what to keep of the request for as long as the certificate, where that is not all of it. attempt:
    the one the outcome is of, which is dropped where the job has started over since; None for whichever the job is on.
    facts: what the outboxes are told beside the job and its status, by `facts_of`. leaving: the id of a request whose
    client went away, which ends the job only where it was asked to and no other request attends it. Raises
    QueueUnavailable.
    """
    first, watchers, kept_s, unused_quota_of = await scripts.call(
        Finish(
            job=keys.job(job_id),
            certificate=keys.certificate(job_id),
            samples=keys.samples(job_id),
            distances=keys.distances(job_id),
            runs=keys.runs(job_id),
            outputs=keys.outputs(job_id),
            pictures=keys.pictures(job_id),
            asked=keys.asked(job_id),
            backlog=keys.backlog(model),
            accounts=keys.accounts(model),
            deadlines=keys.deadlines(model),
            attended=keys.attended(job_id),
            ledger_outbox=keys.outbox(model, keys.LEDGER),
            webhooks_outbox=keys.outbox(model, keys.WEBHOOKS),
            stream=None if place is None else place.stream,
            group=keys.GROUP,
            entry=None if place is None else place.entry,
            job_id=job_id,
            certificate_ttl_s=keys.CERTIFICATE_TTL_S,
            status=status,
            view=view,
            document=certificate,
            sheet=sheet,
            fleet_bin=fleet_bin,
            request=asked,
            attempt=attempt,
            leaving=leaving,
            facts=facts,
        )
    )
    news = {"job": job_id}
    # A short outcome goes with the news of it. A longer one, a picture say, or one that is kept for a shorter time than
    # news may be, is read where it is kept.
    if first and len(view) + len(certificate or "") <= keys.LONGEST_REPLY and int(kept_s) >= keys.WATCH_TTL_S:
        news |= {"status": status, "view": view, "certificate": certificate or ""}
    for gateway in str(watchers).split():
        replies = keys.replies(gateway)
        await scripts.call(Tell(replies=replies, replies_kept=keys.REPLIES_KEPT, ttl_s=keys.WATCH_TTL_S, news=news))
    if unused_quota_of:
        await scripts.call(GiveBack(quota=keys.quota_of_key(unused_quota_of), job_id=job_id))
    return bool(first)


async def bury(scripts: Pipeline, model: str, job_id: str, detail: str) -> None:
    """Keeps a job's id, and why it is given up, among the dead letters for the operator. Raises QueueUnavailable."""
    await scripts.call(Bury(dead=keys.dead(model), letters_kept=keys.DEAD_LETTERS, job_id=job_id, detail=detail))
