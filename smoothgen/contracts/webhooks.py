"""Webhooks: what a tenant registers, what is listed of it, and what a receiver is sent."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from smoothgen.contracts.base import Contract

WebhookEvent = Literal["job.succeeded", "job.failed", "job.cancelled"]
WEBHOOK_EVENTS: Final[tuple[WebhookEvent, ...]] = get_args(WebhookEvent)
WEBHOOK_TEST: Final = "webhook.test"
LONGEST_OVERLAP_S: Final = 7 * 24 * 3600
DEFAULT_OVERLAP_S: Final = 24 * 3600


class WebhookRequest(Contract):
    """A receiver that is to be told when jobs end."""

    url: str = Field(
        min_length=1,
        max_length=2048,
        description="Where events are sent: https, without user and password, at a public address unless the server's "
        "operator allows others.",
    )
    events: Annotated[list[WebhookEvent], Field(min_length=1, max_length=len(WEBHOOK_EVENTS))] = Field(
        default=list(WEBHOOK_EVENTS), description="Which ends of jobs it is told of. Default: all."
    )


class RotateRequest(Contract):
    """A new secret for a receiver, with the old one beside it for a while."""

    overlap_s: int = Field(
        default=DEFAULT_OVERLAP_S,
        ge=0,
        le=LONGEST_OVERLAP_S,
        description="Seconds for which messages are signed with the old secret too.",
    )


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class WebhookView(_View):
    """A registered receiver, as it is listed."""

    id: str
    url: str
    events: list[WebhookEvent]
    created_at: datetime
    enabled: bool = Field(description="Whether events are sent. A test that is delivered enables it again.")
    reason: str | None = Field(default=None, description="Why it was disabled.")
    due: int = Field(description="Messages that are not delivered yet.")
    delivered_at: datetime | None = Field(default=None, description="When a message was last delivered.")
    last_failure: str | None = Field(default=None, description="What the last failed delivery met; none since.")


class NewWebhook(WebhookView):
    """A receiver with its secret, which is shown this once."""

    secret: str = Field(description='"whsec_" and base64, as libraries for Standard Webhooks take it.')


class WebhookList(_View):
    """All receivers of a tenant, the oldest first."""

    data: list[WebhookView]


class WebhookTrial(_View):
    """What became of a message of type webhook.test, which is sent once."""

    delivered: bool
    detail: str = Field(description='What the receiver answered, such as "answered 204", or what failed.')


class WebhookJob(_View):
    """The data of a message: which job ended, and how. It holds neither the prompt nor the output; the statement of a
    certificate may quote the answer it is about."""

    job: str
    status: Literal["succeeded", "failed", "cancelled"]
    result: Literal["certified", "abstained"] | None = Field(
        default=None, description="Of a job that succeeded: whether it has a certificate."
    )
    certificate: str | None = Field(default=None, description="The certificate's id, GET /certificates/{id}.")
    statement: str | None = Field(default=None, description="What the certificate states.")


class WebhookMessage(_View):
    """The body of a message."""

    type: WebhookEvent
    timestamp: datetime = Field(description="When the job ended.")
    data: WebhookJob
