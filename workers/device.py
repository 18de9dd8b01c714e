"""Which device a worker computes on."""

from __future__ import annotations

import torch


def torch_device(setting: str) -> str:
    """A device name for torch: the setting itself, or for "auto" the first GPU where there is one."""
    if setting != "auto":
        return setting
    return "cuda" if torch.cuda.is_available() else "cpu"
