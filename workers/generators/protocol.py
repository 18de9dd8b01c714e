"""The protocol of a generator: what the rest of a worker asks of any model family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import ModelIdentity
from smoothgen.contracts import ImageCard, ListedNeighbours, Parameters, RunWords, Template
from smoothgen.tokens import TokenTable
from workers.features import Classifier
from workers.generators.conditions import Condition, Draw, Smoothing
from workers.generators.outputs import Failure, Made

OutputKind = Literal["text", "number", "picture"]
"""What a generator makes. A number is served as a text that spells it."""


class Generator(Protocol):
    """G(x, ω): a model with a declared conditioning path.

    An adapter must pass everything it derives from the prompt through `Condition.embedding`, or name it in
    `held_fixed`: a path that bypasses the noise silently would make every certificate false.
    """

    @property
    def identity(self) -> ModelIdentity:
        """Returns the name, revision and digest that stand in certificates."""
        ...

    @property
    def description(self) -> str:
        """Returns one sentence for GET /models."""
        ...

    @property
    def default_sigma(self) -> float:
        """Returns the noise level that is served when a request names none."""
        ...

    @property
    def default_betas(self) -> dict[str, float]:
        """Returns the default noise level of each mechanism with a schedule, by its name in requests."""
        ...

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """Returns the mechanisms that the generator accepts, by their names in requests. The first one certifies a
        request that names none."""
        ...

    @property
    def output_kind(self) -> OutputKind:
        """Returns what the generator makes. The kind decides which output metrics the model offers."""
        ...

    @property
    def for_learning(self) -> bool:
        """Returns whether the model only shows what a certificate's numbers mean. Such a model reads no words, so no
        synonym certificate is offered for it."""
        ...

    @property
    def image(self) -> ImageCard | None:
        """Returns the sizes and schedulers of a picture model; None for a model that makes no pictures."""
        ...

    @property
    def classifier(self) -> Classifier | None:
        """Returns the network that classifies the generator's pictures; None where the model came without one."""
        ...

    @property
    def longest_prompt_tokens(self) -> int | None:
        """Returns the length of the longest prompt in tokens; None where there is no limit."""
        ...

    @property
    def largest_dimension(self) -> int | None:
        """Returns the largest number of coordinates that x can have under noise on the embedding; None where there is
        no limit."""
        ...

    @property
    def precision(self) -> str:
        """Returns the number format in which the network computes: "float32", "bfloat16" or "float16"; "float64" for a
        model that computes in double precision."""
        ...

    @property
    def batch_sensitivity(self) -> float | None:
        """Returns the share of probe rows whose output changed with the batch size. The share is measured when a model
        is loaded in 16 bits, and None otherwise."""
        ...

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        """Embeds a prompt. Raises InvalidPrompt or InvalidParameters."""
        ...

    def generate(
        self,
        condition: Condition,
        noise: NDArray[np.float64],
        draws: Sequence[Draw],
        parameters: Parameters,
    ) -> Sequence[Made | Failure]:
        """Returns one output for each row of `noise`, made with the ω of that row. The noise is drawn by
        `condition.mechanism`.

        `condition` may be a joined one, whose embedding has a row for every row of the noise. The method may raise: the
        batch is then split until the sample that raises stands alone and counts as failed.
        """
        ...


@runtime_checkable
class Templated(Protocol):
    """A generator that can set a prompt in a chat template.

    A template is rendered once for a job and carried with the job. A template that contains the current time would read
    differently on the next worker.
    """

    def rendered(self, prompt: str, parameters: Parameters) -> Template | None:
        """Returns the chat template around this prompt as it reads now; None where the parameters ask for none. Raises
        InvalidParameters, InvalidPrompt."""
        ...

    def condition(
        self, prompt: str, parameters: Parameters, smoothing: Smoothing, template: Template | None = None
    ) -> Condition:
        """Embeds a prompt in a template that was rendered before. Otherwise equal to `Generator.condition`."""
        ...


@runtime_checkable
class Tokenizing(Protocol):
    """A generator whose prompts go through a tokenizer."""

    @property
    def tokenizer(self) -> Any:
        """Returns the transformers tokenizer."""
        ...


@runtime_checkable
class TokenSnap(Protocol):
    """A generator that can read every prompt as the nearest token sequence, which is all that an attack can change
    (mechanism tokens)."""

    def snap_table(self) -> TokenTable:
        """Returns the rows that embeddings are snapped to. Raises UnusableTable."""
        ...

    def listed(self, condition: Condition, number: int) -> ListedNeighbours:
        """Returns the `number` other token sequences nearest to the prompt of a snapped condition, or all there are."""
        ...

    def changed(self, condition: Condition, changes: Sequence[tuple[int, int]]) -> Condition:
        """Returns the condition of another token sequence. changes: the positions where it differs from the prompt, and
        the token ids that stand there."""
        ...

    def words(self, condition: Condition) -> RunWords:
        """Returns the text of a snapped condition's tokens, cut to what is kept of it."""
        ...

    def cost(self, condition: Condition, other: Condition) -> float:
        """Returns a lower bound of the l2 norm of every attack that turns the one prompt into the other, embedding
        units. Raises InvalidTokens for prompts of different numbers of tokens."""
        ...
