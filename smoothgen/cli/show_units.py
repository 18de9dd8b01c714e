"""What the commands print of mechanisms passages and words: a certificate of units kept or left out."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from smoothgen.certificates import UnitsCertificate
from smoothgen.cli.certificate_rows import show_rows

_out = Console(highlight=False)


def show_units(certificate: UnitsCertificate, noted: Sequence[str] = ()) -> None:
    """Prints the certificate's numbers and its sentence. noted: codes of the notes on the answer."""
    from smoothgen.certificates.units.statement import statement

    choice, claims, evidence = certificate.choice, certificate.claims, certificate.evidence
    kind = "units" if certificate.threat is None else certificate.threat.kind
    asked = f"tolerance {certificate.tolerance!r}" if certificate.keep is None else f"share {certificate.keep!r} kept"
    at = claims.radius if certificate.altered is None else certificate.altered
    chosen = (
        f"{choice.size} of {choice.units}" if choice.size else f"each of {choice.units} with {choice.probability!r}"
    )
    runs = f"{evidence.samples} drawn" if certificate.sampled else f"{evidence.samples} of {choice.subsets} choices"
    rows = [
        (
            "certified radius",
            f"{certificate.radius!r} of {choice.units} {kind}  (at {asked})"
            + (f"  see note {', '.join(noted)}" if noted else ""),
        ),
        ("W1 bound", f"{claims.w1_bound!r}  with {at} altered"),
        ("confidence", repr(certificate.confidence)),
        ("runs", f"{runs}, {evidence.failed} failed"),
        ("a run reads", f"{chosen} {kind}"),
    ]
    if claims.share is not None:
        rows.insert(1, ("answer keeps", f"at least {claims.share!r} of the runs  with {at} altered"))
    show_rows(_out, rows, statement(certificate))
