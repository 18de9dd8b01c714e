"""A job's noisy samples as it answers them, where all of them are asked for."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from smoothgen.contracts import SAMPLES, JobSpec, NoisyOutput, NoisyStream
from workers.generators import Failure, Made, Picture


def noisy_outputs(
    spec: JobSpec, stream: NoisyStream, first: int, outputs: Sequence[Made | Failure]
) -> tuple[NoisyOutput, ...] | None:
    """Returns samples `first`, first + 1, … of a stream; None where the job does not ask for them."""
    if spec.request.output != SAMPLES:
        return None
    return tuple(_told(stream, index, output) for index, output in enumerate(outputs, first))


def _told(stream: NoisyStream, index: int, output: Made | Failure) -> NoisyOutput:
    if isinstance(output, Failure):
        return NoisyOutput(stream=stream, index=index, failure=output.reason)
    if isinstance(output, Picture):
        return NoisyOutput(stream=stream, index=index, png=base64.b64encode(output.png).decode("ascii"))
    return NoisyOutput(stream=stream, index=index, text=output.text)
