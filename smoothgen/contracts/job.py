"""A job on its way: what the gateway queues, what the worker stores, what the client sees."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from smoothgen.contracts.adapting import JACOBIAN_ROUNDS, SELECTION_DRAWS, SELECTION_PROBES, LipschitzEstimate
from smoothgen.contracts.base import Contract
from smoothgen.contracts.fleet import FleetPool
from smoothgen.contracts.mechanism_names import EMBEDDING, UNNOISED
from smoothgen.contracts.metrics import Metric
from smoothgen.contracts.model_card import ModelCard
from smoothgen.contracts.neighbours import Neighbour
from smoothgen.contracts.parameters import Parameters
from smoothgen.contracts.problem import Problem
from smoothgen.contracts.request import GenerateRequest
from smoothgen.contracts.units import PlannedUnits, UnitsView
from smoothgen.contracts.worth import Worth

Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
NoteCode = Literal[
    "out_of_vocabulary",
    "underspecified",
    "word_unknown",
    "word_split",
    "embeddings_snapped",
    "empty_output",
    "no_answer",
    "truncated",
    "beyond_the_answer",
    "safety_checker",
    "samples_added_nothing",
    "unscored",
    "no_live_worker",
]
"""The first three codes are about the prompt, the next five about the samples, with the share affected, one about the
proof, one about samples without a score, and the last about a job that waits."""
FINISHED: frozenset[str] = frozenset({"succeeded", "failed", "cancelled"})


class CountedAs(Contract):
    """By which names the figures of a tenant's jobs stand in metrics. key: None for one without a name of its own."""

    tenant: str
    key: str | None = None


class JobSpec(Contract):
    """A validated request with everything the server decided: σ, metric, tolerance, seed. All a worker needs.

    parameters: the request's, read for the model's modality; `request.parameters` is empty, so that a seed image is
    stored once. tenant: whose job it is. retention_s: seconds after the job's end for which prompt, seed image and
    output are kept.
    """

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
    tenant: str
    retention_s: int
    pool: FleetPool | None = None
    """For tier fleet: where the extra sample is counted."""
    partition: str | None = None
    """Digest of the partition of words the job is planned with: workers that know another refuse it, as samples drawn
    from two partitions would have no one law."""
    request_id: str | None = None
    """X-Request-ID of the request that submitted the job, for the logs of its workers."""
    traceparent: str | None = Field(
        default=None,
        pattern="^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
        exclude_if=lambda traceparent: traceparent is None,  # a worker of an earlier release reads what is not traced
    )
    """W3C traceparent of that request's span, for the spans and the logs of its workers. None: not traced."""
    counted_as: CountedAs | None = Field(default=None, exclude_if=lambda names: names is None)
    """The names of the tenant and of the key in metrics. None: the tenant is named by a digest, and is not shown."""
    units: PlannedUnits | None = None
    """For mechanisms passages and words: how runs choose among the units."""
    peek: int | None = None
    """After how many certification samples it is asked whether the others can add to what holds without any. None:
    never, as in jobs that stop at their looks."""

    @property
    def mechanism(self) -> str:
        """The mechanism by its name in requests. Planning names it in every job."""
        return self.request.robustness.mechanism or EMBEDDING

    @property
    def noised(self) -> bool:
        """Whether samples are drawn under noise. Otherwise the model runs on other prompts, once on each."""
        return self.mechanism not in UNNOISED

    @property
    def scored(self) -> int:
        """K, the number of claims on scores: so many numbers are measured of a sample beside its distance."""
        return len(self.request.robustness.claims or ())

    @property
    def log_fields(self) -> dict[str, str]:
        """The fields of every log line about the job: `job`, and `request_id` and `trace_id` where the job has one."""
        fields = {"job": self.id, "request_id": self.request_id, "trace_id": self.trace_id}
        return {name: value for name, value in fields.items() if value is not None}

    @property
    def trace_id(self) -> str | None:
        """The id of the trace that the request is part of, None where it is not traced."""
        return None if self.traceparent is None else self.traceparent.split("-")[1]

    @property
    def deadline_ms(self) -> int | None:
        """When the job is certified with the samples it has, in Unix milliseconds; None without a deadline."""
        deadline_s = self.request.robustness.deadline_s
        return None if deadline_s is None else self.submitted_ms + round(1000 * deadline_s)

    @property
    def total_samples(self) -> int:
        """The model generations the job takes: selection, certification, and the sample to be served where one is."""
        return self.samples_to_draw + self.certification_samples

    @property
    def samples_to_draw(self) -> int:
        """The generations before certification: probes, selection, and the sample to be served where one is."""
        robustness = self.request.robustness
        if self.units is not None:  # of a few subsets, each once
            most = robustness.selection_samples
            return min(most, self.units.subsets or most) if self.units.enumerated else most
        if not self.noised:
            return 1  # the prompt's own run
        if robustness.tier == "request":
            return self.probe_samples + robustness.selection_samples + (self.request.output == "sample")
        return self.probe_samples + 1 + (robustness.tier == "fleet")

    @property
    def probe_samples(self) -> int:
        """The generations that measure how sensitive the model is. A product with its Jacobian counts as one."""
        robustness = self.request.robustness
        differentiated = 2 * JACOBIAN_ROUNDS if robustness.lipschitz_estimate == "autodiff" else 0
        if robustness.adapt == "prompt":
            return differentiated + SELECTION_DRAWS * (1 + SELECTION_PROBES)
        if robustness.lipschitz_estimate and not differentiated:
            return 1 + SELECTION_PROBES
        return differentiated

    @property
    def certification_samples(self) -> int:
        """n, the most certification samples the job may take."""
        if self.units is not None and self.units.subsets is not None and self.units.enumerated:
            return self.units.subsets
        return self.request.robustness.samples if self.request.robustness.tier == "request" else 0


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelRef(_View):
    """Which model answered."""

    name: str
    revision: str
    digest: str

    @classmethod
    def of(cls, card: ModelCard) -> ModelRef:
        """Returns the model that a card describes."""
        return cls(name=card.id, revision=card.revision, digest=card.digest)


class TextOutput(_View):
    """A generated text. `certified` turns true with a certificate that claims something: whose radius is not 0."""

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
    """A generated picture, as base64. `certified`: see TextOutput."""

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

    code: NoteCode
    detail: str


class AbstentionView(_View):
    """Nothing, or less than asked, could be proven; `curve` is what was. `curve` holds (epsilon, W₁ bound) pairs."""

    reason: str
    detail: str
    curve: list[tuple[float, float]]


class FleetView(_View):
    """Where a fleet request's extra sample went: GET /fleet certifies the pool in the windows that count it."""

    pool: str
    windows: list[str]
    uncounted: list[str] | None = Field(
        default=None,
        description="Windows that held their most pools when the request came: no certificate of theirs speaks of it. "
        "GET /fleet says how many such requests there were.",
    )


class TokenCounts(_View):
    """The tokens of the one output served, as a language model counts them."""

    prompt: int = Field(description="Tokens that the model read, a chat template's and earlier turns' included.")
    output: int = Field(description="Tokens that it generated, its own end and what a stop text cut off included.")
    ended: bool = Field(description="Whether the model or a stop text ended the output; false at max_new_tokens.")


class Usage(_View):
    """What the job cost. `overhead`: model generations run for the one output served."""

    samples: int
    device_s: float
    queued_s: float
    overhead: int
    tokens: TokenCounts | None = Field(
        default=None,
        exclude_if=lambda tokens: tokens is None,  # results of other models are stored as they always were
        description="For language models: tokens of the output served.",
    )


class Progress(_View):
    """How many of the planned samples are done, and what the last look could already prove."""

    done: int
    total: int
    radius: float | None = Field(default=None, description="The radius proven at the last look, at the tolerance.")
    w1_bound: float | None = Field(default=None, description="The W₁ bound proven at the last look.")


class JobView(Worth):
    """A job as the client sees it: POST /generate and GET /jobs/{id}."""

    id: str
    status: Status
    model: ModelRef
    progress: Progress
    output: Output | None = None
    notes: list[Note] | None = Field(default=None, description="What the caller should know about the answer.")
    certificate: dict[str, Any] | None = Field(
        default=None, description="A certificate document, schema smoothgen/certificate/v2."
    )
    signature: str | None = Field(
        default=None,
        description="The certificate's signature, a JWS in compact form by a key of GET /.well-known/jwks.json; absent "
        "where this server does not sign, and where Redis could not be reached to keep it: GET "
        "/certificates/{certificate_id}/signature has it then.",
    )
    abstention: AbstentionView | None = None
    fleet: FleetView | None = Field(default=None, description="For tier fleet: the pool that certifies the traffic.")
    lipschitz_estimate: LipschitzEstimate | None = Field(
        default=None, description="Where asked for, and with adapt 'prompt'. Not certified."
    )
    broken_by: Neighbour | None = Field(
        default=None,
        description="For mechanism tokens: the nearest prompt that an attack can reach and that ends the claim; for "
        "edits: the first edit that breaks it.",
    )
    units: UnitsView | None = Field(
        default=None, description="For mechanisms passages and words: how runs chose among the units, and why so."
    )
    usage: Usage | None = None
    error: Problem | None = Field(default=None, description="Why the job failed.")


class JobResult(Worth):
    """What a worker stores when a job ends well: a certificate or an abstention, and the output."""

    model: ModelRef
    output: Output
    notes: list[Note] | None = None
    certificate: dict[str, Any] | None = None
    abstention: AbstentionView | None = None
    fleet: FleetView | None = None
    lipschitz_estimate: LipschitzEstimate | None = None
    broken_by: Neighbour | None = None
    units: UnitsView | None = None
    usage: Usage

    @property
    def ending(self) -> Literal["certificate", "abstention"]:
        """Which of the two it is."""
        return "abstention" if self.certificate is None else "certificate"
