"""One model in one precision: the bare library first, then the worker's generator, at each size of the batch."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.gpu.device import Device
from benchmarks.gpu.shapes import Shape
from benchmarks.gpu.sides import Side, Worker, bare_side
from workers.generators import Failure
from workers.generators.batching import Batcher
from workers.settings import Settings


@dataclass(frozen=True)
class Bare:
    """The bare library at each size of the batch. speed: samples a second. operations: of one sample."""

    speed: dict[int, float]
    operations: float


@dataclass(frozen=True)
class Point:
    """The worker at one size of the batch. speed: samples a second. passes: of a batch. peak: bytes."""

    batch: int
    speed: float
    passes: int
    peak: int
    failed: int


@dataclass(frozen=True)
class Survived:
    """What became of a batch that did not fit the memory. size: of the batches that fitted in the end."""

    size: int
    made: int
    failed: int


def bare(shape: Shape, folder: Path, device: Device, dtype: torch.dtype, steps: int, rounds: int) -> Bare:
    """Measures the bare library."""
    side = bare_side(shape, folder, device.name, dtype, steps)
    with FlopCounterMode(display=False) as counter:
        side.draw(range(1))
    speed = {batch: _speed(side, device, batch, rounds) for batch in shape.batches}
    return Bare(speed, counter.get_total_flops())


def points(worker: Worker, device: Device, batches: tuple[int, ...], rounds: int) -> Iterator[Point]:
    """Measures a worker's generator."""
    for batch in batches:
        worker.draw(range(batch))  # the first of its shape pays for kernels and graphs
        device.start_peak()
        worker.passes = 0
        failed = sum(isinstance(output, Failure) for output in worker.draw(range(batch)))
        passes, peak = worker.passes, device.peak_bytes()
        yield Point(batch, _speed(worker, device, batch, rounds), passes, peak, failed)


def survived(worker: Worker, device: Device, batch: int, room: int) -> Survived:
    """Draws a batch that needs more memory than there is, in as many parts as it takes."""
    batcher = Batcher(batch)
    with device.short_of_memory(room):
        [(_, outputs)] = batcher.run(range(batch), worker.draw)
    failed = sum(isinstance(output, Failure) for output in outputs)
    return Survived(batcher.batch_size, len(outputs) - failed, failed)


def load(shape: Shape, folder: Path, device: Device, dtype: str, steps: int, *, compiled: bool = False) -> Worker:
    """Loads the worker's side, with the checks that a worker makes."""
    release()
    settings = Settings.model_validate({"device": device.name, "dtype": dtype, "compile": compiled})
    return Worker(shape, folder, settings, steps)


def release() -> None:
    """Gives back the memory of networks that nobody holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _speed(side: Side, device: Device, batch: int, rounds: int) -> float:
    """Samples a second: the fastest of several batches, after one that warms up."""
    side.draw(range(batch))
    return batch / min(device.seconds(lambda: side.draw(range(batch))) for _ in range(rounds))
