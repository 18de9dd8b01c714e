"""The device that each worker of a machine is given, for machines with and without GPUs."""

from __future__ import annotations

import pytest
import torch

from smoothgen.errors import InvalidParameters
from workers.loading.device import device_of_worker, torch_device
from workers.settings import Settings

WORKERS = range(4)


@pytest.mark.parametrize(
    ("gpus", "devices"),
    [
        (0, ["cpu", "cpu", "cpu", "cpu"]),
        (1, ["cuda:0", "cuda:0", "cuda:0", "cuda:0"]),
        (2, ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]),
        (3, ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]),
    ],
)
def test_workers_take_the_gpus_in_turn(gpus: int, devices: list[str]) -> None:
    assert [device_of_worker("auto", worker, gpus) for worker in WORKERS] == devices
    asked = ["cuda"] * len(WORKERS) if gpus == 0 else devices
    assert [device_of_worker("cuda", worker, gpus) for worker in WORKERS] == asked
    for named in ("cpu", "cuda:1"):
        assert [device_of_worker(named, worker, gpus) for worker in WORKERS] == [named] * len(WORKERS)


def test_the_settings_name_a_device_that_torch_takes() -> None:
    assert torch_device(Settings(device="cpu", worker_index=3)) == "cpu"
    torch.zeros(1, device=torch_device(Settings(device="auto", worker_index=3)))


@pytest.mark.parametrize("device", ["cuda:99", "cuda:x", "GPU", "meta", ""])
def test_a_device_that_is_not_there_is_refused_by_its_name(device: str) -> None:
    with pytest.raises(InvalidParameters, match=rf"SMOOTHGEN_DEVICE={device!r} cannot be used here .+ torch finds \d"):
        torch_device(Settings(device=device, worker_index=1))
