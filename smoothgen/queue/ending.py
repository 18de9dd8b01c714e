"""How a job ends: the one call that stores an outcome, whoever makes it."""

from __future__ import annotations

from smoothgen.queue import keys
from smoothgen.queue.coalesce import Coalescer
from smoothgen.queue.scripts import FINISH


async def end(
    scripts: Coalescer,
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
    first = await scripts.call(
        FINISH,
        [
            keys.job(job_id),
            keys.certificate(job_id),
            keys.samples(job_id),
            keys.distances(job_id),
            keys.backlog(model),
            keys.deadlines(model),
            keys.asked(job_id),
        ],
        [
            keys.GROUP,
            stream,
            entry,
            job_id,
            keys.RESULT_TTL_S,
            keys.CERTIFICATE_TTL_S,
            status,
            view,
            certificate,
            sheet,
            fleet_bin,
            keys.replies(""),
            keys.REPLIES_KEPT,
            keys.WATCH_TTL_S,
            keys.LONGEST_REPLY,
            asked,
            attempt,
        ],
    )
    return bool(first)
