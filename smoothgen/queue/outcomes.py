"""How a job ends: the one call that stores an outcome, whoever makes it, and tells the gateways that wait for it.

A gateway that is not told, because the process that ended the job died in between, looks for itself every few seconds.
"""

from __future__ import annotations

from smoothgen.queue import keys
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.scripts.jobs import FINISH, TELL


async def end(
    scripts: Pipeline,
    job_id: str,
    model: str,
    status: str,
    view: str,
    *,
    certificate: str = "",
    sheet: str = "",
    fleet_bin: str = "",
    piece: tuple[str, str] = ("", ""),
    asked: str = "",
    attempt: str = "",
) -> bool:
    """Store a job's outcome, once; False if it had ended before. `piece`: stream and entry to acknowledge with it.

    `asked`: what to keep of the request for as long as the certificate, where that is not all of it. `attempt`: the one
    the outcome is of, which is dropped where the job has started over since; '' for whichever it is on.
    """
    stream, entry = piece
    first, watchers, kept_s = await scripts.call(
        FINISH,
        [
            keys.job(job_id),
            keys.certificate(job_id),
            keys.samples(job_id),
            keys.distances(job_id),
            keys.asked(job_id),
            keys.backlog(model),
            keys.accounts(model),
            keys.deadlines(model),
            *([stream] if stream else []),
        ],
        [
            keys.GROUP,
            entry,
            job_id,
            keys.CERTIFICATE_TTL_S,
            status,
            view,
            certificate,
            sheet,
            fleet_bin,
            asked,
            attempt,
        ],
    )
    news = ["job", job_id]
    # A short outcome goes with the news of it. A longer one, a picture say, or one that is kept for a shorter time than
    # news may be, is read where it is kept.
    if first and len(view) + len(certificate) <= keys.LONGEST_REPLY and int(kept_s) >= keys.WATCH_TTL_S:
        news += ["status", status, "view", view, "certificate", certificate]
    for gateway in str(watchers).split():
        await scripts.call(TELL, [keys.replies(gateway)], [keys.REPLIES_KEPT, keys.WATCH_TTL_S, *news])
    return bool(first)
