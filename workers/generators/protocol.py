"""The protocol of a generator: what the rest of a worker asks of any model family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from smoothgen.certificates import ModelIdentity
from smoothgen.contracts import ImageCard, Parameters, Template
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
    def default_betas(self) -> dict[str, float]:
        """The same for mechanisms with a schedule, by request name."""
        ...

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """The mechanisms it has a use for, by request name."""
        ...

    @property
    def output_kind(self) -> OutputKind:
        """What the generator makes. The kind decides which output metrics the model offers."""
        ...

    @property
    def for_learning(self) -> bool:
        """Whether the model only shows what a certificate's numbers mean. Such a model reads no words, so no synonym
        certificate is offered for it."""
        ...

    @property
    def image(self) -> ImageCard | None:
        """What it takes and makes, for a model of pictures; None for one of texts."""
        ...

    @property
    def classifier(self) -> Classifier | None:
        """The network that judges its pictures, where one came with it."""
        ...

    @property
    def longest_prompt_tokens(self) -> int | None:
        """The longest prompt, None where there is no such limit."""
        ...

    @property
    def largest_dimension(self) -> int | None:
        """The most numbers that an x under noise on the embedding can have, None where there is no such limit."""
        ...

    @property
    def precision(self) -> str:
        """The number format its network computes in: "float32", "bfloat16", "float16"; "float64" of what runs in double
        precision."""
        ...

    @property
    def batch_sensitivity(self) -> float | None:
        """The share of probe rows whose output changed with the batch size, measured when it was loaded in 16 bits;
        None where nothing was measured."""
        ...

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        """Embed a prompt. Raises InvalidPrompt or InvalidParameters."""
        ...

    def generate(
        self,
        condition: Condition,
        noise: NDArray[np.float64],
        draws: Sequence[Draw],
        parameters: Parameters,
    ) -> Sequence[Made | Failure]:
        """One output for each row of `noise`, as `condition.mechanism` draws it, with each row's own ω.

        `condition` may be a joined one, whose embedding has a row for every row of the noise.
        May raise: the batch is then split until the sample that raises stands alone and counts as failed.
        """
        ...


@runtime_checkable
class Templated(Protocol):
    """A generator that can set a prompt in a chat template. A template is rendered once for a job and carried with it:
    one with a clock would read otherwise on the next worker."""

    def rendered(self, prompt: str, parameters: Parameters) -> Template | None:
        """The template around this prompt as it reads now, None where the parameters ask for none. Raises
        InvalidParameters, InvalidPrompt."""
        ...

    def condition(
        self, prompt: str, parameters: Parameters, smoothing: Smoothing, template: Template | None = None
    ) -> Condition:
        """`Generator.condition`, in a template rendered before."""
        ...
