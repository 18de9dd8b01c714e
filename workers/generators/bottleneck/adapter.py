"""A causal language model that reads its prompt through a bottleneck: the noise is put on k numbers that carry the
meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from smoothgen.certificates import ModelIdentity
from smoothgen.contracts import EDITS, Note, Parameters
from smoothgen.errors import InvalidParameters, UnknownName
from smoothgen.mechanisms import Gaussian
from workers.features import PromptReader, require_whole
from workers.generators.bottleneck.soft_prompt import SoftPrompt
from workers.generators.conditions import Condition, Draw, Smoothing
from workers.generators.differentiable import SmoothMap
from workers.generators.language.adapter import LOG_PROBABILITY_UNIT, LanguageModel
from workers.generators.language.text_parameters import text_parameters
from workers.generators.outputs import Failure, Made
from workers.generators.protocol import OutputKind
from workers.generators.unnoised import Unnoised

_NOTED: Final = 0.5
"""The probability of the domain below which a prompt is noted as foreign, by the model's own reading of its noiseless
x."""


class Places(Protocol):
    """A map from sentence embeddings to x."""

    @property
    def width(self) -> int:
        """Returns k, the number of coordinates of x."""
        ...

    def place(self, sentences: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the x of each sentence, shape (n, k)."""
        ...


class BottleneckModel:
    """A model in five steps: sentence encoder → head → x, k numbers → noise here → soft prompt → frozen language model.

    Whatever of the prompt reaches the text goes through x: the number of virtual tokens, and so mask and positions, is
    the same for every prompt, and no template or token of the prompt is read. Nothing is held fixed.
    """

    mechanisms = ("embedding", EDITS)
    default_betas: ClassVar[dict[str, float]] = {}
    output_kind: OutputKind = "text"
    for_learning = False
    image = None
    classifier = None

    def __init__(
        self,
        encoder: PromptReader,
        head: Places,
        soft_prompt: SoftPrompt,
        language: LanguageModel,
        *,
        identity: ModelIdentity,
        description: str,
        default_sigma: float,
        batch_sensitivity: float | None = None,
    ) -> None:
        self._encoder, self._head, self._soft_prompt = encoder, head, soft_prompt.eval()
        self._language, self.longest_prompt_tokens = language, encoder.longest_tokens
        self.identity, self.description, self.default_sigma = identity, description, default_sigma
        self.precision = str(language.network.dtype).removeprefix("torch.")
        self.batch_sensitivity = batch_sensitivity

    @property
    def passes(self) -> int:
        """Returns how often the language model's network was called."""
        return self._language.passes

    @property
    def largest_dimension(self) -> int:
        """Returns k, the number of coordinates of x."""
        return self._head.width

    def condition(self, prompt: str, parameters: Parameters, smoothing: Smoothing) -> Condition:
        """Embeds the prompt. Raises InvalidParameters for a chat template, InvalidPrompt, UnknownName."""
        parameters = text_parameters(parameters)
        if parameters.chat:
            raise InvalidParameters(
                f"model {self.identity.name!r} reads its prompt through {self._soft_prompt.table.shape[1]} virtual "
                "tokens and has no use for a chat template; send chat=false",
                field="parameters.chat",
            )
        if smoothing.mechanism not in self.mechanisms:
            raise UnknownName("mechanism", smoothing.mechanism, self.mechanisms, field="robustness.mechanism")
        require_whole(self._encoder, prompt, "prompt")
        x = self._head.place(self._encoder.features([prompt]))[0].astype(np.float32)
        unnoised = smoothing.mechanism == EDITS
        return Condition(
            x,
            attack_on=f"sentence condition ({x.size} numbers)",
            mechanism=Unnoised() if unnoised else Gaussian(smoothing.level),
            held_fixed=(),
            random=parameters.temperature > 0,
            notes=self._notes(x),
            mixes=(unnoised,),
        )

    def generate(
        self, condition: Condition, noise: NDArray[np.float64], draws: Sequence[Draw], parameters: Parameters
    ) -> list[Made | Failure]:
        """Makes one batched `generate` call after the soft prompts of noisy x. All have one length, so nothing is
        padded."""
        with torch.inference_mode():
            return self._language.continued(self.inputs(condition, noise), draws, parameters)

    def inputs(self, condition: Condition, noise: NDArray[np.float64]) -> torch.Tensor:
        """Returns what the language model receives for each row of noise: virtual tokens (batch, tokens, width)."""
        noisy = torch.from_numpy(condition.noisy(noise))
        virtual: torch.Tensor = self._soft_prompt(noisy.float())
        return virtual

    def smooth_map(self, condition: Condition, draw: Draw, parameters: Parameters) -> SmoothMap:
        """Returns the map from x to the log-probabilities of the first token."""
        del condition, draw, parameters
        return SmoothMap(lambda x: self._language.next_token(self._soft_prompt(x.float())), 1.0, LOG_PROBABILITY_UNIT)

    def _notes(self, x: NDArray[np.float32]) -> tuple[Note, ...]:
        with torch.inference_mode():
            elsewhere = float(torch.softmax(self._soft_prompt.logits(torch.from_numpy(x)[None]), dim=-1)[0, -1])
        if elsewhere <= 1 - _NOTED:
            return ()
        return (
            Note(
                code="out_of_vocabulary",
                detail="the prompt lies outside the small closed domain this model was trained on (docs/bottleneck.md "
                "lists its questions). The text and its certificate stand, but need not answer the prompt.",
            ),
        )
