"""Which rows of a network's token embeddings can be among the nearest of a point, by products on its device."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen.tokens import MakesFirstPass
from smoothgen.tokens.candidates import ORDER, UNDERFLOW
from smoothgen.tokens.distances import expansion_error

_DEVICE: Final = "cuda"
"""The kind of device that is faster than numpy."""
_PRODUCT_BYTES: Final = 2**28
_ROW_BYTES: Final = 2**26


class DevicePass:
    """`Candidates` of smoothgen.tokens on a device: the same products and margins in double, so that no row is lost.

    Memory at work on the device: products of 256 MiB, or 8 bytes a target where that is more; 64 bytes a target; and
    rows of 96 MiB, which are read from the network's own layer and not kept.
    """

    def __init__(
        self,
        layer: Callable[[torch.Tensor], torch.Tensor],
        device: torch.device,
        targets: NDArray[np.int64],
        norms: NDArray[np.float64],
        width: int,
    ) -> None:
        """layer: the embedding of ids, (ids, width), as the table holds it. targets: ids in increasing order. norms:
        ‖row‖² of every row."""
        self._layer, self._device, self._targets = layer, device, targets
        self._ids = torch.from_numpy(targets).to(device)
        self._norms = torch.from_numpy(norms[targets]).to(device)
        self._error = expansion_error(width)

    def of(
        self, points: NDArray[Any], number: int, without: NDArray[np.int64] | None = None
    ) -> Iterator[NDArray[np.int64]]:
        """Yields what `FirstPass.of` says. Proof that no row is lost: docs/theory/neighbours.md, "Numerics"."""
        together = max(1, _PRODUCT_BYTES // (8 * max(len(self._targets), 1)))
        for start in range(0, len(points), together):
            block = np.asarray(points[start : start + together], dtype=np.float64)
            own = np.square(block).sum(axis=1)
            products = self._products(block)
            for k in range(len(block)):
                left_out = None if without is None else int(without[start + k])
                yield self._chosen(float(own[k]), products[k], number, left_out)

    @torch.inference_mode()
    def _products(self, block: NDArray[np.float64]) -> torch.Tensor:
        given = torch.from_numpy(block).to(self._device)
        found = torch.empty((len(block), len(self._ids)), dtype=torch.float64, device=self._device)
        step = max(1, _ROW_BYTES // (8 * block.shape[1]))
        for start in range(0, len(self._ids), step):
            rows = self._layer(self._ids[start : start + step]).float().double()
            found[:, start : start + step] = given @ rows.T
        return found

    @torch.inference_mode()
    def _chosen(self, own: float, products: torch.Tensor, number: int, left_out: int | None) -> NDArray[np.int64]:
        norms = self._norms + own
        margin = norms * self._error + UNDERFLOW
        squared = norms - 2 * products
        highest, lowest = squared + margin, squared - margin
        if left_out is not None:
            place = int(np.searchsorted(self._targets, left_out))
            if place < len(self._targets) and self._targets[place] == left_out:
                highest[place] = lowest[place] = torch.inf
        limit = highest.kthvalue(number).values if number <= len(highest) else torch.inf
        within = (lowest <= limit * ORDER) & (lowest < torch.inf)
        chosen: NDArray[np.int64] = self._targets[within.nonzero()[:, 0].cpu().numpy()]
        return chosen


def device_pass(network: Any) -> MakesFirstPass | None:
    """Returns the first pass over a transformers network's input embeddings where a CUDA device holds them, else None:
    on a CPU numpy is faster."""
    layer = network.get_input_embeddings()
    device, width = layer.weight.device, int(layer.weight.shape[1])
    if device.type != _DEVICE:
        return None
    return lambda targets, norms: DevicePass(layer, device, targets, norms, width)
