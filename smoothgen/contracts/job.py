"""A job on its way: what the gateway queues, what the worker stores, what the client sees."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from smoothgen.contracts.base import Contract
from smoothgen.contracts.metrics import Metric
from smoothgen.contracts.parameters import Parameters
from smoothgen.contracts.problem import Problem
from smoothgen.contracts.request import GenerateRequest

Status = Literal["queued", "running", "succeeded", "failed"]
FINISHED: frozenset[str] = frozenset({"succeeded", "failed"})


class JobSpec(Contract):
    """A validated request with everything the server decided: σ, metric, tolerance, seed. All a worker needs."""

    id: str
    request: GenerateRequest
    parameters: Parameters
    sigma: float | None
    """None where the mechanism brings its own noise."""
    metric: Metric
    tolerance: float
    seed: str
    seed_origin: Literal["server", "client"]
    submitted_ms: int

    @property
    def total_samples(self) -> int:
        """Model generations the job takes: selection, certification, and the sample to be served where one is."""
        robustness = self.request.robustness
        return robustness.selection_samples + robustness.samples + (self.request.output == "sample")


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelRef(_View):
    """Which model answered."""

    name: str
    revision: str
    digest: str


class TextOutput(_View):
    """A generated text. `certified` turns true with the certificate."""

    type: Literal["text"] = "text"
    media_type: str
    text: str
    digest: str
    certified: bool

    @property
    def content(self) -> bytes:
        """The exact bytes the digest covers."""
        return self.text.encode()


class ImageOutput(_View):
    """A generated picture, as base64. `certified` turns true with the certificate."""

    type: Literal["image"] = "image"
    media_type: str
    data: str
    digest: str
    certified: bool

    @property
    def content(self) -> bytes:
        """The exact bytes the digest covers."""
        return base64.b64decode(self.data)


Output = Annotated[TextOutput | ImageOutput, Field(discriminator="type")]


class Note(_View):
    """Something the caller should know about the answer. `code` is stable, `detail` is for people."""

    code: Literal["out_of_vocabulary", "underspecified"]
    detail: str


class AbstentionView(_View):
    """Nothing, or less than asked, could be proven; `curve` is what was. `curve` holds (epsilon, W₁ bound) pairs."""

    reason: str
    detail: str
    curve: list[tuple[float, float]]


class Usage(_View):
    """What the job cost. `overhead`: model generations run for the one output served."""

    samples: int
    device_s: float
    queued_s: float
    overhead: int


class Progress(_View):
    """Samples done of samples planned."""

    done: int
    total: int


class JobView(_View):
    """A job as the client sees it: POST /generate and GET /jobs/{id}."""

    id: str
    status: Status
    model: ModelRef
    progress: Progress
    output: Output | None = None
    notes: list[Note] | None = Field(default=None, description="What the caller should know about the answer.")
    certificate: dict[str, Any] | None = Field(
        default=None, description="A certificate document, schema smoothgen/certificate/v1."
    )
    abstention: AbstentionView | None = None
    usage: Usage | None = None
    error: Problem | None = Field(default=None, description="Why the job failed.")


class JobResult(_View):
    """What a worker stores when a job ends well: a certificate or an abstention, and the output."""

    model: ModelRef
    output: Output
    notes: list[Note] | None = None
    certificate: dict[str, Any] | None = None
    abstention: AbstentionView | None = None
    usage: Usage
