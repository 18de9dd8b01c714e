"""What the computing thread and the event loop tell each other about the job in hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from smoothgen.contracts import Output
from workers.metrics import Metrics


class Interrupted(Exception):
    """The job was stopped at a batch boundary; it is handed back, not failed."""


@dataclass
class JobWatch:
    """Written by the computing thread, read by the event loop. Single values only, so no lock is needed."""

    model: str
    metrics: Metrics
    done: int = 0
    output: Output | None = None
    sheet: bytes | None = None
    stop: bool = field(default=False)

    def output_chosen(self, output: Output, sheet: bytes | None) -> None:
        """Keep the output and the picture of the samples for the next progress report."""
        self.output, self.sheet = output, sheet

    def batch_done(self, samples: int, failed: int, seconds: float) -> None:
        """Count a batch; raises Interrupted when asked to stop."""
        self.done += samples
        self.metrics.samples.labels(self.model, "whole").inc(samples - failed)
        self.metrics.samples.labels(self.model, "failed").inc(failed)
        self.metrics.batch_seconds.labels(self.model).observe(seconds)
        if self.stop:
            raise Interrupted
