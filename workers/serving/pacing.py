"""How fast a model runs here, how much work to take at once, and how a look is cut into chunks."""

from __future__ import annotations

import math

from smoothgen.queue import Pace

TARGET_S = 0.5
"""Seconds a chunk should take. It is short beside a lease, so that little is lost with a worker and small jobs come in
between, and long beside the round trips that a chunk costs."""
_MOST_SAMPLES = 4096
_MEMORY = 0.9
"""The share of earlier measurements that counts after a second of compute."""


class Speed:
    """Recent samples a second, 0 where nothing was measured yet."""

    def __init__(self) -> None:
        self._samples, self._seconds = 0.0, 0.0

    @property
    def samples_a_second(self) -> float:
        """The rate, weighted towards the last ten seconds of compute."""
        return self._samples / self._seconds if self._seconds > 0 else 0.0

    def measured(self, samples: int, seconds: float) -> None:
        """Counts a batch."""
        kept = _MEMORY**seconds
        self._samples, self._seconds = kept * self._samples + samples, kept * self._seconds + max(seconds, 1e-9)

    def capacity(self, batch_size: int) -> int:
        """Returns samples to take at once: what the target time allows, and a batch at least."""
        return max(batch_size, min(_MOST_SAMPLES, int(TARGET_S * self.samples_a_second)))


def pace_of(samples: int, *, samples_a_second: float, batch_size: int, workers: int) -> Pace:
    """Returns how a look's new samples are cut, by the job's own measured speed and the workers that could share it.

    A chunk is whole batches, since a GPU computes a part of a batch in the time of a whole one.
    """
    longest = max(1, min(int(TARGET_S * samples_a_second), _MOST_SAMPLES) // batch_size)
    share = math.ceil(samples / max(1, workers) / batch_size)
    # As many rounds as it takes, of equal length: a worker with one chunk more would keep the others waiting.
    batches = math.ceil(share / math.ceil(share / longest))
    # Two a worker, so that none waits for the next to be posted; no more, so that other jobs come in between.
    return Pace(chunk=batches * batch_size, window=max(2, 2 * workers))
