"""Batches that survive: memory that runs out, samples that raise, and everything failing."""

from __future__ import annotations

import weakref
from collections.abc import Sequence

import pytest

from smoothgen.errors import GenerationFailed
from workers.generators import Failure, Text
from workers.generators.batching import Batcher, Outputs


class Machine:
    """A generator that has room for `fits` samples at once and cannot compute `broken` ones."""

    def __init__(self, fits: int = 1000, broken: frozenset[int] = frozenset()) -> None:
        self.fits, self.broken = fits, broken
        self.sizes: list[int] = []

    def __call__(self, indices: Sequence[int]) -> Outputs:
        self.sizes.append(len(indices))
        if len(indices) > self.fits:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        if self.broken & set(indices):
            raise FloatingPointError("a broken sample")
        return [Text(str(i)) for i in indices]


def outputs(batcher: Batcher, machine: Machine, count: int) -> Outputs:
    return [o for _, batch in batcher.run(range(count), machine) for o in batch]


def texts(count: int) -> Outputs:
    return [Text(str(i)) for i in range(count)]


@pytest.mark.parametrize("batch_size", [1, 7, 10, 64])
def test_every_sample_comes_once_and_in_order(batch_size: int):
    machine = Machine()
    assert outputs(Batcher(batch_size), machine, 50) == texts(50)
    assert max(machine.sizes) <= batch_size


def test_no_samples_are_no_batches():
    assert list(Batcher(4).run(range(0), Machine())) == []


def test_out_of_memory_splits_and_remembers():
    batcher, machine = Batcher(64), Machine(fits=10)
    assert outputs(batcher, machine, 200) == texts(200)
    assert batcher.batch_size == 8
    tried = list(machine.sizes)
    assert outputs(batcher, machine, 200) == texts(200)
    assert set(machine.sizes[len(tried) :]) == {8}
    assert sum(size > 10 for size in tried) == 3  # 64, 32 and 16, once each


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory")])
def test_out_of_memory_of_the_cpu_is_recognised(error: Exception):
    batcher = Batcher(8)

    def generate(indices: Sequence[int]) -> Outputs:
        if len(indices) > 4:
            raise error
        return [Text(str(i)) for i in indices]

    assert [o for _, batch in batcher.run(range(8), generate) for o in batch] == texts(8)
    assert batcher.batch_size == 4


def test_one_sample_that_does_not_fit_ends_the_job():
    with pytest.raises(GenerationFailed, match="one sample alone does not fit"):
        outputs(Batcher(4), Machine(fits=0), 4)


def test_the_failed_attempts_memory_is_free_before_the_next_one():
    # An exception holds its frames, and they the tensors: a retry beside them would run out of memory again.
    class Tensor: ...

    alive: list[int] = []
    tensors: list[weakref.ref[Tensor]] = []

    def generate(indices: Sequence[int]) -> Outputs:
        alive.append(sum(t() is not None for t in tensors))
        tensor = Tensor()
        tensors.append(weakref.ref(tensor))
        if len(indices) > 1:
            raise MemoryError
        return [Text(str(i)) for i in indices]

    list(Batcher(8).run(range(8), generate))
    assert max(alive) == 0


def test_samples_that_raise_stand_alone():
    broken = frozenset({3, 17, 18})
    batcher = Batcher(16)
    result = outputs(batcher, Machine(broken=broken), 40)
    assert [i for i, o in enumerate(result) if isinstance(o, Failure)] == sorted(broken)
    assert [o for o in result if isinstance(o, Text)] == [Text(str(i)) for i in range(40) if i not in broken]
    assert result[3] == Failure("FloatingPointError: a broken sample")
    assert batcher.batch_size == 16  # a broken sample says nothing about memory


def test_everything_failing_is_every_sample_failed():
    result = outputs(Batcher(8), Machine(broken=frozenset(range(20))), 20)
    assert result == [Failure("FloatingPointError: a broken sample")] * 20


def test_a_generator_that_loses_samples_ends_the_job():
    # Guessing which outputs are whose would give samples another's noise.
    with pytest.raises(GenerationFailed, match="2 outputs for 4 samples"):
        list(Batcher(4).run(range(4), lambda indices: [Text("a"), Text("b")]))
