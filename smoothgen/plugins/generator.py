"""The protocol of a generator that a package brings. It needs numpy and nothing of SmoothGen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class GeneratorPlugin(Protocol):
    """G(x, ω): a model whose prompt becomes an array x, and that makes outputs of x with noise on it.

    The entry point (group smoothgen.generators) names a callable that takes one string, what stands after the second
    colon in SMOOTHGEN_MODELS ("name=plugin:thermostat:/a/folder"), "" where nothing does. It returns an object like
    this, which lives as long as the worker.

    Every certificate rests on three rules.

    1. Everything of the prompt goes through x. `generate` is given noisy x, and must use nothing that `embed` or
       anything else kept of a prompt. What noise cannot be put on, such as the number of rows that x has, `embed`
       names in words as held fixed.
    2. All chance is given. An output is a function of one row of x, of the numpy generator given with it, and of the
       parameters.
    3. Rows are alone. The output of a row does not depend on the rows beside it.

    A worker tries these rules on `examples` when it starts, and does not serve a model that breaks them or does not
    state what is below. That finds mistakes and proves nothing.
    """

    description: str
    """One sentence for GET /models."""
    output_kind: str
    """"text"; "number" for texts that spell a number in [0, 1]; or "picture"."""
    attack_on: str
    """What x is, and so what is noised and attacked, in words: "temperature in degrees"."""
    dimension: int
    """The most numbers that x has for any prompt."""
    default_sigma: float
    """The noise level that is served where a request names none, in units of x."""
    deterministic: bool
    """Must be True: equal x, equal numbers of the numpy generator and equal parameters give equal outputs."""
    random: bool
    """Whether it draws from the numpy generator at all."""
    precision: str
    """What the network computes in: "float32" or "float64"."""
    weights: str
    """"sha256:<hex>" over everything that shapes outputs beside the package's own code; "" where there is nothing."""
    examples: Sequence[str]
    """Two prompts that it takes under default parameters, and that have different x."""
    side: int
    """Pictures only: their width and height in pixels, a multiple of 8. May be absent otherwise."""

    def embed(self, prompt: str, parameters: Mapping[str, Any]) -> tuple[NDArray[np.floating[Any]], Sequence[str]]:
        """Returns x, an array of finite numbers that float32 holds, and in words what else of the prompt is held
        fixed: ["token count (5)"], or nothing.

        parameters: those of the request for its modality, None where a request leaves one open. Raises ValueError for a
        prompt or parameters it does not take.
        """
        ...

    def generate(
        self,
        noisy: NDArray[np.float64],
        randomness: Sequence[np.random.Generator],
        parameters: Mapping[str, Any],
    ) -> Sequence[Any]:
        """Returns one output for each row of `noisy`, shape (n, *x.shape): a text, or a picture as uint8 of shape
        (side, side, 3). None stands for a failure, which counts as the worst there is.

        randomness: the ω of each row. Where it raises, the batch is split until the row that raises stands alone.
        """
        ...
