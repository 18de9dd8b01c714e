"""The state of a run: what the computing thread and the event loop tell each other about the work in hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from smoothgen.queue import Claim
from workers.serving.metrics import Metrics


@dataclass
class RunState:
    """Written by one thread, read by the other. Single values and atomic set operations only, so no lock is needed.

    stop: set by the event loop to end the run at the next batch boundary. ended: jobs whose remaining samples nobody
    wants any more. drawn: samples drawn of every work item, by its place among the claims. started: when the claims
    were taken, in Unix seconds by the clock that submissions are stamped by.
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
        """Counts a batch: its samples, those of them that failed, and its seconds."""
        series = self.metrics.models[self.model]
        series.whole.inc(samples - failed)
        series.failed.inc(failed)
        series.batch_seconds.observe(seconds)

    def drawn_of_jobs(self) -> dict[str, tuple[int, int]]:
        """Returns the jobs in hand, each with its attempt and the samples drawn of its selection.

        The number is −1 where the work item is a chunk of certification samples.
        """
        return {
            claim.spec.id: (claim.attempt, self.drawn[i] if claim.opens else -1) for i, claim in enumerate(self.claims)
        }
