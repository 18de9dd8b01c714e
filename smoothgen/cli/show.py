"""What the commands print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from smoothgen.certificates import Certificate, Verification
from smoothgen.client import Generation
from smoothgen.client.conversation import OnProgress
from smoothgen.contracts import TextOutput
from smoothgen.mechanisms.scale import printed

_out = Console(highlight=False)
_err = Console(stderr=True)


@contextmanager
def progress() -> Iterator[OnProgress]:
    """A progress bar on standard error, gone when done."""
    columns = (
        TextColumn("noisy samples"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=_err, transient=True) as bar:
        task = bar.add_task("samples", total=None)

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        yield update


def show_generation(generation: Generation, saved: Path | None = None) -> None:
    """The output, then the certificate or the abstention. `saved`: where a picture was written."""
    _out.print(Text("output", style="bold"))
    shown = generation.text.strip() if isinstance(generation.view.output, TextOutput) else _picture(generation, saved)
    _out.print(Text(shown or "(empty)"), soft_wrap=True)
    for note in generation.view.notes or []:
        _out.print(Text(f"note: {note.detail}", style="yellow"), soft_wrap=True)
    _out.print()
    certificate = generation.certificate
    if certificate is not None:
        show_certificate(certificate)
    elif generation.abstention is not None:
        _out.print(Text(f"abstained: {generation.abstention.reason}", style="bold yellow"))
        _out.print(Text(generation.abstention.detail), soft_wrap=True)
    usage = generation.usage
    if usage is not None:
        _out.print(
            Text(f"{usage.overhead} generations, {usage.device_s} s of compute, {usage.queued_s} s queued", style="dim")
        )


def _picture(generation: Generation, saved: Path | None) -> str:
    where = "--save FOLDER writes it" if saved is None else f"in {saved}"
    return f"a picture, {len(generation.content)} bytes of PNG; {where}"


def show_certificate(certificate: Certificate) -> None:
    """The certificate's numbers and its sentence."""
    from smoothgen.certificates.statement import statement

    threat = certificate.provenance.threat
    unit = "latent units" if threat is not None and "latent" in threat.attack_on else "embedding units"
    rows = [
        ("certified radius", f"{certificate.radius!r}  (l2, {unit}, at tolerance {certificate.tolerance!r})"),
        ("W1 bound", f"{certificate.claims.w1_bound!r}  at epsilon {certificate.epsilon or certificate.radius!r}"),
        ("confidence", repr(certificate.confidence)),
        ("samples", f"{certificate.evidence.samples}, {certificate.evidence.failed} failed"),
        ("mechanism", str(certificate.mechanism)),
    ]
    if certificate.mechanism.remark is not None:  # not simply its sigma
        rows.append(("protects like", f"one draw of sigma {printed(certificate.mechanism.effective_sigma)}"))
    if threat is not None:
        rows.append(
            (
                "scale",
                f"embedding norm {threat.embedding_norm:.4g}, noise norm {threat.noise_norm:.4g}, "
                f"{threat.dimension} dimensions",
            )
        )
    table = Table.grid(padding=(0, 2))
    for name, value in rows:
        table.add_row(Text(name, style="bold"), Text(value))
    _out.print(table)
    _out.print()
    _out.print(Text(statement(certificate)), soft_wrap=True)
    _out.print()


def show_verification(path: str, verdict: Verification) -> None:
    """The verdict and the checks behind it; of a rejected certificate only the failed ones in full."""
    valid = Text("VALID", style="bold green") if verdict.valid else Text("REJECTED", style="bold red")
    _out.print(Text.assemble(f"{path}: ", valid), soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    for check in verdict.checks:
        if not check.passed:
            table.add_row(Text("  "), Text("FAILED", style="red"), Text(check.name), Text(check.detail))
        elif verdict.valid:
            detail = Text(check.detail, overflow="ellipsis", no_wrap=True)
            table.add_row(Text("  "), Text("ok", style="green"), Text(check.name), detail)
    _out.print(table)
    passed = sum(check.passed for check in verdict.checks)
    if passed and not verdict.valid:
        _out.print(Text(f"  {passed} other checks passed", style="dim"))


def show_models(models: list[dict[str, Any]]) -> None:
    """One row a model."""
    table = Table("model", "workers", "metrics", "mechanisms", "description", box=None)
    for model in models:
        metrics = [m["name"] + ("" if m.get("calibration") is None else " (budget)") for m in model["metrics"]]
        table.add_row(
            model["id"],
            str(model["workers"]),
            ", ".join(metrics),
            ", ".join(model["mechanisms"]),
            model["description"],
        )
    _out.print(table if models else "no worker has registered a model yet")
