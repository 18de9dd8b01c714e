"""The object `smoothgen` of answers under /v1: what is certified."""

from __future__ import annotations

from typing import Any, Final

from smoothgen.contracts import JobView

OURS: Final = "smoothgen_"
"""How the names in `metadata` begin that are the server's."""


def answered(job: JobView, ignored: tuple[str, ...] = ()) -> dict[str, Any]:
    """Returns the object `smoothgen` of an answer.

    status: "certified", "abstained", or the job's own status before its end and where it has neither. statement:
    what holds, in a sentence; of an abstention, why nothing does. signature: the certificate's, None where it has
    none. ignored: fields of the request that were not read.
    """
    certificate, abstention = job.certificate, job.abstention
    status = "certified" if certificate is not None else "abstained" if abstention is not None else job.status
    about: dict[str, Any] = {
        "status": status,
        "job": job.id,
        "certificate": None if certificate is None else job.id,
        "statement": None if certificate is None else certificate["statement"],
        "radius": None if certificate is None else certificate.get("radius"),
        "signature": job.signature,
        "decision": None if job.decision is None else job.decision.model_dump(mode="json", exclude_none=True),
    }
    if abstention is not None:
        about["statement"] = abstention.detail
        about["reason"] = abstention.reason
    if job.notes:
        about["notes"] = [note.model_dump(mode="json") for note in job.notes]
    if ignored:
        about["ignored"] = list(ignored)
    return about


def note_codes(job: JobView) -> str:
    """Returns the codes of the job's notes with commas between them: "no_answer" where samples gave no answer."""
    return ",".join(dict.fromkeys(note.code for note in job.notes or ()))


def metadata(job: JobView, given: dict[str, str] | None) -> dict[str, str]:
    """Returns what stands in OpenAI's `metadata`, which clients keep that drop unknown fields: the request's own, and
    status, certificate and radius, and the codes of notes. Requests leave these four their names and their room among
    OpenAI's 16 entries."""
    about = answered(job)
    ours = {name: str(about[name]) for name in ("status", "certificate", "radius") if about[name] is not None}
    if job.notes:
        ours["notes"] = note_codes(job)
    return {**(given or {}), **{f"{OURS}{name}": value for name, value in ours.items()}}
