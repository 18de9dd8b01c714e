"""A prompt as a generator receives it: the numbers x that are noised, the noise on them, and all that is held fixed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import Lipschitz
from smoothgen.contracts import Note, Template
from smoothgen.errors import InvalidSigma
from smoothgen.mechanisms import Mechanism
from smoothgen.noise import Seed, Stream


@dataclass(frozen=True)
class Draw:
    """A place in `smoothgen.noise`, from which a generator draws its own randomness ω of one sample. Equal draws give
    equal ω."""

    seed: Seed
    stream: Stream
    index: int


@dataclass(frozen=True)
class Smoothing:
    """The noise a job asks for, and the randomness ω that all samples of the job share.

    mechanism: its name in requests.
    sigma: the noise level σ, or β of a schedule; None for a mechanism that brings its own noise.
    common: the place of the shared ω.
    words_drawn: whether the text is drawn anew for every sample. What is said once of the job must then hold for every
    drawn text.
    snapped: whether noisy token embeddings are replaced by their nearest rows of the model's table.
    """

    mechanism: str
    sigma: float | None
    common: Draw
    words_drawn: bool = False
    snapped: bool = False

    @property
    def level(self) -> float:
        """Returns the noise level of a mechanism that needs one. Raises InvalidSigma where the job gives none."""
        if self.sigma is None:
            raise InvalidSigma(f"mechanism {self.mechanism!r} needs a noise level; give robustness.sigma")
        return self.sigma


@dataclass(frozen=True)
class Condition:
    """A prompt as the generator sees it.

    embedding: x, the part that is noised and attacked, float32 of any shape (double where a probe has moved it).
    mechanism: the noise on x.
    held_fixed: everything else the generator derives from the prompt, in words, for the certificate.
    random: whether the generator draws randomness ω of its own under the parameters it was given.
    notes: what the client should know about this prompt.
    lipschitz: a PROVEN constant of the map from x to the law of the output, for every x and every ω (theory T4); None
    where there is none, and never an estimate. Certificates in other metrics than its own go without it.
    mixes: conditions with equal keys, under equal parameters, may share a batch (see `joined`); None for one that stays
    alone.
    of_sample: where the text itself is drawn, the condition of a sample by the stream and index of its noise; this one
    is then that of the plain text, for what is said once. None where all samples have this condition.
    numbers_per_token: the width of an x that has one row a token; None where x has as many numbers for any prompt.
    largest_dimension: the most numbers x has in any sample of the job; None for those of `embedding`.
    template: the chat template the prompt stands in, which the job carries; None where there is none.
    prompt_tokens: how many tokens the model reads, those of the template included; None where it reads none.
    tokens: the ids of the prompt's tokens, where the generator snaps every prompt to tokens; empty where it does not.
    snap: "sha256:…" of the public table whose nearest rows the generator reads in place of noisy ones; None where it
    reads the noisy ones.
    rows: for a batch of several prompts, the mechanism of each and the number of its rows, in order (see `joined`).
    private: whatever the generator needs to run, its own business.
    """

    embedding: NDArray[np.float32] | NDArray[np.float64]
    attack_on: str
    mechanism: Mechanism
    held_fixed: tuple[str, ...]
    random: bool
    notes: tuple[Note, ...] = ()
    lipschitz: Lipschitz | None = None
    mixes: Hashable | None = None
    of_sample: Callable[[Stream, int], Condition] | None = None
    numbers_per_token: int | None = None
    largest_dimension: int | None = None
    template: Template | None = None
    prompt_tokens: int | None = None
    tokens: tuple[int, ...] = ()
    snap: str | None = None
    rows: tuple[tuple[Mechanism, int], ...] = ()
    private: Any = None

    def noisy(self, noise: NDArray[np.float64], step: int = 0) -> NDArray[np.float64]:
        """Returns what the generator receives instead of x, shape (n, *x.shape): one noisy x for every row of `noise`.

        Each row lies on the grid of its own job's noise (`Mechanism.noisy`), because prompts that share a batch may
        have different noise levels.
        """
        if not self.rows:
            return self.mechanism.noisy(self.embedding, noise, step)
        ends = np.cumsum([count for _, count in self.rows])
        return np.concatenate(
            [
                mechanism.noisy(self.embedding[end - count : end], noise[end - count : end], step)
                for (mechanism, count), end in zip(self.rows, ends.tolist(), strict=True)
            ]
        )

    @property
    def rounding_slack(self) -> float:
        """Returns a bound on the total variation between the noise as the generator receives it and ideal noise
        (docs/theory/numerics.md)."""
        return self.mechanism.rounding_slack(self.largest_dimension or self.embedding.size)


def joined(parts: Sequence[tuple[Condition, int]]) -> Condition:
    """Returns one condition for a batch of several prompts, given with the number of rows of each, in order.

    The joined embedding has one row for every row of the batch. A single condition is returned unchanged, and its
    embedding broadcasts. Everything else that a generator keeps of the prompt must be equal where `mixes` is equal.
    """
    first = parts[0][0]
    if len(parts) == 1:
        return first
    rows = np.repeat(np.stack([c.embedding for c, _ in parts]), [count for _, count in parts], axis=0)
    return dataclasses.replace(first, embedding=rows, rows=tuple((c.mechanism, count) for c, count in parts))
