"""What the computing thread and the event loop tell each other about the work items that are computed."""

from __future__ import annotations

from dataclasses import dataclass, field

from smoothgen.queue import Claim
from workers.serving.metrics import Metrics


@dataclass
class RunState:
    """The work items of one model that a worker took at once, and how far they are.

    Every field is written by one thread and read by the other. Only single values and atomic set operations are used,
    so no lock is needed.

    claims: the work items. started: when they were taken, Unix seconds by the clock that submissions are stamped by.
    stop: set by the event loop to end the run at the next batch boundary. ended: ids of jobs that have ended, whose
    remaining samples nobody wants. drawn: samples drawn of every work item, in the order of `claims`.
    """

    model: str
    metrics: Metrics
    claims: list[Claim]
    started: float = 0.0
    stop: bool = False
    ended: set[str] = field(default_factory=set)
    drawn: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self.drawn = [0] * len(self.claims)

    def batch_done(self, samples: int, failed: int, seconds: float) -> None:
        """Counts a batch for Prometheus."""
        series = self.metrics.models[self.model]
        series.whole.inc(samples - failed)
        series.failed.inc(failed)
        series.batch_seconds.observe(seconds)

    def drawn_by_job(self) -> dict[str, tuple[int, int]]:
        """Returns each job's attempt and the samples drawn of its selection, −1 where the work item is a chunk."""
        return {
            claim.spec.id: (claim.attempt, self.drawn[i] if claim.is_selection else -1)
            for i, claim in enumerate(self.claims)
        }
