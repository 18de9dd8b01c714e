"""What the commands print."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from smoothgen.certificates import (
    Certificate,
    EditsCertificate,
    ExhaustiveCertificate,
    Stop,
    UnitsCertificate,
    Verification,
    take_look,
)
from smoothgen.certificates.bounds.rounding import round_down, round_up
from smoothgen.cli.certificate_rows import show_rows
from smoothgen.cli.show_edits import show_edits
from smoothgen.cli.show_exhaustive import named_neighbour, show_exhaustive, why_runs_stopped
from smoothgen.cli.show_scores import score_rows
from smoothgen.cli.show_units import show_units
from smoothgen.cli.show_worth import down, up, worth_lines
from smoothgen.client import Generation
from smoothgen.contracts import UNNOISED, JobView, LipschitzEstimate, TextOutput
from smoothgen.contracts.request import DEFAULT_SAMPLES
from smoothgen.errors import ServerProblem
from smoothgen.mechanisms.scale import printed

_out = Console(highlight=False)
_err = Console(stderr=True)
_NOTHING_ASKED: Final[Mapping[str, Any]] = {}


class ProgressBar:
    """Shows how far a job is. `Client.generate` takes its methods as on_progress and on_busy."""

    def __init__(self, bar: Progress, task: TaskID, epsilon: float | None) -> None:
        self._bar, self._task, self._epsilon = bar, task, epsilon
        self._job: str | None = None

    def on_progress(self, view: JobView) -> None:
        """Prints the job's id once, then shows the samples done and what the last look could prove."""
        if view.id != self._job:
            self._job = view.id
            _err.print(Text(f"smoothgen: job {view.id}"), soft_wrap=True)
        done = view.progress
        said: str = view.status if view.status == "queued" else ""
        if done.w1_bound is not None and self._epsilon is not None:
            said = f"proven so far: W1 ≤ {round_up(done.w1_bound, 4)!r} at epsilon {self._epsilon!r}"
        elif done.radius:
            said = f"proven so far: radius {round_down(done.radius, 4)!r}"
        self._bar.update(self._task, completed=done.done, total=done.total, said=said)

    def on_busy(self, wait_s: float, problem: ServerProblem) -> None:
        """Says that the server takes no more work now."""
        self._bar.console.print(Text(str(problem), style="yellow"), soft_wrap=True)
        self._bar.update(self._task, said=f"the server is full; asking again in {wait_s:g} s")


@contextmanager
def progress(epsilon: float | None = None, mechanism: str | None = None) -> Iterator[ProgressBar]:
    """Shows a progress bar on standard error, gone when done. epsilon, mechanism: those asked for, None where none
    was."""
    columns = (
        TextColumn(
            "generations" if mechanism is None else "runs" if mechanism in UNNOISED else "noisy samples"
        ),  # None: the model's own
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
    )
    # Where nobody watches, not even the blank line it would leave.
    with Progress(*columns, console=_err, transient=True, disable=not _err.is_terminal) as bar:
        yield ProgressBar(bar, bar.add_task("samples", total=None, said=""), epsilon)


def show_generation(
    generation: Generation, saved: Path | None = None, asked: Mapping[str, Any] = _NOTHING_ASKED
) -> None:
    """Prints the output, then the certificate or the abstention.

    saved: where a picture was written. asked: the keywords of `Client.generate`, which say why sampling stopped.
    """
    _out.print(Text("output", style="bold"))
    shown = generation.text.strip() if isinstance(generation.view.output, TextOutput) else _picture(generation, saved)
    _out.print(Text(shown or "(empty)"), soft_wrap=True)
    notes = generation.view.notes or []
    for note in notes:
        _out.print(Text.assemble((f"note {note.code}: ", "bold yellow"), (note.detail, "yellow")), soft_wrap=True)
    for line in worth_lines(generation.view):
        _out.print(Text(line), soft_wrap=True)
    _out.print()
    certificate = generation.certificate
    codes = [note.code for note in notes]
    if isinstance(certificate, ExhaustiveCertificate):
        show_exhaustive(certificate, why_runs_stopped(certificate, asked), codes, generation.broken_by)
    elif isinstance(certificate, EditsCertificate):
        show_edits(certificate, codes, generation.broken_by)
    elif isinstance(certificate, UnitsCertificate):
        show_units(certificate, codes, generation.view.units)
    elif certificate is not None:
        show_certificate(certificate, why_it_stopped(certificate, asked), codes)
    elif generation.abstention is not None:
        _out.print(Text(f"abstained: {generation.abstention.reason}", style="bold yellow"))
        _out.print(Text(generation.abstention.detail), soft_wrap=True)
        if generation.broken_by is not None:
            _out.print(Text(f"broken by {named_neighbour(generation.broken_by)}"), soft_wrap=True)
        _out.print()
    if generation.lipschitz_estimate is not None:
        _out.print(Text(said_of(generation.lipschitz_estimate)), soft_wrap=True)
    if generation.fleet is not None:
        _out.print(Text(f"counted in fleet pool {generation.fleet.pool}: smoothgen fleet certifies the average"))
    usage = generation.usage
    if usage is not None:
        generations = f"{usage.overhead} generation{'' if usage.overhead == 1 else 's'}"
        spent = f"{_drawn(generation, asked)}{generations}, {usage.device_s} s of compute, {usage.queued_s} s queued"
        _out.print(Text(spent, style="dim"), soft_wrap=True)


def said_of(estimate: LipschitzEstimate) -> str:
    """Returns a sentence that gives an estimate and says that it is not certified."""
    value = "unknown, an output failed" if estimate.value is None else repr(estimate.value)
    where = "at the prompt" if estimate.points == 1 else f"around {estimate.points} noisy prompts"
    return f"Lipschitz estimate, NOT certified: {value} {estimate.unit} ({estimate.method} {where})"


def why_it_stopped(certificate: Certificate, asked: Mapping[str, Any]) -> str:
    """Returns why the certificate rests on so many samples and no more; empty where nothing could have stopped it
    earlier."""
    evidence, plan = certificate.evidence, certificate.looks
    if plan is None:
        no_look = "the deadline came before the first look; " if asked.get("deadline_s") is not None else ""
        if evidence.samples:
            return ""
        proven = "any generator" if certificate.lipschitz is None else "any generator with this proven constant"
        return f"{no_look}this holds for {proven}"
    if evidence.samples == plan.sizes[-1]:
        return "the limit"
    if certificate.epsilon is not None:
        return "what was asked at epsilon was proven"
    # The certificate does not say; the same pure function of the same distances does.
    scored = [claim.evidence for claim in certificate.score_claims]
    look = take_look(evidence, certificate.terms, scored, radius_tolerance=asked.get("radius_tolerance"))
    if look.stop is Stop.SETTLED:
        return f"more would hardly enlarge the radius (by {asked['radius_tolerance']!r} of it at most)"
    return "the deadline came"


def _drawn(generation: Generation, asked: Mapping[str, Any]) -> str:
    """Returns how many certification samples were drawn, or neighbours run, where the certificate does not say: it
    counts those it rests on."""
    certificate, usage = generation.certificate, generation.usage
    if usage is None or asked.get("tier", "request") != "request":
        return ""
    if isinstance(certificate, EditsCertificate | UnitsCertificate):
        return ""  # it says how many were run, and of those drawn twice how often
    named = asked.get("mechanism") in UNNOISED or not asked.keys().isdisjoint({"edits", "units", "context"})
    runs = named or isinstance(certificate, ExhaustiveCertificate)
    drawn = "neighbours run" if runs or generation.broken_by is not None else "certification samples drawn"
    if certificate is None and generation.view.units is not None:
        return f"{usage.samples} runs, "
    if certificate is None:
        return f"{usage.samples} of at most {asked.get('samples', DEFAULT_SAMPLES)} {drawn}, "
    if isinstance(certificate, ExhaustiveCertificate):
        rests_on = certificate.evidence.runs - 1
    else:
        rests_on = certificate.evidence.samples
    return f"{usage.samples} {drawn}, " if usage.samples > rests_on else ""


def _picture(generation: Generation, saved: Path | None) -> str:
    where = "--save FOLDER writes it" if saved is None else f"in {saved}"
    return f"a picture, {len(generation.content)} bytes of PNG; {where}"


def show_certificate(certificate: Certificate, stopped: str = "", noted: Sequence[str] = ()) -> None:
    """Prints the certificate's numbers and its sentence.

    stopped: why it rests on so many samples. noted: codes of the notes on the answer, named beside the radius: one that
    says nothing has the largest there is.
    """
    from smoothgen.certificates.format.statement import statement

    threat = certificate.provenance.threat
    unit = "latent units" if threat is not None and "latent" in threat.attack_on else "embedding units"
    evidence, plan = certificate.evidence, certificate.looks
    of = "" if plan is None else f" of at most {plan.sizes[-1]}"
    samples = f"{evidence.samples}{of}, {evidence.failed} failed" if evidence.samples else "none drawn"
    asked = (
        f"tolerance {certificate.tolerance!r}" if certificate.keep is None else f"a share kept of {certificate.keep!r}"
    )
    reached = f"epsilon {certificate.epsilon!r}" if certificate.epsilon else f"the radius, {down(certificate.radius)}"
    rows = [
        (
            "certified radius",
            f"{down(certificate.radius)}  ({certificate.mechanism.norm}, {unit}, at {asked})"
            + (f"  see note {', '.join(noted)}" if noted else ""),
        ),
        *_kept_rows(certificate),
        ("W1 bound", f"{up(certificate.claims.w1_bound)}  at {reached}"),
        *score_rows(certificate.score_claims),
        ("confidence", repr(certificate.confidence)),
        ("samples", samples + (f"; {stopped}" if stopped else "")),
        ("mechanism", str(certificate.mechanism)),
    ]
    if certificate.mechanism.remark is not None and certificate.mechanism.norm == "l2":  # not simply its sigma
        rows.append(("protects like", f"one draw of sigma {printed(certificate.mechanism.effective_sigma)}"))
    if threat is not None:
        rows.append(
            (
                "scale",
                f"embedding norm {threat.embedding_norm:.4g}, noise norm {threat.noise_norm:.4g}, "
                f"{threat.dimension} dimensions",
            )
        )
    show_rows(_out, rows, statement(certificate))


def _kept_rows(certificate: Certificate) -> list[tuple[str, str]]:
    """Returns the row on the shares that the answer keeps, for label metrics."""
    if certificate.claims.keeps is None:
        return []
    kept = [f"{entry.share:g} of the outputs up to {down(entry.radius)}" for entry in certificate.claims.keeps]
    return [("answer keeps", ", ".join(kept))]


def show_verification(path: str, verdict: Verification) -> None:
    """Prints the verdict, what it covers, and the checks behind it; of a rejected certificate only the failed ones in
    full."""
    valid = Text("VALID", style="bold green") if verdict.valid else Text("REJECTED", style="bold red")
    said = "" if not verdict.valid or verdict.meaning == "checked" else ", as arithmetic: its meaning is not checked"
    _out.print(Text.assemble(f"{path}: ", valid, said), soft_wrap=True)
    rows = [
        (Text("ok", style="green") if check.passed else Text("FAILED", style="red"), check.name, check.detail)
        for check in verdict.checks
        if verdict.valid or not check.passed
    ]
    if _out.is_terminal:  # a narrow one wraps a detail inside its column
        table = Table.grid(padding=(0, 2))
        for result, name, detail in rows:
            table.add_row(Text("  "), result, Text(name), Text(detail))
        _out.print(table)
    else:  # one line a check, however long
        longest = max((len(name) for _, name, _ in rows), default=0)
        for result, name, detail in rows:
            _out.print(Text.assemble("    ", result, f"  {name:{longest}}  {detail}"), soft_wrap=True)
    passed = sum(check.passed for check in verdict.checks)
    if passed and not verdict.valid:
        _out.print(Text(f"  {passed} other checks passed", style="dim"))


def show_models(models: list[dict[str, Any]]) -> None:
    """Prints each model's name, and below it what it offers and what a request takes that names no mechanism and no
    noise."""
    for model in models:
        metrics = [m["name"] + ("" if m.get("calibration") is None else " (budget)") for m in model["metrics"]]
        rows = {
            "workers": str(model["workers"]),
            "metrics": ", ".join(metrics),
            "mechanisms": _mechanisms(model),
            "default sigma": _default_sigmas(model),
            "description": model["description"],
        }
        _out.print(Text(model["id"], style="bold"), soft_wrap=True)
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, value in rows.items():
            table.add_row(Text(f"  {name}"), Text(value))
        _out.print(table)
    if not models:
        _out.print("no worker has registered a model yet")
    for named in sorted({_partition(model["synonyms"]) for model in models if model.get("synonyms")}):
        _out.print(Text(named, style="dim"), soft_wrap=True)


def _mechanisms(model: Mapping[str, Any]) -> str:
    """Returns the mechanisms that a model offers, its default marked."""
    default = model.get("default_mechanism")
    return ", ".join(name + (" (default)" if name == default else "") for name in model["mechanisms"])


def _default_sigmas(model: Mapping[str, Any]) -> str:
    """Returns the noise levels that requests take which name none: on the embedding, and where there are others."""
    snapped = model.get("default_snapped_sigma")
    levels = [f"{model['default_sigma']:.3g}", *([] if snapped is None else [f"{snapped:.3g} snapped"])]
    return ", ".join([*levels, *(f"{beta:.3g} {name}" for name, beta in model.get("default_betas", {}).items())])


def _partition(card: Mapping[str, Any]) -> str:
    """Returns the name, size and digest of the partition that --synonyms draws from."""
    size = f"{card['words']} words in {card['classes']} classes"
    return f"--synonyms draws from partition {card['name']} version {card['version']} ({size}; {card['digest']})"
