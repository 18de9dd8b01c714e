"""What comes of a work item that an executor ran, and the problem of a job that failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smoothgen.contracts import FieldError, JobResult, JobSpec, Problem, RunWords
from smoothgen.errors import GenerationFailed, InvalidInput
from workers.generators.batching import TooLarge
from workers.job_logs import lines_about, log_crash
from workers.jobs.selection import Selected
from workers.progress import made_progress


@dataclass(frozen=True)
class Ended:
    """The job ended with its selection: certification samples could not change the result."""

    selected: Selected
    result: JobResult


@dataclass(frozen=True)
class Measured:
    """A chunk was drawn and measured.

    distances: metric units, shape (samples of the chunk,), NaN where a sample failed. device_s: seconds of compute.
    failure: why the last failed sample failed, "" if none did. words: what each run read and said, where any is kept.
    scores: shape (samples of the chunk, K), a column for each claim on a score, None without such claims. pictures: a
    small PNG of each run that has one, by its index.
    """

    distances: NDArray[np.float64]
    device_s: float
    failure: str
    words: Sequence[RunWords] | None = None
    scores: NDArray[np.float64] | None = None
    pictures: Mapping[int, bytes] | None = None


@dataclass(frozen=True)
class Refused:
    """The job fails. `noiseless`: the reason was found before any noise was drawn."""

    problem: Problem
    noiseless: bool


@dataclass(frozen=True)
class NoRoom:
    """The job's fixed batches do not fit this worker's memory. It starts over with batches of at most `batch_limit`."""

    batch_limit: int


Outcome = Selected | Ended | Measured | Refused | NoRoom | None
"""What came of a work item. None: it is not finished and goes back to the queue, or its job has ended meanwhile."""


def guarded(spec: JobSpec, step: Callable[[], Outcome], *, noiseless: bool) -> Outcome:
    """Returns the step's outcome, or Refused where it raises: a failing job harms no other, and the worker lives.

    noiseless: whether the step draws no noise. Raises TooLarge, which the caller can answer with smaller batches.
    """
    try:
        with lines_about(spec):
            return step()
    except TooLarge:
        raise
    except InvalidInput as error:
        pointed = f"/{error.field.replace('.', '/')}" if error.field else None
        errors = [FieldError(pointer=pointed, detail=str(error))] if pointed else None
        title = "The request cannot be served as written"
        return Refused(Problem.of("invalid-request", title, 422, str(error), errors=errors), noiseless)
    except GenerationFailed as error:
        return nothing_to_certify(error)
    except Exception as error:
        return crashed(spec, error)
    finally:
        made_progress()


def crashed(spec: JobSpec, error: Exception) -> Refused:
    """Returns the refusal of a job that made our own code fail, and logs the error."""
    log_crash("job_crashed", spec, error)
    detail = f"the worker failed with {type(error).__name__}; its log has the cause under job {spec.id}"
    return Refused(Problem.of("worker-error", "The worker failed", 500, detail), noiseless=False)


def nothing_to_certify(error: GenerationFailed) -> Refused:
    """Returns the refusal of a job whose model gave no output that could be served or measured."""
    problem = Problem.of("generation-failed", "The model gave nothing to certify", 500, str(error))
    return Refused(problem, noiseless=False)
