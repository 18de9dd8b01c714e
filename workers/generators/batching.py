"""Batches that survive failures: out of memory makes them smaller, and a sample that raises stands alone and counts as
failed.

There are two kinds. Where a sample's output is equal in any batch, running out of memory splits the batch at hand.
Where the output depends on the batch size, as in 16 bits, a job keeps to batches of one size. Running out of memory
then raises `TooLarge`, and the job starts over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import structlog

from smoothgen.errors import GenerationFailed
from workers.generators import Failure, Made
from workers.progress import made_progress

Item = TypeVar("Item")
Outputs = list[Made | Failure]
Generate = Callable[[Sequence[Item]], Sequence[Made | Failure]]

_MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory")


class TooLarge(Exception):
    """A batch of fixed size does not fit the device's memory. `batch_size`: the size to try next."""

    def __init__(self, batch_size: int) -> None:
        super().__init__(f"a fixed batch does not fit the device's memory; try {batch_size}")
        self.batch_size = batch_size


class Batcher:
    """Runs samples through a generator in batches. The index of a sample decides its noise; the batch does not."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size

    def run(self, samples: Sequence[Item], generate: Generate[Item]) -> Iterator[tuple[Sequence[Item], Outputs]]:
        """Yields (samples, outputs) batch by batch, in order."""
        start = 0
        while start < len(samples):
            batch = samples[start : start + self.batch_size]
            yield batch, self.survive(batch, generate)
            start += len(batch)

    def survive(self, batch: Sequence[Item], generate: Generate[Item]) -> Outputs:
        """Returns the outputs of every sample of a batch, in order. The batch runs in as many parts as memory and
        failures require."""
        outputs: Outputs = []
        parts: list[Sequence[Item]] = [batch]
        while parts:
            part = parts.pop()
            made = _attempt(part, generate) if len(part) <= self.batch_size else None
            if isinstance(made, list):
                outputs += made
            elif isinstance(made, Failure) and len(part) == 1:
                outputs.append(made)
            else:
                if made is None and len(part) <= self.batch_size:
                    self._shrink(len(part))
                half = len(part) // 2
                parts += [part[half:], part[:half]]
        return outputs

    def _shrink(self, failed: int) -> None:
        """Halves the batch size after a failed batch, so that no later batch tries the failed size again."""
        self.batch_size = failed // 2
        structlog.get_logger().warning("batch_size_halved", batch_size=self.batch_size)


class FixedBatcher(Batcher):
    """Runs every batch at exactly one size, so that the number of rows never changes an output.

    A short batch is filled up with copies. A batch in which a sample raised is filled up too, so that every sample
    keeps its row.
    """

    def survive(self, batch: Sequence[Item], generate: Generate[Item]) -> Outputs:
        """Returns the outputs of every sample of a batch, in order. Raises TooLarge where memory is too short for the
        size."""
        outputs: dict[int, Made | Failure] = {}
        parts = [range(len(batch))]
        while parts:
            part = parts.pop()
            made = _attempt([batch[row if row in part else part[0]] for row in range(self.batch_size)], generate)
            if made is None:
                raise TooLarge(self.batch_size // 2)
            if isinstance(made, list):
                outputs.update((row, made[row]) for row in part)
            elif len(part) == 1:
                outputs[part[0]] = made
            else:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
        return [outputs[row] for row in range(len(batch))]


def _attempt(batch: Sequence[Item], generate: Generate[Item]) -> Outputs | Failure | None:
    """Returns the outputs of a batch, a failure where the generator raised, or None where memory was too short.

    Returning releases the exception, its frames and their tensors, whose memory the next attempt needs.
    """
    try:
        outputs = generate(batch)
    except Exception as error:
        if not _is_memory(error):
            return Failure(f"{type(error).__name__}: {error}")
        if len(batch) == 1:
            raise GenerationFailed(f"one sample alone does not fit the device's memory: {error}") from error
        return None
    finally:
        made_progress()
    if len(outputs) != len(batch):
        raise GenerationFailed(f"the generator gave {len(outputs)} outputs for {len(batch)} samples")
    return list(outputs)


def _is_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in _MEMORY_WORDS)
