"""Lists the neighbours of certificates' prompts again, for `smoothgen verify --model`: python -m … MODEL

Reads from standard input, as JSON, {file: {"prompt": …, "document": …}}. The last line it prints is {"checks": {file:
check}}, or {"error": …} in one sentence.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from smoothgen.certificates import Check, ExhaustiveCertificate, read_certificate
from smoothgen.certificates.exhaustive import check_completeness
from smoothgen.contracts import TOKENS, read_parameters
from smoothgen.errors import InvalidCertificate, InvalidInput, InvalidParameters, SmoothGenError
from smoothgen.noise import Seed, Stream
from workers.generators import Condition, Draw, Generator, Smoothing, TokenSnap, load_generator
from workers.settings import Settings

_SNAPPED = Smoothing(TOKENS, None, Draw(Seed(0, "server"), Stream.GENERATOR_COMMON, 0))


def completeness_of(generator: Generator, certificate: ExhaustiveCertificate, prompt: str) -> Check:
    """Returns the check of a certificate against the model's table.

    Raises InvalidInput for a model that is another than the certificate's, for a chat template
    that reads otherwise now, and for a prompt that the model does not take.
    """
    if not isinstance(generator, TokenSnap):
        raise InvalidParameters(
            f"model {generator.identity.name!r} does not read its prompt as tokens; name the certificate's model"
        )
    request, model = certificate.provenance.request, certificate.provenance.model
    if request is None:
        raise InvalidCertificate("the document names no request, so the tokens of its prompt are not known")
    if "history" in request.parameters:
        raise InvalidParameters(
            "the request had turns before its prompt, which the certificate names by their sha256 alone, so that the "
            "token sequences around them cannot be listed again; leave out --model and --prompt"
        )
    parameters = read_parameters("text" if generator.image is None else "image", request.parameters)
    condition = generator.condition(prompt, parameters, _SNAPPED)
    template = None if condition.template is None else condition.template.digest
    if template != request.template:
        raise InvalidParameters(
            f"the chat template around the prompt reads {template} now, and {request.template} in the certificate; "
            "use the model's files, and where the template tells the date its day, of the certificate"
        )
    table = generator.snap_table()
    own, stated = generator.identity.digest, None if model is None else model.digest
    if stated not in (None, own):
        raise InvalidParameters(
            f"model {generator.identity.name!r} is {own}, and the certificate's is {stated}; give --model "
            "NAME=SOURCE of that one"
        )
    check = check_completeness(certificate, table, condition.tokens)
    return _with_breaking_text(check, certificate, generator, condition) if check.passed else check


def _with_breaking_text(
    check: Check, certificate: ExhaustiveCertificate, generator: TokenSnap, condition: Condition
) -> Check:
    """Returns the check, failed where the certificate names another text for the run that ends its claim."""
    broken_by, text = certificate.claims.broken_by, certificate.text
    if broken_by is None or text is None:
        return check
    changes = generator.listed(condition, broken_by.index).change_lists[broken_by.index - 1]
    own = generator.words(generator.changed(condition, changes)).text
    if own == text:
        return check
    return Check(
        check.name, False, f"broken_by.text is stated as {text!r:.200}, run {broken_by.index} reads {own!r:.200}"
    )


def answer(model: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is printed."""
    try:
        generator = load_generator(model, Settings())
        checks = {}
        for path, each in asked.items():
            certificate = read_certificate(each["document"])
            if not isinstance(certificate, ExhaustiveCertificate):
                raise InvalidInput(f"{path}: method {certificate.method!r} lists no sequences")
            checks[path] = asdict(completeness_of(generator, certificate, each["prompt"]))
    except (SmoothGenError, OSError, ValueError) as error:
        return {"error": " ".join(str(error).split())}
    return {"checks": checks}


def main() -> None:
    """Reads, and prints the answer."""
    os.environ.update(TQDM_DISABLE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")  # read when the libraries are first imported
    print(json.dumps(answer(sys.argv[1], json.load(sys.stdin))))


if __name__ == "__main__":
    main()
