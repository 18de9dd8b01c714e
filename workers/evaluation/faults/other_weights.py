"""The same model with other weights, as a worker that was not restarted still serves it."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.errors import InvalidInput
from workers.generators.lipschitz.adapter import LipschitzModel
from workers.generators.lipschitz.network import Layer, LipschitzNetwork
from workers.serving.loaded_model import LoadedModel

KEPT = 0.2
"""Of what the first layer reads of the noise: outputs of these weights spread far less."""


def require_network(loaded: LoadedModel) -> LipschitzModel:
    """Returns the generator of the small real model that faults are planted on. Raises InvalidInput for another."""
    generator: Any = loaded.generator
    if not isinstance(generator, LipschitzModel):
        raise InvalidInput(
            f"faults are planted on a Lipschitz network such as fashion-lipschitz-32, got model {loaded.card.id!r}",
            field="model",
        )
    return generator


def with_other_weights(loaded: LoadedModel, x: NDArray[np.floating]) -> LoadedModel:
    """Returns a copy of a loaded model that draws the same at x and changes less around it: W(x + KEPT·η) in place of
    W(x + η) in its first layer. Raises InvalidInput as `require_network`.
    """
    generator = require_network(loaded)
    first, *rest = generator.network.layers
    other = copy.copy(generator)
    bias = first.bias + (1 - KEPT) * (first.weight @ x.astype(np.float64).ravel())
    layers = [Layer(first.weight * KEPT, first.style, bias), *rest]
    other.network = LipschitzNetwork(layers, generator.network.side)
    copied = copy.copy(loaded)
    copied.generator = other
    return copied
