"""A small study with made rows, none of them measured: two models, a baseline, attacks, fidelity and costs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from smoothgen.studies import (
    AttackRow,
    CertificateRow,
    CostRow,
    FidelityRow,
    Finished,
    Provenance,
    Row,
    Store,
    Task,
)
from smoothgen.studies.measures import FRECHET, PERPLEXITY_INCREASE, PLAIN

PROMPTS = ("a red boot", "a | blue *coat*", "<b>sneaker</b>", "the capital of France is")
RADII = (0.4321987, 0.31, None, 0.2)


def certificate(prompt: str, radius: float | None, **other: object) -> CertificateRow:
    """A certificate of our own by noise at sigma 0.5, unless `other` says else."""
    given: dict[str, object] = {
        "study": "protocol",
        "model": "fashion-32",
        "setting": "sigma 0.5",
        "prompt": prompt,
        "method": "SmoothGen",
        "ours": True,
        "claim": "W1 of one output",
        "metric": "pixel-rmse",
        "tolerance": 0.1,
        "diameter": 1.0,
        "alpha": 0.001,
        "sigma": 0.5,
        "samples": 500,
        "radius": radius,
        "abstained": None if radius is not None else "radius-out-of-reach",
        "curve": ((0.1, 0.02), (0.2, 0.05), (0.4, 0.09)),
        "slope": 0.25,
        "offset": 0.02,
    }
    return CertificateRow.model_validate(given | other)


def attack(prompt: str, multiple: float | None, lower: float, **other: object) -> AttackRow:
    """An attack by PGD on the certificate of a prompt."""
    given: dict[str, object] = {
        "study": "attacks",
        "model": "fashion-32",
        "setting": "sigma 0.5",
        "prompt": prompt,
        "attack": "PGD, loss on the centre",
        "method": "SmoothGen",
        "claim": "W1",
        "epsilon": 0.3 * (multiple or 1),
        "multiple": multiple,
        "estimate": lower + 0.005,
        "lower": lower,
        "certified": 0.1 * (multiple or 1),
        "alpha": 1e-4,
        "certificate": f"fashion-32 {prompt}",
        "certificate_alpha": 0.001,
        "tolerance": 0.1,
    }
    return AttackRow.model_validate(given | other)


def rows() -> list[Row]:
    """Every row of the study."""
    found: list[Row] = []
    for prompt, radius in zip(PROMPTS, RADII, strict=True):
        half = None if radius is None else radius / 2
        tokens = {"model": "smollm2-135m", "setting": "tokens", "metric": "label", "sigma": None, "alpha": 0.0}
        gan = {"method": "GAN smoothing (mean)", "ours": False, "claim": "the mean of the outputs"}
        found += [
            certificate(prompt, radius),
            certificate(prompt, half, setting="sigma 1", sigma=1.0),
            certificate(prompt, 0.3, setting="estimate", method="τ/L̂", claim="an estimate", estimated=True),
            certificate(prompt, 0.8, **tokens, samples=30, slope=None, offset=None),
            certificate(prompt, half, study="baselines"),
            certificate(prompt, 0.05 if half else 0.3, study="baselines", **gan),
            certificate(prompt, half, study="ablation: samples", setting="n = 100", samples=100),
            certificate(prompt, radius, study="ablation: samples", setting="n = 500"),
            CostRow(study="protocol", model="fashion-32", setting="sigma 0.5", prompt=prompt, seconds=4, samples=532),
            attack(prompt, 1.0, 0.03),
            attack(prompt, 4.0, 0.13),
            attack(prompt, None, 0.2, method="no protection", epsilon=0.3, certified=1.0, found="a read boot"),
        ]
    for setting, value in ((PLAIN, 0.2), ("sigma 0.5", 0.25), ("sigma 1", 4.2)):
        found.append(_fidelity("fashion-32", setting, FRECHET, "squared feature units", value))
    found.append(_fidelity("smollm2-135m", "tokens", PERPLEXITY_INCREASE, "%", 0.0))
    found.append(_fidelity("smollm2-135m", "sigma 0.5", PERPLEXITY_INCREASE, "%", 212.0))
    return found


def _fidelity(model: str, setting: str, measure: str, unit: str, value: float) -> FidelityRow:
    given = {"study": "fidelity", "model": model, "setting": setting, "measure": measure, "unit": unit}
    return FidelityRow(**given, value=value, low=value - 0.01, high=value + 0.01, alpha=0.05, samples=400)


def finished(row: Row, seed: int) -> Finished:
    """A task with one row."""
    task = Task(
        kind=row.kind,
        study=row.study,
        model=row.model,
        setting=row.setting,
        prompt=row.prompt,
        settings={"place": seed},
    )
    provenance = Provenance(
        command="smoothgen evaluate quick --local",
        revision="0123456789abcdef",
        seed=seed,
        seconds=1.5,
        finished_at="2026-11-29T18:00:00+00:00",
        machine="2 cores, no accelerator",
    )
    return Finished(task=task, provenance=provenance, rows=(row,))


def store(folder: Path, made: Iterable[Row]) -> Store:
    """A folder that holds a task for each row."""
    found = Store(folder)
    for seed, row in enumerate(made):
        found.add(finished(row, seed))
    return found
