"""`smoothgen verify --jwks`: who issued the certificates, beside what follows from their evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import httpx2

from smoothgen.certificates import Verification
from smoothgen.cli.answers import Given
from smoothgen.errors import InvalidInput, ServerUnreachable
from smoothgen.signing import verify_signature

SUFFIX: Final = ".jws"
"""What the name of a certificate's signature ends with, beside the certificate's file."""
_PATIENCE_S: Final = 20.0
_LONGEST_SET: Final = 1024 * 1024


@dataclass(frozen=True)
class Signed:
    """What signatures are held to. keys: a file or address of a JWK Set, None: signatures are not looked at.

    signature: its file, None: beside the certificate. output: the file of the output that must be the signed one.
    """

    keys: str | None
    signature: Path | None = None
    tenant: str | None = None
    issuer: str | None = None
    output: Path | None = None

    @property
    def has_options(self) -> bool:
        """Returns whether anything is asked of signatures beside by whose key they are."""
        return any(each is not None for each in (self.signature, self.tenant, self.issuer, self.output))


def with_signatures(
    verdicts: Mapping[str, Verification], given: Mapping[str, Given], signed: Signed
) -> dict[str, Verification]:
    """Returns the verdicts, by file, with the checks of each certificate's signature behind its own.

    Raises InvalidInput for a certificate without a signature, for one signature or output of several certificates, and
    for options without keys; InvalidKeys, ServerUnreachable, OSError.
    """
    if signed.keys is None:
        if signed.has_options:
            raise InvalidInput(
                "--signature, --tenant, --issuer and --output are about a signature; give its keys by --jwks"
            )
        return dict(verdicts)
    if len(given) > 1 and (signed.signature is not None or signed.output is not None):
        raise InvalidInput("--signature and --output are of one certificate; verify one file at a time with them")
    keys = _read_keys(signed.keys)
    output = None if signed.output is None else signed.output.read_bytes()
    found = dict(verdicts)
    for path, each in given.items():
        signature = _signature_of(Path(path), each, signed.signature)
        of_signature = verify_signature(
            signature, each.document, keys, issuer=signed.issuer, tenant=signed.tenant, output=output
        )
        checks = tuple(replace(check, name=f"signed {check.name}") for check in of_signature.checks)
        found[path] = replace(found[path], checks=(*found[path].checks, *checks))
    return found


def _signature_of(path: Path, given: Given, named: Path | None) -> str:
    beside = path.with_suffix(SUFFIX)
    if named is not None or (given.signature is None and beside.is_file()):
        return _text(named or beside)
    if given.signature is None:
        raise InvalidInput(
            f"{path}: there is no signature in it, and no file {beside}; GET /certificates/{{id}}/signature gives it, "
            "--signature names its file"
        )
    return given.signature


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("ascii")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is no signature: a JWS is ASCII text") from error


def _read_keys(source: str) -> bytes:
    """Returns the JWK Set of an address or a file. Raises ServerUnreachable, OSError."""
    if not source.startswith(("http://", "https://")):
        return Path(source).read_bytes()
    try:
        answer = httpx2.get(source, timeout=_PATIENCE_S)
    except httpx2.HTTPError as error:
        raise ServerUnreachable(f"the keys at {source} cannot be read: {error}") from error
    if answer.status_code != httpx2.codes.OK or len(answer.content) > _LONGEST_SET:
        raise ServerUnreachable(
            f"the keys at {source} cannot be read: the answer has status {answer.status_code} and "
            f"{len(answer.content)} bytes"
        )
    return answer.content
