"""The problem of a record in Redis that cannot be read. The record fails what it belongs to, and nothing else."""

from __future__ import annotations

from pydantic import ValidationError

from smoothgen.contracts import Problem


def unreadable(error: ValueError, what: str = "job") -> Problem:
    """Returns the problem of a record whose reading raised `error`. what: what the record is of."""
    where, why = "record", str(error)
    if isinstance(error, ValidationError):
        found = error.errors()[0]
        where, why = ".".join(str(part) for part in found["loc"]) or where, found["msg"]
    return Problem.of(
        "job-unreadable",
        f"The worker cannot read this {what}",
        500,
        f"the worker cannot read the {what}'s {where} ({why}); gateway and worker are of different versions: bring "
        "them to one, and send the request again",
    )
