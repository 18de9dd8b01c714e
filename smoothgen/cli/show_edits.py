"""What the commands print of mechanism edits: a certificate over a set of edited prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console

from smoothgen.certificates import EditsCertificate
from smoothgen.cli.certificate_rows import show_rows
from smoothgen.cli.show_scores import score_rows
from smoothgen.cli.show_worth import down, up
from smoothgen.contracts import Neighbour

_MOST_SHOWN: Final = 5
_out = Console(highlight=False)


def show_edits(certificate: EditsCertificate, noted: Sequence[str] = (), broken_by: Neighbour | None = None) -> None:
    """Prints the certificate's numbers and its sentence.

    noted: codes of the notes on the answer. broken_by: the first edit that breaks the claim, where the server still has
    it.
    """
    from smoothgen.certificates.edits.statement import statement

    evidence, claims = certificate.evidence, certificate.claims
    runs = f"{evidence.runs} drawn from {evidence.size}" if certificate.sampled else f"all {evidence.size} of the set"
    rows = [
        (
            "share kept",
            f"at least {down(certificate.share)}  (within tolerance {certificate.tolerance!r})"
            + (f"  see note {', '.join(noted)}" if noted else ""),
        ),
        *score_rows(certificate.score_claims),
        ("confidence", repr(certificate.confidence)),
        ("edits run", f"{runs}, {evidence.failed} failed"),
        ("kept", f"{claims.kept}, {claims.unchanged} of them unchanged"),
        ("broken by", _broken(certificate, broken_by)),
        ("mechanism", "edits: the model was run on edited prompts, no noise"),
    ]
    if claims.w1_bound is not None:
        rows.insert(1, ("W1 bound", f"{up(claims.w1_bound)}  for whoever chooses the edit"))
    show_rows(_out, rows, statement(certificate))


def _broken(certificate: EditsCertificate, broken_by: Neighbour | None) -> str:
    broken, texts = certificate.claims.broken, certificate.texts
    if not broken:
        return "nothing that was run"
    if texts is None and broken_by is not None and broken_by.text is not None:
        texts = (broken_by.text,)
    named = "" if texts is None else ": " + ", ".join(repr(text) for text in texts[:_MOST_SHOWN])
    named += ", …" if texts is not None and broken > len(texts[:_MOST_SHOWN]) else ""
    return f"{broken} edit{'' if broken == 1 else 's'}{named}"
