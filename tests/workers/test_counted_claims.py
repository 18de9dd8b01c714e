"""Claims on scores in a worker's metrics."""

from __future__ import annotations

from typing import Any

from smoothgen.contracts import SCORE_NAMES
from tests.workers.test_score_jobs import LENGTH, NUMBER, number_job, plain
from workers.serving.ended_jobs import EndedJobs
from workers.serving.metrics import Metrics

TIGHT: dict[str, Any] = {**LENGTH, "at_most": 18.7}


def test_every_claim_is_counted_by_its_score_and_whether_it_holds() -> None:
    metrics = Metrics(["any"])
    ended = EndedJobs(metrics, lambda: 1_760_000_000.0, "worker-1")

    def counted(score: str, outcome: str) -> float | None:
        labels = {"model": "any", "score": score, "outcome": outcome}
        return metrics.registry.get_sample_value("smoothgen_score_claims_total", labels)

    assert [counted(score, outcome) for score in SCORE_NAMES for outcome in ("holds", "not_proven")] == [0.0] * 16
    for job in (number_job(LENGTH, NUMBER), number_job(TIGHT, NUMBER, epsilon=0.3), number_job(NUMBER, tolerance=None)):
        ended.succeeded(job, plain(job))
    assert (counted("length", "holds"), counted("length", "not_proven")) == (1.0, 1.0)
    assert (counted("pattern", "holds"), counted("pattern", "not_proven")) == (3.0, 0.0)
    assert SCORE_NAMES == (
        "pattern",
        "json_schema",
        "length",
        "similarity",
        "verdict",
        "profanity",
        "clip_similarity",
        "plugin",
    )


def test_a_job_without_claims_counts_none() -> None:
    metrics = Metrics(["any"])
    job = number_job(LENGTH)
    bare = job.request.robustness.model_copy(update={"claims": None})
    job = job.model_copy(update={"request": job.request.model_copy(update={"robustness": bare})})
    EndedJobs(metrics, lambda: 0.0, "worker-1").succeeded(job, plain(job))
    counts = [sample.value for family in metrics.score_claims.collect() for sample in family.samples]
    assert 1.0 not in counts
