"""The digest of weights as they are loaded, whatever file they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch


def weights_digest(tensors: Mapping[str, Any]) -> str:
    """Returns the sha256 over every tensor of a state dict as loaded, by name, dtype and shape, as "sha256:<hex>"."""
    digest = hashlib.sha256()
    for key, tensor in sorted(tensors.items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return f"sha256:{digest.hexdigest()}"
