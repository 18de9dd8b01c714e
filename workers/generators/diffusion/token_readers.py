"""What stands between a prompt's tokens and a pipeline: its own text encoder, or a sentence encoder with a trained
head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from workers.features import require_whole
from workers.features.sentence_encoder import SentenceEncoder
from workers.generators.diffusion.encoder_tokens import EncoderTokens
from workers.generators.diffusion.prompts import PipelinePrompts
from workers.generators.diffusion.text_head import TextHead


class TokenReader(Protocol):
    """A way from token ids to the pipeline's condition, the one that a prompt takes."""

    @property
    def tokens(self) -> EncoderTokens:
        """Returns the text encoder's tokens."""
        ...

    def own(self, prompt: str) -> list[int]:
        """Returns the ids of the prompt's own tokens. Raises InvalidPrompt for a prompt that is not served."""
        ...

    def read(self, own: Sequence[int]) -> NDArray[np.float32]:
        """Returns the condition of a prompt of these tokens, as `PromptEncoder.encode` gives it."""
        ...


class PipelineReader:
    """The CLIP text encoder of a Stable Diffusion pipeline. Its last states are a function of its input embeddings,
    which are attacked, and of nothing else in the ids."""

    def __init__(self, pipeline: Any, prompts: PipelinePrompts) -> None:
        self._pipeline, self._prompts = pipeline, prompts
        longest = prompts.longest_tokens
        self.tokens = EncoderTokens(pipeline.text_encoder, pipeline.tokenizer, filled_to=longest)

    def own(self, prompt: str) -> list[int]:
        """Returns the ids of the prompt's own tokens, those of textual inversions each for itself."""
        self._prompts.require_whole("prompt", prompt)
        return self.tokens.own(self._pipeline.maybe_convert_prompt(prompt, self._pipeline.tokenizer))

    def read(self, own: Sequence[int]) -> NDArray[np.float32]:
        """Returns the last states, as diffusers' `encode_prompt` computes them."""
        encoder = self._pipeline.text_encoder
        inputs = {name: tensor.to(self._pipeline.device) for name, tensor in self.tokens.inputs(own).items()}
        mask = inputs["attention_mask"] if getattr(encoder.config, "use_attention_mask", False) else None
        with torch.inference_mode():
            states: NDArray[np.float32] = encoder(inputs["input_ids"], attention_mask=mask)[0][0].float().cpu().numpy()
        return states


class HeadReader:
    """A frozen sentence encoder and a small trained head."""

    def __init__(self, encoder: SentenceEncoder, head: TextHead) -> None:
        self._encoder, self._head = encoder, head
        self.tokens = EncoderTokens(encoder.network, encoder.tokenizer)

    def own(self, prompt: str) -> list[int]:
        """Returns the ids of the prompt's own tokens."""
        require_whole(self._encoder, prompt, "prompt")
        return self.tokens.own(prompt)

    def read(self, own: Sequence[int]) -> NDArray[np.float32]:
        """Returns the prompt's point, shape (1, width)."""
        return self._head.points(self._encoder.features_of_tokens(self.tokens.inputs(own))).astype(np.float32)
