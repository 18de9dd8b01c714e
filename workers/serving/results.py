"""What can come of a work item: its distances, its job's selection, the end of its job, or nothing yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import JobResult, JobSpec, Problem
from smoothgen.errors import GenerationFailed
from workers.job_logs import log_crash
from workers.jobs.selection import Selected


@dataclass(frozen=True)
class Ended:
    """A selection that was the whole job: no certification sample can change its result."""

    selected: Selected
    result: JobResult


@dataclass(frozen=True)
class Measured:
    """The distances of a chunk of certification samples.

    distances: metric units, shape (count,), NaN where a sample failed. device_s: seconds of compute. failure: the
    reason of the last failed sample, '' where none failed.
    """

    distances: NDArray[np.float64]
    device_s: float
    failure: str


@dataclass(frozen=True)
class Refused:
    """A problem that ends the job. noiseless: whether it was found before any noise was drawn."""

    problem: Problem
    noiseless: bool


@dataclass(frozen=True)
class NoRoom:
    """Fixed batches that do not fit this worker's memory: the job starts over with at most `batch_limit` rows each."""

    batch_limit: int


Result = Selected | Ended | Measured | Refused | NoRoom | None
"""What came of a work item. None: it is unfinished and is handed back, or its job has ended meanwhile."""


def crashed(spec: JobSpec, error: Exception) -> Refused:
    """Returns the problem of a job that made our own code fail, and logs the error."""
    log_crash("job_crashed", spec, error)
    detail = f"the worker failed with {type(error).__name__}; its log has the cause under job {spec.id}"
    return Refused(Problem.of("worker-error", "The worker failed", 500, detail), noiseless=False)


def nothing_to_certify(error: GenerationFailed) -> Refused:
    """Returns the problem of a job whose model gave nothing to certify."""
    problem = Problem.of("generation-failed", "The model gave nothing to certify", 500, str(error))
    return Refused(problem, noiseless=False)
