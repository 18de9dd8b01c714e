"""Calls on a certificate and its signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from smoothgen.queue.keys import Key
from smoothgen.queue.scripts.script import Script, ScriptCall


@dataclass(frozen=True, kw_only=True)
class Sign(ScriptCall):
    """Stores a signature once. sha1: of the certificate's text that it is of. jws: the signature."""

    script: ClassVar = Script("sign")
    certificate: Key
    signature: Key
    sha1: str
    jws: str


@dataclass(frozen=True, kw_only=True)
class ReplaceCertificate(ScriptCall):
    """Replaces a certificate by another form of it. sha1: of the text that is replaced. document, jws: the JSON of the
    form, and its signature, None where it has none."""

    script: ClassVar = Script("replace_certificate")
    certificate: Key
    signature: Key
    sha1: str
    document: str
    jws: str | None
