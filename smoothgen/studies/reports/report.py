"""The whole report of a study, and the files it is written as."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from smoothgen.errors import InvalidInput
from smoothgen.studies.grouped import Rows, rows_of
from smoothgen.studies.reports import attacked, certified, compared, costs, fidelity, outcomes, weaknesses
from smoothgen.studies.reports.blocks import Picture, Report, Section
from smoothgen.studies.reports.html import write_html
from smoothgen.studies.reports.markdown import write_markdown
from smoothgen.studies.reports.pictures import save
from smoothgen.studies.store import Finished, weights_of

PICTURES = "pictures"
TITLE = "Evaluation of certified generation"


def made_report(finished: Iterable[Finished], title: str = TITLE) -> Report:
    """Returns the report of finished tasks. Raises InvalidInput where there is none."""
    tasks = list(finished)
    if not tasks:
        raise InvalidInput("the folder holds no finished task; run the study first", field="folder")
    rows, weights = rows_of(tasks), weights_of(tasks)
    verdicts = {model: attacked.verdict_of([a for a in rows.attacks if a.row.model == model]) for model in rows.models}
    broken = [model for model, verdict in verdicts.items() if verdict is not None and not verdict.sound]
    sections = [outcomes.section(rows), weaknesses.section(rows)]
    for model in rows.models:
        sections += [Section(model, _weights(weights.get(model, []))), *_of_model(model, rows)]
    return Report(title, (*_falsified(broken), _of_what(tasks, rows)), tuple(sections), falsified=bool(broken))


def write_report(finished: Iterable[Finished], output: Path, title: str = TITLE) -> tuple[Report, list[Path]]:
    """Writes report.md, report.html and their pictures into `output`. Returns the report and the two pages."""
    report = made_report(finished, title)
    output.mkdir(parents=True, exist_ok=True)
    pictures = [block for section in report.sections for block in section.blocks if isinstance(block, Picture)]
    files = {picture.name: save(picture, output / PICTURES) for picture in pictures}
    return report, [write_markdown(report, output, files), write_html(report, output, files)]


def _of_model(model: str, rows: Rows) -> list[Section]:
    certificates = [one for one in rows.certificates if one.row.model == model]
    found = [
        certified.section(model, certificates),
        compared.section(model, certificates),
        *certified.other_studies(model, certificates),
        attacked.section(model, [one for one in rows.attacks if one.row.model == model]),
        fidelity.section([one for one in rows.fidelity if one.row.model == model]),
        costs.section([one for one in rows.costs if one.row.model == model]),
    ]
    return [section for section in found if section is not None]


def _weights(digests: list[str]) -> tuple[str, ...]:
    return (f"Weights that ran: {', '.join(digests)}.",) if digests else ()


def _falsified(models: list[str]) -> list[str]:
    if not models:
        return []
    return [
        f"**FALSIFIED: attacks crossed more certificates of {', '.join(models)} than chance allows.** Do not serve "
        "them before the fault is found."
    ]


def _of_what(tasks: list[Finished], rows: Rows) -> str:
    revisions = sorted({one.provenance.revision[:12] for one in tasks})
    seconds = sum(one.provenance.seconds for one in tasks)
    return (
        f"{len(tasks)} finished tasks on {', '.join(rows.models)}; {seconds:.0f} seconds of measuring; revision "
        f"{', '.join(revisions)}. Under every table stand the commands, revisions, seeds and machines "
        "that its numbers come from; the last column says which line comes from which. A certified number holds with "
        "the failure probability α beside it and rests on proofs; everything else is a measurement."
    )
