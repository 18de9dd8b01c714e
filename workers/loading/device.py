"""The device on which a worker computes."""

from __future__ import annotations

import torch

from smoothgen.errors import InvalidParameters


def torch_device(setting: str) -> str:
    """Returns a device name for torch: the setting itself, or for "auto" the first GPU where there is one.

    Raises InvalidParameters for a device that torch does not know or does not find on this machine.
    """
    if setting == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros(1, device=setting).item()  # "meta" has tensors without numbers
    except (RuntimeError, AssertionError) as error:  # which of them depends on how torch was built
        reason = str(error).partition("\n")[0]
        raise InvalidParameters(
            f"SMOOTHGEN_DEVICE={setting!r} cannot be used here ({reason}); choose auto, cpu or a GPU of this machine, "
            f"of which torch finds {torch.cuda.device_count()}"
        ) from error
    return setting
