"""Batches that survive: out of memory splits them, and a sample that raises stands alone and counts as failed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import structlog

from smoothgen.errors import GenerationFailed
from workers.generators import Failure, Made

Item = TypeVar("Item")
Outputs = list[Made | Failure]
Generate = Callable[[Sequence[Item]], Sequence[Made | Failure]]

_MEMORY_WORDS = ("out of memory", "not enough memory", "can't allocate memory")


class Batcher:
    """Runs samples through a generator in batches. A sample's index, never its batch, decides its noise."""

    def __init__(self, batch_size: int) -> None:
        self.batch_size = batch_size

    def run(self, samples: Sequence[Item], generate: Generate[Item]) -> Iterator[tuple[Sequence[Item], Outputs]]:
        """Yield (samples, outputs) batch by batch, in order."""
        start = 0
        while start < len(samples):
            batch = samples[start : start + self.batch_size]
            yield batch, self.survive(batch, generate)
            start += len(batch)

    def survive(self, batch: Sequence[Item], generate: Generate[Item]) -> Outputs:
        """The outputs of every sample of a batch, in order, in as many parts as it takes."""
        outputs: Outputs = []
        parts: list[Sequence[Item]] = [batch]
        while parts:
            part = parts.pop()
            whole = self._attempt(part, generate) if len(part) <= self.batch_size else None
            if whole is None:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
            else:
                outputs += whole
        return outputs

    def _attempt(self, batch: Sequence[Item], generate: Generate[Item]) -> Outputs | None:
        """The outputs of a batch, None if it must be split.

        Returning lets go of the exception, its frames and their tensors: the halves need that memory.
        """
        try:
            outputs = generate(batch)
        except Exception as error:
            if _is_memory(error):
                if len(batch) == 1:
                    raise GenerationFailed(f"one sample alone does not fit the device's memory: {error}") from error
                # This size does not fit here, so no later batch tries it again.
                self.batch_size = len(batch) // 2
                structlog.get_logger().warning("batch_size_halved", batch_size=self.batch_size)
                return None
            return None if len(batch) > 1 else [Failure(f"{type(error).__name__}: {error}")]
        if len(outputs) != len(batch):
            raise GenerationFailed(f"the generator gave {len(outputs)} outputs for {len(batch)} samples")
        return list(outputs)


def _is_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in _MEMORY_WORDS)
