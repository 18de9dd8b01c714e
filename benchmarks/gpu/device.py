"""What is asked of a device apart from the models: its clock, its memory, and the speed of a plain matrix product."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

_PAGE = resource.getpagesize()
_ROUNDS = 5


@dataclass(frozen=True)
class Device:
    """A device by torch's name."""

    name: str

    @property
    def is_gpu(self) -> bool:
        return self.name.startswith("cuda")

    @property
    def machine(self) -> str:
        """Returns the device and the number of CPU cores, in words."""
        cores = f"{os.cpu_count()} CPU cores"
        return f"{torch.cuda.get_device_name(self.name)}, {cores}" if self.is_gpu else f"{cores}, no GPU"

    def seconds(self, call: Callable[[], object]) -> float:
        """How long a call takes until the device is done with it."""
        self._finish()
        started = time.perf_counter()
        call()
        self._finish()
        return time.perf_counter() - started

    def _finish(self) -> None:
        if self.is_gpu:
            torch.cuda.synchronize(self.name)

    def matmul_speed(self, dtype: torch.dtype, size: int) -> float:
        """Floating-point operations a second of a product of two square matrices, in the median of five."""
        a, b = (torch.randn(size, size, device=self.name).to(dtype) for _ in range(2))
        torch.matmul(a, b)
        return 2 * size**3 / statistics.median(self.seconds(lambda: torch.matmul(a, b)) for _ in range(_ROUNDS))

    def start_peak(self) -> None:
        """Forgets the peak so far, and what the allocator keeps for later."""
        if self.is_gpu:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.name)

    def peak_bytes(self) -> int:
        """Most memory in tensors since `start_peak`; on a CPU, most memory of this process since it began."""
        if self.is_gpu:
            return torch.cuda.max_memory_allocated(self.name)
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @contextmanager
    def short_of_memory(self, room_bytes: int) -> Iterator[None]:
        """Lets this process take no more than so many bytes beyond what it has."""
        if self.is_gpu:
            torch.cuda.empty_cache()
            whole = torch.cuda.get_device_properties(self.name).total_memory
            share = (torch.cuda.memory_reserved(self.name) + room_bytes) / whole
            torch.cuda.set_per_process_memory_fraction(min(1.0, share), self.name)
            try:
                yield
            finally:
                torch.cuda.set_per_process_memory_fraction(1.0, self.name)
            return
        before = resource.getrlimit(resource.RLIMIT_AS)
        held = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * _PAGE
        resource.setrlimit(resource.RLIMIT_AS, (held + room_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_AS, before)
