"""Networks of a pipeline compiled by torch, one graph for each shape of their inputs (docs/decisions/0033)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import nullcontext
from typing import Any, Final

import torch

from smoothgen.errors import InvalidParameters
from workers.progress import without_limit

_SIXTEEN_BITS: Final = ("bfloat16", "float16")
_BACKEND: Final = "inductor"
_MOST_GRAPHS: Final = 64
"""Shapes of one network that are compiled: sizes of pictures times sizes of batches. Others run as they are."""


class CompiledForward:
    """A module's forward, compiled for every shape it meets. Outside of inference mode, where gradients are taken, it
    is not compiled. backend: torch's word for what makes machine code of the graph."""

    def __init__(self, forward: Callable[..., Any], backend: str = _BACKEND) -> None:
        self._forward = forward
        self._compiled: Callable[..., Any] = torch.compile(forward, dynamic=False, backend=backend)
        self._shapes: set[Hashable] = set()

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Returns what the module's own forward returns, up to rounding. A new shape takes a minute or more."""
        shape = tuple(tuple(v.shape) for v in (*inputs, *options.values()) if isinstance(v, torch.Tensor))
        new = shape not in self._shapes
        if not torch.is_inference_mode_enabled() or (new and len(self._shapes) >= _MOST_GRAPHS):
            return self._forward(*inputs, **options)
        with without_limit() if new else nullcontext():
            made = self._compiled(*inputs, **options)
        self._shapes.add(shape)
        return made


def require_compilable(name: str, dtype: str, device: str) -> None:
    """Raises InvalidParameters for a precision in which certificates do not state the batch that outputs depend on, and
    where torch cannot compile on this machine."""
    if dtype not in _SIXTEEN_BITS:
        raise InvalidParameters(
            f"SMOOTHGEN_COMPILE=true needs 16 bits, and model {name!r} is served in {dtype}: the outputs of a compiled "
            "network depend on the size of the batch, which certificates state in 16 bits only; set "
            "SMOOTHGEN_DTYPE=bfloat16, or leave SMOOTHGEN_COMPILE unset"
        )
    try:
        torch.compile(lambda x: 2 * x + 1, dynamic=False)(torch.ones(2, device=device))
    except Exception as error:  # of torch, of the compiler that it calls, or of the system
        reason = " ".join(str(error).split())[:200]
        raise InvalidParameters(
            f"SMOOTHGEN_COMPILE=true cannot work here, torch compiles nothing for {device!r} "
            f"({type(error).__name__}: {reason}); install what it needs (a C++ compiler for the CPU, triton for a "
            "GPU), or leave SMOOTHGEN_COMPILE unset"
        ) from error


def compile_networks(pipeline: Any, backend: str = _BACKEND) -> None:
    """Compiles the U-Net and the autoencoder's decoder of a pipeline, which do nearly all of its work."""
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, _MOST_GRAPHS)
    for network in (pipeline.unet, pipeline.vae.decoder):
        network.forward = CompiledForward(network.forward, backend)
