"""`smoothgen verify` with the prompt at hand: what a document alone cannot show, that nothing is left out of its runs.

A set of edits is public, and listed again here. A list of token sequences takes the model's table (`--model`), for
which a process of the workers is asked.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smoothgen.certificates import Check, EditsCertificate, Verification, read_certificate
from smoothgen.certificates.edits import EDITS_V1
from smoothgen.certificates.exhaustive.certificate import EXHAUSTIVE_V1, ExhaustiveCertificate
from smoothgen.certificates.format.document import parse_json
from smoothgen.certificates.provenance import RequestIdentity
from smoothgen.certificates.stored import AnyCertificate
from smoothgen.cli.servers import require_servers
from smoothgen.edits import verify_with_prompt
from smoothgen.errors import InvalidInput

_MODULE = "workers.research.completeness"


@dataclass(frozen=True)
class Against:
    """What certificates are checked against. model: as in SMOOTHGEN_MODELS. Of the prompt, its text or its file.
    variants: the texts that a request for edits gave beside the prompt, in order."""

    model: str | None
    prompt: str | None
    prompt_file: Path | None
    variants: Sequence[str] = ()

    @property
    def is_empty(self) -> bool:
        """Returns whether there is nothing to check against."""
        return self.model is None and self.prompt is None and self.prompt_file is None and not self.variants

    def text(self) -> str:
        """Returns the prompt. Raises InvalidInput unless exactly one of text and file is given, OSError."""
        if self.prompt_file is None and self.prompt is not None:
            return self.prompt
        if self.prompt_file is None or self.prompt is not None:
            raise InvalidInput(
                "what was run is listed again from the prompt, and certificates hold only its digest; give the prompt, "
                "by one of --prompt and --prompt-file"
            )
        try:
            return self.prompt_file.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{self.prompt_file} is not UTF-8: {error}; write the prompt in UTF-8") from error


def with_completeness(
    verdicts: Mapping[str, Verification], documents: Mapping[str, Mapping[str, Any] | bytes], against: Against
) -> dict[str, Verification]:
    """Returns the verdicts, by file, with completeness checked in those that accept; as they are where there is nothing
    to check against.

    Raises InvalidInput for a certificate that has no list, for another prompt, model or chat template than it names,
    for another number of variants, and for a model or variants that no certificate takes; OSError. Ends the command
    where a model is needed and this installation has no workers.
    """
    if against.is_empty:
        return dict(verdicts)
    if against.model is not None:
        require_servers("verify --model", "workers")
    prompt = against.text()
    by_edits, by_table = dict[str, Verification](), dict[str, dict[str, Any]]()
    for path, verdict in verdicts.items():
        if not verdict.valid:
            continue
        given = documents[path]
        document = parse_json(given) if isinstance(given, bytes) else given
        certificate = read_certificate(document)
        if isinstance(certificate, EditsCertificate):
            by_edits[path] = _of_edits(path, certificate, prompt, against.variants)
        else:
            by_table[path] = {"prompt": _of_sequences(path, certificate, prompt, against), "document": document}
    if by_edits and not by_table and against.model is not None:
        raise InvalidInput(f"a set of edits is listed without a model; --model is for {EXHAUSTIVE_V1!r}, leave it out")
    if by_table and not by_edits and against.variants:
        raise InvalidInput(f"--variant is for {EDITS_V1!r}: no certificate given is of edits; leave it out")
    checks = _checks(against.model, by_table) if against.model is not None and by_table else {}
    replaced = {path: _replaced(verdicts[path], check) for path, check in checks.items()}
    return {**verdicts, **by_edits, **replaced}


def _of_edits(path: str, certificate: EditsCertificate, prompt: str, variants: Sequence[str]) -> Verification:
    """Returns the verdict with the set of edits listed again. Raises InvalidInput."""
    stated = certificate.edit_set
    if stated is not None and len(variants) != stated.variants:
        raise InvalidInput(
            f"{path}: the set has {stated.variants} variants beside the edits of the prompt, and {len(variants)} are "
            "given; give each by --variant, in the order of the request"
        )
    request = certificate.provenance.request  # without one the digest of the set says whose it is
    return verify_with_prompt(certificate, prompt if request is None else _its_own(path, request, prompt), variants)


def _of_sequences(path: str, certificate: AnyCertificate, prompt: str, against: Against) -> str:
    """Returns the prompt whose neighbours are to be listed again. Raises InvalidInput."""
    if not isinstance(certificate, ExhaustiveCertificate):
        raise InvalidInput(
            f"{path}: method {certificate.method!r} has no list that a prompt gives again; --prompt is for "
            f"{EXHAUSTIVE_V1!r} and {EDITS_V1!r}, --model is for {EXHAUSTIVE_V1!r}, leave it out"
        )
    if against.model is None:
        raise InvalidInput(f"{path}: the list of a prompt's neighbours takes its model's table too; give --model")
    return _its_own(path, certificate.provenance.request, prompt)


def _its_own(path: str, request: RequestIdentity | None, prompt: str) -> str:
    """Returns the prompt as the certificate's digest has it. Raises InvalidInput for another one."""
    if request is None:
        raise InvalidInput(
            f"{path}: the document names no request, so no prompt is known to be its own; leave out --prompt"
        )
    # An editor ends a file with a line break, which the prompt may not have. The digest says which it is.
    for text in dict.fromkeys((prompt, prompt.removesuffix("\n"), prompt.removesuffix("\r\n"))):
        if _digest(text) == request.prompt_digest:
            return text
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


def _replaced(verdict: Verification, check: Check) -> Verification:
    """Returns the verdict with this check in place of the one that says it was not made."""
    checks = tuple(check if each.name == check.name else each for each in verdict.checks)
    return replace(verdict, checks=checks, meaning=verdict.meaning if check.passed else "not checked")


def _digest(prompt: str) -> str:
    return f"sha256:{hashlib.sha256(prompt.encode()).hexdigest()}"
