"""What a generator is to the rest of a worker."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import ModelIdentity
from smoothgen.contracts import TextParameters
from smoothgen.noise import Seed, Stream


@dataclass(frozen=True)
class Text:
    """A generated text."""

    text: str
    media_type: str = "text/plain; charset=utf-8"

    @cached_property
    def digest(self) -> str:
        """sha256 over the exact bytes served, "sha256:<hex>"."""
        return f"sha256:{hashlib.sha256(self.text.encode()).hexdigest()}"


@dataclass(frozen=True)
class Failure:
    """A sample that gave no output. It counts as the worst distance (theory §3)."""

    reason: str


@dataclass(frozen=True)
class Condition:
    """A prompt as the generator sees it.

    embedding: x, the part that is noised and attacked, float32 of any shape.
    held_fixed: everything else the generator derives from the prompt, in words, for the certificate.
    random: whether the generator draws randomness ω of its own under the parameters it was given.
    private: whatever the generator needs to run, its own business.
    """

    embedding: NDArray[np.float32]
    attack_on: str
    held_fixed: tuple[str, ...]
    random: bool
    private: Any = None


@dataclass(frozen=True)
class Draw:
    """The generator's own randomness ω for one sample: a place in `smoothgen.noise`. Equal draws, equal ω."""

    seed: Seed
    stream: Stream
    index: int


class Generator(Protocol):
    """G(x, ω): a model with a declared conditioning path.

    An adapter must pass everything it derives from the prompt through `Condition.embedding`, or name it in
    `held_fixed`: a path that bypasses the noise silently would make every certificate false.
    """

    @property
    def identity(self) -> ModelIdentity:
        """Name, revision and digest for certificates."""
        ...

    @property
    def description(self) -> str:
        """One sentence for GET /models."""
        ...

    @property
    def default_sigma(self) -> float:
        """The noise level served when a request names none."""
        ...

    @property
    def longest_prompt_tokens(self) -> int | None:
        """The longest prompt, None where there is no such limit."""
        ...

    def condition(self, prompt: str, parameters: TextParameters) -> Condition:
        """Embed a prompt. Raises InvalidPrompt or InvalidParameters."""
        ...

    def generate(
        self,
        condition: Condition,
        noise: NDArray[np.float64],
        draws: Sequence[Draw],
        parameters: TextParameters,
    ) -> list[Text | Failure]:
        """One output for each row of `noise`, float64 of shape (batch, *embedding.shape), with each row's own ω.

        May raise: the batch is then split until the sample that raises stands alone and counts as failed.
        """
        ...
