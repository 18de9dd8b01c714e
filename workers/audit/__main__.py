"""Audit a certificate: python -m workers.audit FILE --model MODEL --prompt PROMPT"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from smoothgen.certificates import AnyCertificate, read_certificate, verify
from smoothgen.cli.answers import read_given
from smoothgen.errors import InvalidCertificate, InvalidInput, SmoothGenError
from workers.audit.comparison import Comparison
from workers.audit.job import Given
from workers.audit.rerun import audit, stated_precision
from workers.generators import load_generator
from workers.serving.loaded_model import Encoders, LoadedModel
from workers.settings import Settings

_DIFFERS: Final = 1
_CANNOT: Final = 2
_SAMPLES: Final = 32
_TOLERANCE: Final = 1e-6
"""As a share of the metric's diameter. Certificates of noise state distances in single precision, off by 6e-8."""
_SHOWN: Final = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints what was compared. Returns 0 where all agrees, 1 where something differs, 2 where it cannot be run."""
    given = _parser().parse_args(arguments)
    os.environ.update(TQDM_DISABLE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")  # read when the libraries are first imported
    try:
        certificate = _read(given.file)
        request = Given(_prompt(given), tuple(given.variant or ()), _context(given.context_file))
        settings = Settings()
        model = LoadedModel(load_generator(_model(given.model, certificate), settings), Encoders(settings), settings)
        diameter = certificate.evidence.diameter
        found = audit(
            certificate,
            model,
            request,
            samples=given.samples,
            tolerance=_TOLERANCE * diameter if given.tolerance is None else given.tolerance,
            batch_size=settings.batch_size,
            choice=np.random.default_rng(given.choice),
        )
    except (SmoothGenError, OSError, ValueError) as error:
        print(f"audit: {' '.join(str(error).split())}", file=sys.stderr)
        return _CANNOT
    print(
        json.dumps(_described(certificate, model, found), indent=2) if given.json else _told(certificate, model, found)
    )
    return 0 if found.agrees else _DIFFERS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="smoothgen audit", description="Run samples of a certificate again and compare their distances."
    )
    parser.add_argument("file", type=Path, help="a certificate, or an answer with one inside, as a JSON file")
    parser.add_argument("--model", help="as for `smoothgen worker`; default: the name in the certificate")
    parser.add_argument("--prompt", help="the prompt that was sent: certificates hold its digest alone")
    parser.add_argument("--prompt-file", type=Path, help="the prompt in a file")
    parser.add_argument("--context-file", type=Path, help="the passages that were sent, a JSON list of texts")
    parser.add_argument("--variant", action="append", help="mechanism edits: a text beside the prompt, in order")
    parser.add_argument("--samples", type=_positive, default=_SAMPLES, help=f"how many to run ({_SAMPLES})")
    parser.add_argument(
        "--choice", type=_natural, help="a seed that fixes which are run; default: nobody knows it before"
    )
    parser.add_argument(
        "--tolerance", type=_length, help="by how much distances may differ, metric units (1e-6 of the diameter)"
    )
    parser.add_argument("--json", action="store_true", help="print what was compared as JSON")
    return parser


def _read(file: Path) -> AnyCertificate:
    """Returns the certificate. Raises InvalidCertificate for one that `smoothgen verify` rejects."""
    document = read_given(file).document
    verdict = verify(document)
    if not verdict.valid:
        failed = next(check for check in verdict.checks if not check.passed)
        raise InvalidCertificate(f"{file} is rejected by `smoothgen verify`: {failed.name}: {failed.detail:.300}")
    return read_certificate(document)


def _prompt(given: argparse.Namespace) -> str:
    if (given.prompt is None) == (given.prompt_file is None):
        raise InvalidInput("certificates hold only the prompt's digest; give it by one of --prompt and --prompt-file")
    if given.prompt is not None:
        return str(given.prompt)
    file: Path = given.prompt_file
    return file.read_bytes().decode("utf-8")


def _context(file: Path | None) -> tuple[str, ...] | None:
    if file is None:
        return None
    passages = json.loads(file.read_bytes())
    if not isinstance(passages, list) or not all(isinstance(each, str) for each in passages):
        raise InvalidInput(f"{file} is no JSON list of texts; write the passages that were sent, in order")
    return tuple(passages)


def _model(asked: str | None, certificate: AnyCertificate) -> str:
    if asked is not None:
        return asked
    if certificate.provenance.model is None:
        raise InvalidInput("the certificate names no model, so no sample of it can be run again")
    return certificate.provenance.model.name


def _described(certificate: AnyCertificate, model: LoadedModel, found: Comparison) -> dict[str, Any]:
    identity = model.generator.identity
    return {
        "certificate": certificate.id,
        "method": certificate.method,
        "model": {"name": identity.name, "revision": identity.revision, "digest": identity.digest},
        "precision": {"here": model.generator.precision, "stated": stated_precision(certificate)},
        **found.to_dict(),
    }


def _told(certificate: AnyCertificate, model: LoadedModel, found: Comparison) -> str:
    identity, stated = model.generator.identity, stated_precision(certificate)
    differing = found.differing
    precision = f"{model.generator.precision} here, " + (
        f"{stated} in the certificate" if stated else "the certificate does not say in which it was sampled"
    )
    lines = [
        f"{certificate.id or 'certificate'}: {'AGREES' if found.agrees else 'DIFFERS'}",
        f"  method     {certificate.method}",
        f"  weights    {identity.name} {identity.revision}, {identity.digest}",
        f"  precision  {precision}",
        f"  compared   {len(found.indices)} of {found.samples} samples: {_listed(found.indices)}",
        f"  tolerance  {found.tolerance:g}",
        f"  differing  {len(differing)}" + (f": {_listed(differing)}" if differing else ""),
        f"  largest    {float(found.differences.max()):g}",
    ]
    if found.output is not None:
        same = "is the certificate's" if found.output == found.own_output else f"is {found.own_output}, another one"
        lines.append(f"  output     of the prompt's own run {same}")
    return "\n".join(lines)


def _listed(indices: Sequence[int]) -> str:
    more = f" … {indices[-1]}" if len(indices) > _SHOWN else ""
    return ", ".join(map(str, indices[:_SHOWN])) + more


def _positive(text: str) -> int:
    number = _natural(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return number


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number, got {text!r}")
    return int(text)


def _length(text: str) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"must be a number, got {text!r}") from error
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be at least 0 and finite, got {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
