"""A finished generation as files."""

from __future__ import annotations

from pathlib import Path

from smoothgen.certificates import Certificate, ExhaustiveCertificate, save_certificate
from smoothgen.cli.plot import plot_curve, plot_runs
from smoothgen.client import Client, Generation
from smoothgen.contracts import TextOutput
from smoothgen.errors import ServerProblem


def save_generation(client: Client, generation: Generation, folder: Path) -> list[Path]:
    """Writes output, certificate, its signature where the server signs, and curve, and for a picture the contact sheet
    of noisy samples; all noisy samples in a folder where they were asked for. Returns the paths.

    An abstention leaves the output and the sheet; a tier without selection samples has no sheet. Raises SmoothGenError
    where matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    is_text = isinstance(generation.view.output, TextOutput)
    written = [folder / ("output.txt" if is_text else "output.png")]
    written[0].write_bytes(generation.content)
    if not is_text and (sheet := _sheet(client, generation)) is not None:
        written.append(folder / "samples.png")
        written[-1].write_bytes(sheet)
    written += _samples(generation, folder / "samples")
    certificate = generation.certificate
    if certificate is not None:
        written.append(folder / "certificate.json")
        save_certificate(certificate, written[-1])
        if generation.signature is not None:
            written.append(folder / "certificate.jws")
            written[-1].write_text(generation.signature + "\n", encoding="ascii")
        picture = folder / "curve.png"
        if isinstance(certificate, ExhaustiveCertificate):
            plot_runs(certificate, picture)
            written.append(picture)
        elif isinstance(certificate, Certificate):
            plot_curve(certificate, picture)
            written.append(picture)
    return written


def _samples(generation: Generation, folder: Path) -> list[Path]:
    """Writes the noisy samples that did not fail, where they were asked for: selection-0000.png and so on."""
    found = [(each, content) for each in generation.samples if (content := each.content) is not None]
    if not found:
        return []
    folder.mkdir(exist_ok=True)
    for each, content in found:
        ending = "txt" if each.png is None else "png"
        (folder / f"{each.stream}-{each.index:04}.{ending}").write_bytes(content)
    return [folder]


def _sheet(client: Client, generation: Generation) -> bytes | None:
    try:
        return client.samples(generation.id)
    except ServerProblem as error:
        if error.status != 404:
            raise
        return None
