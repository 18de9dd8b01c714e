"""Dead letters: the ids of jobs no worker survives or can read, kept for the operator."""

from __future__ import annotations

from typing import Final

from smoothgen.queue import keys
from smoothgen.queue.pipeline import Pipeline
from smoothgen.queue.scripts.shared import EVEN_WHEN_FULL, Script

# A full Redis takes it, too: a worker that could not bury a job would hold it, and stand still, until there is room.
BURY: Final = Script(
    EVEN_WHEN_FULL
    + """
-- KEYS: dead letters
-- ARGV: most letters kept, job, detail
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'job', ARGV[2], 'detail', ARGV[3])
"""
)


async def bury(scripts: Pipeline, model: str, job_id: str, detail: str) -> None:
    """Keep a job's id, and why it is given up. Raises QueueUnavailable."""
    await scripts.call(BURY, [keys.dead(model)], [keys.DEAD_LETTERS, job_id, detail])
