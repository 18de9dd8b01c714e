"""The device on which a worker computes."""

from __future__ import annotations

import torch

from smoothgen.errors import InvalidParameters
from workers.settings import Settings


def torch_device(settings: Settings) -> str:
    """Returns the name for torch of the device that the settings give this worker.

    Raises InvalidParameters for a device that torch does not know or does not find on this machine.
    """
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = device_of_worker(settings.device, settings.worker_index, gpus)
    try:
        torch.zeros(1, device=device).item()  # "meta" has tensors without numbers
    except (RuntimeError, AssertionError) as error:  # which of them depends on how torch was built
        reason = str(error).partition("\n")[0]
        raise InvalidParameters(
            f"SMOOTHGEN_DEVICE={settings.device!r} cannot be used here ({reason}); choose auto, cpu or a GPU of this "
            f"machine, of which torch finds {gpus}"
        ) from error
    return device


def device_of_worker(setting: str, index: int, gpus: int) -> str:
    """Returns the device of the worker with this index, counted from 0, on a machine with `gpus` GPUs.

    "auto" and "cuda" give the GPUs to the workers in turn, and "auto" is the CPU where there is no GPU. Any other
    setting is the device of every worker.
    """
    if setting not in ("auto", "cuda"):
        return setting
    if gpus == 0:
        return "cpu" if setting == "auto" else "cuda"
    return f"cuda:{index % gpus}"
