"""What a generator is to the rest of a worker."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from smoothgen.certificates import Lipschitz, ModelIdentity
from smoothgen.contracts import ImageCard, ImageOutput, Note, Output, Parameters, Template, TextOutput
from smoothgen.errors import InvalidSigma
from smoothgen.images import encode_png
from smoothgen.mechanisms import Mechanism
from smoothgen.noise import Seed, Stream
from workers.features import Classifier

if TYPE_CHECKING:  # closed-form models run without it
    import torch


@dataclass(frozen=True)
class Text:
    """A generated text. `ended`: whether the model ended it itself; False where max_new_tokens cut it. Two texts are
    equal where they read the same."""

    text: str
    media_type: str = "text/plain; charset=utf-8"
    ended: bool = field(default=True, compare=False)

    @property
    def content(self) -> str:
        """What metrics compare."""
        return self.text

    def output(self, *, certified: bool) -> Output:
        """As the client sees it."""
        return TextOutput(
            media_type=self.media_type, text=self.text, digest=_digest(self.text.encode()), certified=certified
        )


@dataclass(frozen=True)
class Picture:
    """A generated picture: uint8 (height, width, 3). Metrics compare these very pixels, and PNG keeps them exactly.

    withheld: whether the model's safety checker put a black picture in its place.
    """

    pixels: NDArray[np.uint8]
    media_type: str = "image/png"
    withheld: bool = False

    @property
    def content(self) -> NDArray[np.uint8]:
        """What metrics compare."""
        return self.pixels

    def output(self, *, certified: bool) -> Output:
        """As the client sees it."""
        data = base64.b64encode(self._png).decode("ascii")
        return ImageOutput(media_type=self.media_type, data=data, digest=_digest(self._png), certified=certified)

    @cached_property
    def _png(self) -> bytes:
        """Encoded once: the served picture is reported, named in the certificate, and stored."""
        return encode_png(Image.fromarray(self.pixels))


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass(frozen=True)
class Failure:
    """A sample that gave no output. It counts as the worst distance (theory §3)."""

    reason: str


Made = Text | Picture
"""One whole output."""


@dataclass(frozen=True)
class Draw:
    """The generator's own randomness ω for one sample: a place in `smoothgen.noise`. Equal draws, equal ω."""

    seed: Seed
    stream: Stream
    index: int


@dataclass(frozen=True)
class Smoothing:
    """The noise a job asks for: a mechanism by its request name, its level, and the ω all samples of the job share.

    sigma: σ, or β of a schedule; None for a mechanism that brings its own noise. words_drawn: whether the text is drawn
    anew for every sample, so that what is said of it once must not depend on which it is.
    """

    mechanism: str
    sigma: float | None
    common: Draw
    words_drawn: bool = False

    @property
    def level(self) -> float:
        """The noise level of a mechanism that needs one. Raises InvalidSigma."""
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
    rows: tuple[tuple[Mechanism, int], ...] = ()
    private: Any = None

    def noisy(self, noise: NDArray[np.float64], step: int = 0) -> NDArray[np.float64]:
        """What the generator receives instead of x for every row of `noise` (`Mechanism.noisy`), (n, *x.shape).

        Every row is on the grid of its own job's noise: prompts that share a batch need not share a level.
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
        """Total variation between the noise as the generator receives it and ideal noise (docs/theory/numerics.md)."""
        return self.mechanism.rounding_slack(self.largest_dimension or self.embedding.size)


def joined(parts: Sequence[tuple[Condition, int]]) -> Condition:
    """One condition for a batch of several prompts, each with the number of its rows, in order.

    Its embedding has a row for every row of the batch; where there is only one condition it is that one as it is, and
    broadcasts. Whatever else a generator keeps of the prompt must be equal where `mixes` is.
    """
    first = parts[0][0]
    if len(parts) == 1:
        return first
    rows = np.repeat(np.stack([c.embedding for c, _ in parts]), [count for _, count in parts], axis=0)
    return dataclasses.replace(first, embedding=rows, rows=tuple((c.mechanism, count) for c, count in parts))


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


@dataclass(frozen=True)
class SmoothMap:
    """A generator as torch differentiates it: noisy embeddings (rows, *x.shape) to real outputs, row by row.

    scale: what the l2 norm of a change of the outputs is multiplied by to be in `unit`.
    """

    call: Callable[[torch.Tensor], torch.Tensor]
    scale: float
    unit: str


@runtime_checkable
class Differentiable(Protocol):
    """A generator whose outputs, before they are rounded or decoded, are a smooth function of the noisy embedding."""

    def smooth_map(self, condition: Condition, draw: Draw, parameters: Parameters) -> SmoothMap:
        """The map for one prompt's condition and one ω, the same for every row."""
        ...
