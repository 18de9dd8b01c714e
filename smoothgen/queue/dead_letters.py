"""Dead letters: the ids of jobs that no worker survives or can read, kept for the operator."""

from __future__ import annotations

from smoothgen.queue import keys
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.scripts.jobs import Bury


async def bury(scripts: Pipeline, model: str, job_id: str, detail: str) -> None:
    """Keep a job's id, and why it is given up. Raises QueueUnavailable."""
    await scripts.call(Bury(dead=keys.dead(model), letters_kept=keys.DEAD_LETTERS, job_id=job_id, detail=detail))
