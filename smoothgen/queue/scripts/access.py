"""Calls on API keys: their records, and what they have used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from smoothgen.queue.keys import Key
from smoothgen.queue.scripts.script import Script, ScriptCall


@dataclass(frozen=True, kw_only=True)
class ReplaceRecord(ScriptCall):
    """Replaces the record of an API key, unless somebody else changed it since it was read. before, after: JSON; None
    for a key that is new."""

    script: ClassVar = Script("replace_record")
    api_keys: Key
    key_id: str
    before: str | None
    after: str


@dataclass(frozen=True, kw_only=True)
class TakeRequest(ScriptCall):
    """Takes a request from a key's bucket, which holds `most` and is refilled in window_s seconds."""

    script: ClassVar = Script("take_request")
    bucket: Key
    most: int
    window_s: int


@dataclass(frozen=True, kw_only=True)
class PromiseSamples(ScriptCall):
    """Counts the samples of a job once, where the key's quota of `most` samples in window_s seconds has room."""

    script: ClassVar = Script("promise_samples")
    quota: Key
    job_id: str
    samples: int
    most: int
    window_s: int


@dataclass(frozen=True, kw_only=True)
class GiveBack(ScriptCall):
    """Takes back what a job was promised."""

    script: ClassVar = Script("give_back")
    quota: Key
    job_id: str
