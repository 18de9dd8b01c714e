"""Calls on the receivers of webhooks and on what is to be sent to them.

All their keys lie in one slot. `webhooks` is what they begin with. A message is named by its event, its job and the
job's result; its time is when it is to be sent next. One gateway at a time sends to a receiver, under a lease.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from smoothgen.queue.keys import Key
from smoothgen.queue.scripts.script import Script, ScriptCall


@dataclass(frozen=True, kw_only=True)
class AddWebhook(ScriptCall):
    """Registers a receiver, unless its tenant has `most` already. fields: of its record."""

    script: ClassVar = Script("webhook_add", replicated=True)
    receivers: Key
    receiver: Key
    all: Key
    id: str
    most: int
    fields: Mapping[str, str | int]


@dataclass(frozen=True, kw_only=True)
class RemoveWebhook(ScriptCall):
    """Forgets a receiver, and what was to be sent to it."""

    script: ClassVar = Script("webhook_remove", replicated=True)
    receivers: Key
    receiver: Key
    all: Key
    messages: Key
    tries: Key
    due: Key
    leases: Key
    id: str


@dataclass(frozen=True, kw_only=True)
class EnqueueWebhook(ScriptCall):
    """Makes a message due at every receiver of a tenant that asked for its event. most: messages that may wait for one
    receiver; it is disabled beyond, for `reason`."""

    script: ClassVar = Script("webhook_enqueue", replicated=True)
    receivers: Key
    due: Key
    leases: Key
    event: str
    message: str
    most: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class ClaimWebhook(ScriptCall):
    """Leases the receiver that has waited longest, with the messages that are due to it, `most` at most."""

    script: ClassVar = Script("webhook_claim")
    due: Key
    leases: Key
    lease_s: float
    most: int


@dataclass(frozen=True, kw_only=True)
class SettleWebhook(ScriptCall):
    """Stores what became of a message. outcome: delivered, again (after `again_s`), dropped, or disable.

    failure: what failed, '' of a delivery; it is the reason where the receiver is disabled.
    """

    script: ClassVar = Script("webhook_settle")
    receiver: Key
    messages: Key
    tries: Key
    message: str
    outcome: str
    again_s: float
    failure: str


@dataclass(frozen=True, kw_only=True)
class ReleaseWebhook(ScriptCall):
    """Ends a lease: the receiver is due when the first of its messages is."""

    script: ClassVar = Script("webhook_release")
    messages: Key
    due: Key
    leases: Key
    id: str


@dataclass(frozen=True, kw_only=True)
class EnableWebhook(ScriptCall):
    """Enables a receiver that is still registered, again or for the first time."""

    script: ClassVar = Script("webhook_enable")
    receiver: Key


@dataclass(frozen=True, kw_only=True)
class RotateWebhook(ScriptCall):
    """Gives a receiver that is still registered a new secret. overlap_s: how long the old one signs too."""

    script: ClassVar = Script("webhook_rotate", replicated=True)
    receiver: Key
    secret: str
    overlap_s: int
