"""Tasks of kind "certificates" in this process: one job, its certificate, and the baselines on its samples."""

from __future__ import annotations

from typing import Final

from smoothgen.certificates import read_certificate
from smoothgen.evaluation import Samples
from smoothgen.noise import Stream
from smoothgen.studies.answer import Answer, request_of, sampled_sigma
from smoothgen.studies.job_rows import job_rows, wants_baselines
from smoothgen.studies.rows import Row
from smoothgen.studies.store import Task
from workers.evaluation.baselines import samples_of
from workers.evaluation.jobs import Ran, plain_seconds, run
from workers.evaluation.room import Room
from workers.serving.loaded_model import LoadedModel

KIND: Final = "certificates"


def certificates(room: Room, task: Task) -> list[Row]:
    """Returns the rows of a task. Raises InvalidInput for a request that cannot be planned, GenerationFailed."""
    loaded = room.model_of(task)
    ran = run(loaded, request_of(task), batch_size=room.settings.batch_size)
    asked, result = ran.asked, ran.result
    answer = Answer(
        certificate=None if result.certificate is None else read_certificate(result.certificate),
        abstained=None if result.abstention is None else result.abstention.detail,
        estimate=result.lipschitz_estimate,
        seconds=ran.seconds,
        plain_seconds=plain_seconds(loaded, asked),
        generated=result.usage.overhead,
        passes=ran.counted.batches * asked.passes_a_generation,
        compared=compared(loaded, ran) if wants_baselines(task) else None,
    )
    if result.certificate is not None:
        room.certificates[task.key] = result.certificate
    return job_rows(task, asked, answer)


def compared(loaded: LoadedModel, ran: Ran) -> Samples:
    """Returns a job's outputs as baselines take them. Raises InvalidMetric for a job without noise of one level, and
    for a metric whose outputs have no features."""
    asked = ran.asked
    sigma = sampled_sigma(asked, ran.result.certificate)
    drawn = [ran.counted.of_stream(stream) for stream in (Stream.SELECTION, Stream.CERTIFICATION)]
    return samples_of(loaded, ran.metric, drawn, sigma=sigma, alpha=asked.alpha, tolerance=asked.spec.tolerance)
