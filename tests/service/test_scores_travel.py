"""Scores travel through a real Redis with the distances of their chunk; without claims the bytes are as they were."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import numpy as np

from smoothgen.contracts import JobSpec
from smoothgen.queue import Claim, JobStore, Pace, keys
from tests.service.test_queue import Workers, numbers, on, opened, spec, take
from tests.support.processes import Lab

CLAIMS = [
    {"score": {"name": "length", "cap": 50}, "at_most": 30},
    {"score": {"name": "pattern", "pattern": "x"}, "of": "share", "at_most": 0.1},
]


def claiming(**fields: Any) -> JobSpec:
    """A job of at most 8 samples with two claims on scores."""
    job = spec(samples=8, **fields)
    asked = job.request.model_dump()
    asked["robustness"]["claims"] = CLAIMS
    return JobSpec.model_validate({**job.model_dump(), "request": asked})


def scores(claim: Claim) -> np.ndarray:
    """A row for each sample: its index, and one that has no score where the index is odd."""
    indices = np.arange(claim.first, claim.first + claim.count, dtype=np.float64)
    return np.column_stack([indices, np.where(indices % 2, np.nan, -indices)])


def test_scores_come_with_the_look_in_order(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), claiming()
        await opened(store, one, job, look=8, pace=Pace(chunk=4, window=2))
        first, second = await take(one, samples=8, items=2)
        assert await one.store(second, numbers(second), 0.5, scores=scores(second)) is None
        again = await one.store(second, numbers(second) + 7, 0.5, scores=scores(second) + 7)  # the first result stays
        assert again is None
        look = await one.store(first, numbers(first), 0.5, scores=scores(first))
        assert look is not None
        assert look.scores is not None
        assert np.array_equal(look.distances, np.arange(8.0))
        assert np.array_equal(look.scores[:, 0], np.arange(8.0))
        assert np.isnan(look.scores[1::2, 1]).all()
        assert np.array_equal(look.scores[::2, 1], [0, -2, -4, -6])

    on(lab, story)


def test_a_deadline_finds_the_scores_that_there_are(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), claiming(deadline_s=0.3)
        await opened(store, one, job, look=8, pace=Pace(chunk=4, window=2))
        first, _ = await take(one, samples=8, items=2)
        await one.store(first, numbers(first), 0.5, scores=scores(first))
        await asyncio.sleep(0.4)
        [late] = await one.overdue([job.request.model])
        assert late.look is not None
        assert late.look.scores is not None
        assert late.look.scores.shape == (4, 2)
        assert np.array_equal(late.look.distances, np.arange(4.0))

    on(lab, story)


def test_a_job_without_claims_stores_the_bytes_it_always_did(lab: Lab) -> None:
    async def story(store: JobStore, worker: Workers) -> None:
        one, job = worker("one"), spec(samples=40)
        await opened(store, one, job, look=8, pace=Pace(chunk=4, window=2))
        first, second = await take(one, samples=8, items=2)
        await one.store(first, numbers(first), 0.5)
        stored = lab.redis.client.hget(keys.distances(job.id), str(first.first))
        assert base64.b64decode(stored) == numbers(first).astype("<f8").tobytes()
        look = await one.store(second, numbers(second), 0.5)
        assert look is not None
        assert look.scores is None

    on(lab, story)
