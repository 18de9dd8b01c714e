"""Round noise against shaped noise at equal output displacement: python -m benchmarks.shape --folder FOLDER

For prompts of every garment: certificates of n = 500 samples, alpha = 0.001, tolerance 0.1 RMSE, under round noise of
the default sigma and under the shipped shape, at the sigma that moves the outputs of the public prompts as far; then
how many held-out phrasings of the same meaning, and of other meanings, lie within each ball. Certificates are kept in
FOLDER, and a run that finds some goes on from there; --jobs limits how many it makes.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.fashion import MEANINGS, certificate_of, run, served, spec
from benchmarks.smoke import parse_sizes, smoke_path
from smoothgen.certificates import Certificate, from_document, to_document
from smoothgen.noise import Seed, Stream
from workers.generators import Draw, Smoothing
from workers.training.captions import held_out_captions

TOLERANCE, SAMPLES = 0.1, 500
PICTURE = Path(__file__).parent.parent / "docs" / "pictures" / "shape.png"
ROUND, SHAPED = "round", "shaped"
TOLERANCES = np.linspace(0.01, 0.3, 30)


@dataclass(frozen=True)
class Counted:
    """Of one prompt's certificate: norms of held-out captions in certified radii, and the bound proven at each."""

    radius: float
    spread: float
    same: NDArray[np.float64]
    other: NDArray[np.float64]
    same_bounds: NDArray[np.float64]
    other_bounds: NDArray[np.float64]


def certificates(folder: Path, kind: str, prompts: int, jobs: list[None]) -> list[Certificate]:
    """One a prompt: what stands in the folder, and new ones as long as there are `jobs` left."""
    made = []
    for k in tqdm(range(prompts), desc=kind):
        path = folder / f"{kind}-{k}.json"
        if not path.is_file():
            if not jobs:
                break
            jobs.pop()
            mechanism = "embedding" if kind == ROUND else "embedding-shaped"
            asked = {"samples": SAMPLES, "confidence": 0.999, "tolerance": TOLERANCE, "mechanism": mechanism}
            result = run(spec(chosen(k).prompt, seed=k, **asked))
            path.write_text(json.dumps(to_document(certificate_of(result))), encoding="utf-8")
        made.append(from_document(json.loads(path.read_text(encoding="utf-8"))))
    return made


def chosen(k: int):
    """Every second meaning in turn: all garments, all colours."""
    return MEANINGS[(k * 17) % len(MEANINGS)]


def embed(text: str) -> NDArray[np.float64]:
    """x of a prompt."""
    smoothing = Smoothing("embedding", 1.0, Draw(Seed(0, "server"), Stream.GENERATOR_COMMON, 0))
    condition = served().generator.condition(text, spec(text, seed=0).parameters, smoothing)
    return condition.embedding.astype(np.float64)


def counted(k: int, certificate: Certificate, points: dict) -> Counted:
    """Norms are those the certificate is about; bounds are read at the next point of a fine grid, never below."""
    centre, meaning = embed(chosen(k).prompt), (chosen(k).garment, chosen(k).colour)
    norms: dict[bool, list[float]] = {True: [], False: []}
    for caption, point in points.items():
        norms[(caption.garment, caption.colour) == meaning].append(certificate.mechanism.attack_norm(point - centre))
    grid = np.geomspace(1e-3, 20, 400)
    bounds = np.append([certificate.w1_bound(float(epsilon)) for epsilon in grid], 1.0)
    same, other = np.array(norms[True]), np.array(norms[False])
    return Counted(
        certificate.radius,
        float(np.mean(certificate.evidence.distances)),
        same / certificate.radius,
        other / certificate.radius,
        bounds[np.searchsorted(grid, same)],
        bounds[np.searchsorted(grid, other)],
    )


def table(found: dict[str, list[Counted]], made: dict[str, list[Certificate]]) -> None:
    """Print what docs/models.md quotes."""
    for kind, counts in found.items():
        mechanism = made[kind][0].mechanism
        least, most = mechanism.shape.half_axes if hasattr(mechanism, "shape") else (1.0, 1.0)
        radius = float(np.mean([c.radius for c in counts]))
        same, other = np.concatenate([c.same for c in counts]), np.concatenate([c.other for c in counts])
        print(f"\n{kind}: {mechanism}, {len(counts)} prompts, n = {SAMPLES}, alpha = 0.001, tolerance {TOLERANCE} RMSE")
        print(f"  mean distance of the samples from the centre {np.mean([c.spread for c in counts]):.4f}")
        radii = [c.radius for c in counts]
        print(
            f"  radius: mean {radius:.4f} ({radius / mechanism.sigma:.3f} sigma), {min(radii):.4f} to {max(radii):.4f}"
        )
        print(f"  half-axes of the mean ball in l2 units: {radius * least:.4f} to {radius * most:.4f}")
        print(f"  same meaning inside: {(same <= 1).sum()} of {same.size} ({(same <= 1).mean():.1%})")
        print(f"  other meaning inside: {(other <= 1).sum()} of {other.size}; nearest at {other.min():.2f} radii")
        at = ", ".join(f"{q:.0%}: {np.quantile(same, q):.3f}" for q in (0.9, 0.95, 0.97, 0.99))
        print(f"  same meaning, quantiles in radii: {at}")
        for tolerance in (0.03, 0.05, 0.2):
            shares = [np.mean(np.concatenate(b) <= tolerance) for b in _bounds(counts)]
            print(f"  proven within {tolerance}: same {shares[0]:.1%}, other {shares[1]:.4%}")


def picture(found: dict[str, list[Counted]], path: Path) -> None:
    """Left: how far phrasings lie, in certified radii. Right: the share proven to move outputs by at most τ, by τ."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.8), layout="constrained")
    far, proven = figure.subplots(1, 2)
    for (kind, counts), style in zip(found.items(), ("-", "--"), strict=False):
        for part, colour in (("same", "tab:blue"), ("other", "tab:red")):
            radii = np.sort(np.concatenate([getattr(c, part) for c in counts])).clip(1e-2)
            share = 100 * np.arange(1, radii.size + 1) / radii.size
            far.plot(radii, share, style, color=colour, label=f"{part} meaning, {kind} noise")
        bounds = np.concatenate(_bounds(counts)[0])
        shares = [100 * np.mean(bounds <= t) for t in TOLERANCES]
        proven.plot(TOLERANCES, shares, style, color="tab:blue", label=f"same meaning, {kind} noise")
    far.set(xscale="log", xlim=(1e-2, 30), xlabel="distance, in certified radii (τ = 0.1)", ylabel="nearer, %")
    far.axvline(1, color="0.7", linewidth=1, zorder=0)
    proven.axvline(TOLERANCE, color="0.7", linewidth=1, zorder=0)
    proven.set(xlabel="tolerance τ, pixel RMSE", ylabel="proven within τ, %", ylim=(85, 100))
    for axis in (far, proven):
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=8, loc="lower right" if axis is proven else "center left")
    figure.suptitle("Held-out phrasings under round and shaped noise at equal output displacement", fontsize=10)
    figure.savefig(path, dpi=130)


def _bounds(counts: list[Counted]) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    return [c.same_bounds for c in counts], [c.other_bounds for c in counts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=30)
    parser.add_argument("--folder", type=Path, required=True, help="where certificates are kept")
    parser.add_argument("--jobs", type=int, default=10_000, help="how many new certificates this run may make")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    given = parse_sizes(parser, prompts=1, jobs=1, folder=smoke_path("shape"), picture=smoke_path("shape.png"))
    given.folder.mkdir(parents=True, exist_ok=True)
    jobs: list[None] = [None] * given.jobs
    made = {kind: certificates(given.folder, kind, given.prompts, jobs) for kind in (ROUND, SHAPED)}
    if any(len(of_kind) < given.prompts for of_kind in made.values()):
        print({kind: len(of_kind) for kind, of_kind in made.items()})
        return
    points = {caption: embed(caption.text) for caption in tqdm(held_out_captions(), desc="phrasings")}
    found = {kind: [counted(k, c, points) for k, c in enumerate(of_kind)] for kind, of_kind in made.items()}
    table(found, made)
    picture(found, given.picture)


if __name__ == "__main__":
    main()
