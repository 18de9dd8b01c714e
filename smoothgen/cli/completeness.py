"""`smoothgen verify --model`: asks a process of the workers for what takes a model's table, the list of sequences."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smoothgen.certificates import Check, Verification, read_certificate
from smoothgen.certificates.exhaustive.certificate import EXHAUSTIVE_V1, ExhaustiveCertificate
from smoothgen.certificates.format.document import parse_json
from smoothgen.cli.servers import require_servers
from smoothgen.errors import InvalidInput

_MODULE = "workers.research.completeness"


@dataclass(frozen=True)
class Against:
    """What certificates are checked against. model: as in SMOOTHGEN_MODELS. Of the prompt, its text or its file."""

    model: str | None
    prompt: str | None
    prompt_file: Path | None

    def text(self) -> str:
        """Returns the prompt. Raises InvalidInput unless exactly one of text and file is given, OSError."""
        if self.prompt_file is None and self.prompt is not None:
            return self.prompt
        if self.prompt_file is None or self.prompt is not None:
            raise InvalidInput(
                "--model lists the neighbours of a prompt again, and certificates hold only its digest; give the "
                "prompt, by one of --prompt and --prompt-file"
            )
        try:
            return self.prompt_file.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{self.prompt_file} is not UTF-8: {error}; write the prompt in UTF-8") from error


def with_completeness(
    verdicts: Mapping[str, Verification], documents: Mapping[str, Mapping[str, Any] | bytes], against: Against
) -> dict[str, Verification]:
    """Returns the verdicts, by file, with completeness checked in those that accept; as they are without a model.

    Raises InvalidInput for a certificate that has no list, and for another prompt, model or chat template than it
    names; OSError. Ends the command where this installation has no workers.
    """
    if against.model is None:
        if against.prompt is not None or against.prompt_file is not None:
            raise InvalidInput("a prompt is for checking completeness, which takes its model too; give --model")
        return dict(verdicts)
    prompt = against.text()
    require_servers("verify --model", "workers")
    asked = {path: _asked(path, documents[path], prompt) for path, verdict in verdicts.items() if verdict.valid}
    checks = _checks(against.model, asked) if asked else {}
    return {path: _replaced(verdict, checks.get(path)) for path, verdict in verdicts.items()}


def _asked(path: str, given: Mapping[str, Any] | bytes, prompt: str) -> dict[str, Any]:
    """Returns what the workers' process is told of a certificate. Raises InvalidInput."""
    document = parse_json(given) if isinstance(given, bytes) else given
    certificate = read_certificate(document)
    if not isinstance(certificate, ExhaustiveCertificate):
        raise InvalidInput(
            f"{path}: method {certificate.method!r} lists no sequences; --model is for {EXHAUSTIVE_V1!r}, leave it out"
        )
    request = certificate.provenance.request
    if request is None:
        raise InvalidInput(f"{path}: the document names no request, so no prompt is known to be its own; omit --model")
    # An editor ends a file with a line break, which the prompt may not have. The digest says which it is.
    for text in dict.fromkeys((prompt, prompt.removesuffix("\n"), prompt.removesuffix("\r\n"))):
        digest = _digest(text)
        if digest == request.prompt_digest:
            return {"prompt": text, "document": document}
    raise InvalidInput(
        f"{path}: the prompt given is {_digest(prompt)}, the certificate's {request.prompt_digest:.80}; give the very "
        "text that was sent, white space included"
    )


def _checks(model: str, asked: Mapping[str, Mapping[str, Any]]) -> dict[str, Check]:
    """Returns the check of every file. The prompt goes by a pipe: every user of a machine sees arguments."""
    command = [sys.executable, "-m", _MODULE, model]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)  # noqa: S603
    said = _last_line(done.stdout)
    if "error" in said:
        raise InvalidInput(said["error"])
    if "checks" not in said:
        last = (done.stderr.splitlines() or ["it said nothing"])[-1]
        raise InvalidInput(f"checking with model {model!r} ended with exit code {done.returncode}: {last:.500}")
    return {path: Check(**check) for path, check in said["checks"].items()}


def _last_line(output: str) -> dict[str, Any]:
    """Returns the JSON object in the last line, behind whatever libraries print; an empty one where there is none."""
    try:
        said = json.loads((output.splitlines() or [""])[-1])
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _replaced(verdict: Verification, check: Check | None) -> Verification:
    """Returns the verdict with this check in place of the one that says it was not made."""
    if check is None:
        return verdict
    checks = tuple(check if each.name == check.name else each for each in verdict.checks)
    return replace(verdict, checks=checks, meaning=verdict.meaning if check.passed else "not checked")


def _digest(prompt: str) -> str:
    return f"sha256:{hashlib.sha256(prompt.encode()).hexdigest()}"
