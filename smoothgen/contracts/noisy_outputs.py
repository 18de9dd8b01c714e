"""The noisy samples that a job answers where all of them are asked for (`"output": "samples"`)."""

from __future__ import annotations

import base64
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

SAMPLES: Final = "samples"
"""The output that asks for all of them."""

NoisyStream = Literal["selection", "certification"]


class NoisyOutput(BaseModel):
    """One noisy sample: a text, a picture, or why there is none."""

    model_config = ConfigDict(frozen=True)

    stream: NoisyStream = Field(
        description="selection: it chose centre and output, and certifies nothing; certification: it was measured."
    )
    index: int = Field(description="Its place in the stream, from 0 on: noise belongs to (seed, stream, index).")
    text: str | None = None
    png: str | None = Field(default=None, description="A picture, PNG as base64.")
    failure: str | None = Field(default=None, description="Why it failed. It counts as the worst distance there is.")

    @property
    def content(self) -> bytes | None:
        """Returns the text as UTF-8, or the PNG file; None where the sample failed."""
        if self.png is not None:
            return base64.b64decode(self.png)
        return None if self.text is None else self.text.encode()


class NoisyOutputs(BaseModel):
    """What GET /jobs/{id}/outputs answers: selection samples first, each stream by index."""

    model_config = ConfigDict(frozen=True)

    job: str
    outputs: list[NoisyOutput]

    def of_stream(self, stream: NoisyStream) -> list[NoisyOutput]:
        """Returns the samples of one stream, by index."""
        return [output for output in self.outputs if output.stream == stream]


NOISY_OUTPUTS: Final[TypeAdapter[list[NoisyOutput]]] = TypeAdapter(list[NoisyOutput])
"""Reads and writes the samples of a selection or of a chunk."""
