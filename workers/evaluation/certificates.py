"""Tasks of kind "certificates" in this process: one job, its certificate, and the baselines on its samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from smoothgen.certificates import read_certificate
from smoothgen.errors import InvalidMetric
from smoothgen.evaluation import Samples
from smoothgen.noise import Stream
from smoothgen.studies.answer import Answer, request_of
from smoothgen.studies.job_rows import job_rows, wants_baselines
from smoothgen.studies.rows import Row
from smoothgen.studies.store import Task
from workers.distances.label import LabelMetric, Verdict
from workers.evaluation.jobs import Ran, plain_seconds, run
from workers.evaluation.outputs import Output, features, label_features, labels
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
    return job_rows(task, asked, answer)


def compared(loaded: LoadedModel, ran: Ran) -> Samples:
    """Returns a job's outputs as baselines take them. Raises InvalidMetric for a job without noise, and for a metric
    whose outputs have no features."""
    asked = ran.asked
    certificate = ran.result.certificate
    sigma = asked.sigma
    if not asked.spec.noised or sigma is None:
        raise InvalidMetric(
            f"baselines need noisy samples of one level, and mechanism {asked.spec.mechanism!r} draws none; leave "
            "option baselines out",
            field="options.baselines",
        )
    if certificate is not None and certificate.get("sigma_selection"):
        sigma = float(certificate["mechanism"]["sigma"])
    selection, certification = (ran.counted.of_stream(s) for s in (Stream.SELECTION, Stream.CERTIFICATION))
    return samples_of(loaded, ran, selection, certification, sigma)


def samples_of(
    loaded: LoadedModel, ran: Ran, selection: Sequence[Output], certification: Sequence[Output], sigma: float
) -> Samples:
    """Returns outputs with their features, or as labels where the metric compares answers."""
    asked, metric = ran.asked, ran.metric
    common: dict[str, Any] = {
        "sigma": sigma,
        "alpha": asked.alpha,
        "tolerance": asked.spec.tolerance,
        "diameter": asked.diameter,
    }
    if not isinstance(metric, LabelMetric | Verdict):
        found = [features(loaded, metric, each) for each in (selection, certification)]
        return Samples(selection=found[0], certification=found[1], **common)
    answers = [labels(metric, each) for each in (selection, certification)]
    found = label_features(*answers)
    return Samples(
        selection=found[0],
        certification=found[1],
        selection_labels=answers[0],
        certification_labels=answers[1],
        **common,
    )
