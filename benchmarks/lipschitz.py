"""What a proven constant is worth: python -m benchmarks.lipschitz

For 20 prompts on fashion-lipschitz-32 the radius at tolerance 0.1 RMSE from T2 alone, from T4 alone and from the
smaller of the two; how close finite differences and gradient attacks come to the bound; whether the pictures show what
was asked.
Writes docs/pictures/lipschitz.png and docs/pictures/fashion-lipschitz.png.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from tqdm import tqdm

from benchmarks.fashion import MEANINGS, Silent, certificate_of, served
from benchmarks.smoke import parse_sizes
from smoothgen.certificates import Certificate, certify
from smoothgen.contracts import GenerateRequest
from smoothgen.noise import Seed, Stream
from smoothgen.planning.plan import plan
from workers.generators import Draw, Picture, Smoothing
from workers.generators.batching import Batcher
from workers.generators.lipschitz.network import CLAMP, LipschitzNetwork
from workers.jobs.contact_sheet import contact_sheet
from workers.jobs.in_process import run_job
from workers.training.vocabulary import COLOURS, GARMENTS

MODEL = "fashion-lipschitz-32"
TOLERANCE = 0.1
SEED = Seed(2026, "server")
EPSILONS = np.concatenate([[0.001, 0.003], np.linspace(0.01, 2.0, 80)])


def job(prompt: str, *, seed: int, samples: int, sigma: float) -> tuple[Certificate, Certificate]:
    """The certificate as served, and the one the same distances give without T4."""
    model = served(MODEL)
    robustness = {"samples": samples, "sigma": sigma, "confidence": 0.999, "tolerance": TOLERANCE}
    body = {"model": MODEL, "prompt": prompt, "seed": seed, "robustness": robustness}
    spec = plan(GenerateRequest.model_validate(body), model.card, max_samples=100_000)
    found = certificate_of(
        run_job(spec, model.generator, model.metric(spec.metric), batcher=Batcher(64), watch=Silent())
    )
    evidence = found.evidence
    without = certify(
        evidence.distances,
        bound=evidence.bound,
        diameter=evidence.diameter,
        mechanism=found.mechanism,
        alpha=found.alpha,
        tolerance=TOLERANCE,
    )
    return found, without


def radii(prompts: int, samples: int, sigmas: list[float]) -> None:
    """The table and the picture."""
    proven = served(MODEL).generator.lipschitz
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    axes = figure.subplots(1, len(sigmas), sharey=True)
    for axis, sigma in zip(np.atleast_1d(axes), sigmas, strict=True):
        spread, both = [], []
        curves, started = [], time.perf_counter()
        for k in tqdm(range(prompts), desc=f"sigma {sigma:g}", leave=False):
            found, without = job(MEANINGS[(k * 17) % 80].prompt, seed=k, samples=samples, sigma=sigma)
            spread.append(without.radius)
            both.append(found.radius)
            curves.append([without.w1_bound(float(e)) for e in EPSILONS])
        t4 = proven.bounds(EPSILONS)
        seconds = (time.perf_counter() - started) / prompts
        below = np.mean(np.array(curves) <= t4)
        print(
            f"| {sigma:g} | {_three(spread)} | {proven.radius(TOLERANCE):.3f} | {_three(both)} | {below:.0%} "
            f"| {seconds:.2f} |"
        )
        median = np.median(curves, axis=0)
        axis.fill_between(EPSILONS, np.min(curves, axis=0), np.max(curves, axis=0), color="tab:blue", alpha=0.15, lw=0)
        axis.plot(EPSILONS, median, color="tab:blue", label=f"T1, T2 from {samples} samples ({prompts} prompts)")
        axis.plot(EPSILONS, t4, color="tab:orange", label="T4: Lε + offset, no samples")
        axis.plot(
            EPSILONS, np.minimum(median, t4), color="black", ls=":", lw=2.2, label="the smaller: what is certified"
        )
        axis.axhline(TOLERANCE, color="grey", lw=0.8)
        axis.set(title=f"σ = {sigma:g}", xlabel="attack ε on the condition", xlim=(0, 2), ylim=(0, 0.6))
    np.atleast_1d(axes)[0].set_ylabel("Wasserstein-1 bound, pixel RMSE")
    np.atleast_1d(axes)[0].legend(fontsize=8, loc="upper left")
    figure.savefig("docs/pictures/lipschitz.png", dpi=110)


def _three(values: list[float]) -> str:
    return f"{np.mean(values):.3f} ({min(values):.3f}, {max(values):.3f})"


def recognised(each: int, sigmas: list[float]) -> None:
    """Shares of pictures in which the judge sees what was asked, and the sheet."""
    model = served(MODEL)
    for sigma in sigmas:
        right = garments = colours = 0
        sheet = []
        for k, meaning in enumerate(MEANINGS):
            parameters = plan(
                GenerateRequest.model_validate({"model": MODEL, "prompt": meaning.prompt}), model.card, max_samples=1000
            ).parameters
            smoothing = Smoothing("embedding", max(sigma, 1e-9), Draw(SEED, Stream.GENERATOR_COMMON, 0))
            condition = model.generator.condition(meaning.prompt, parameters, smoothing)
            indices = range(k * each, (k + 1) * each)
            noise = condition.mechanism.draw(SEED, Stream.CERTIFICATION, indices, condition.embedding.shape)
            draws = [Draw(SEED, Stream.GENERATOR, index) for index in indices]
            made = model.generator.generate(condition, noise, draws, parameters)
            pictures = [picture.pixels for picture in made if isinstance(picture, Picture)]
            sheet.append(pictures[0])
            for verdict in model.classifier.verdicts(pictures):
                colour, garment = verdict.split(" ", 1)
                right += verdict == meaning.verdict
                colours += colour == COLOURS[meaning.colour]
                garments += garment == GARMENTS[meaning.garment]
        total = each * len(MEANINGS)
        print(f"| {sigma:g} | {right / total:.1%} | {garments / total:.1%} | {colours / total:.1%} |")
        if sigma == model.card.default_sigma:
            contact_sheet(sheet, columns=len(GARMENTS)).save("docs/pictures/fashion-lipschitz.png")


def attacked(network: LipschitzNetwork, starts: int, steps: int) -> None:
    """The largest share of the bound that anything found: random pairs, and gradient ascent within epsilon."""
    random = np.random.default_rng(0)
    proven = served(MODEL).generator.lipschitz
    x = random.standard_normal((50_000, network.width)) * random.choice([0.1, 0.3, 0.6], (50_000, 1))
    step = random.standard_normal(x.shape)
    step *= (10 ** random.uniform(-5, 0.3, len(x)) / np.linalg.norm(step, axis=1))[:, None]
    ratios = []
    for part in tqdm(np.array_split(np.arange(len(x)), 100), desc="pairs", leave=False):
        omega = random.standard_normal((len(part), network.styles))
        moved = np.linalg.norm(network(x[part], omega) - network(x[part] + step[part], omega), axis=1)
        ratios.append(moved / math.sqrt(network.pixels) / np.linalg.norm(step[part], axis=1))
    print(
        f"finite differences, {len(x)} pairs: largest {np.concatenate(ratios).max():.4f} of L = {proven.constant:.4f}"
    )
    for epsilon in (0.01, 0.1, 0.3, 1.0):
        a = torch.from_numpy(random.standard_normal((starts, network.width)) * 0.3)
        delta = torch.from_numpy(random.standard_normal(a.shape))
        delta = (epsilon * delta / delta.norm(dim=1, keepdim=True)).requires_grad_()
        omega = random.standard_normal((starts, network.styles))
        a.requires_grad_()
        for _ in range(steps):  # both ends of the attack are free: the bound holds for every x
            apart = _clamped(network, a, omega) - _clamped(network, a + delta, omega)
            by_a, by_delta = torch.autograd.grad(apart.square().sum(), (a, delta))
            with torch.no_grad():
                a += 0.05 * by_a / by_a.norm(dim=1, keepdim=True).clamp(min=1e-12)
                delta += 0.1 * epsilon * by_delta / by_delta.norm(dim=1, keepdim=True).clamp(min=1e-12)
                delta *= (epsilon / delta.norm(dim=1, keepdim=True)).clamp(max=1.0)
        start, end = a.detach().numpy(), (a + delta).detach().numpy()
        squares = np.square(network.pictures(start, omega).astype(float) - network.pictures(end, omega))
        moved = np.sqrt(squares.reshape(starts, -1).mean(axis=1)) / 255
        limit = proven.constant * np.linalg.norm(end - start, axis=1) + proven.offset
        if (moved > limit).any():
            raise SystemExit(f"an attack of {epsilon} broke the bound: {moved.max()} above {limit.min()}")
        print(f"| {epsilon:g} | {moved.max():.4f} | {limit.max():.4f} | {(moved / limit).max():.0%} |")


def _clamped(network: LipschitzNetwork, x: torch.Tensor, omega: np.ndarray) -> torch.Tensor:
    h, styles = x.clamp(-CLAMP, CLAMP), torch.from_numpy(omega).clamp(-CLAMP, CLAMP)
    for k, layer in enumerate(network.layers):
        weight, style, bias = (torch.from_numpy(part) for part in (layer.weight, layer.style, layer.bias))
        h = h @ weight.T + styles @ style.T + bias
        if k + 1 < len(network.layers):
            pairs = h.unflatten(-1, (-1, 2))
            h = torch.stack([pairs.amax(-1), pairs.amin(-1)], dim=-1).flatten(-2)
    return h.clamp(0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--sigma", type=float, action="append", help="default: 0.1, 0.2 and 0.4")
    parser.add_argument("--starts", type=int, default=64, help="of gradient attacks")
    parser.add_argument("--steps", type=int, default=100, help="of gradient attacks")
    given = parse_sizes(parser, prompts=1, samples=60, starts=2, steps=2, sigma=[0.2])
    sigmas = given.sigma or [0.1, 0.2, 0.4]
    started = time.perf_counter()
    model = served(MODEL)
    network: LipschitzNetwork = model.generator.network
    print(
        f"{MODEL} loaded in {time.perf_counter() - started:.1f} s, both encoders included; {model.generator.lipschitz}"
    )
    started = time.perf_counter()
    again = LipschitzNetwork(network.layers, network.side)
    print(f"the proof (norms and error bound): {again.offset and time.perf_counter() - started:.2f} s")
    print("| sigma | recognised | garment | colour |\n|---|---|---|---|")
    recognised(10, [0.0, *sigmas])
    print("| sigma | T2 radius, mean (least, largest) | T4 radius | certified | T2 <= T4 on the grid | s a job |")
    print("|---|---|---|---|---|---|")
    radii(given.prompts, given.samples, sigmas)
    print("| attack | found | bound | largest share |\n|---|---|---|---|")
    attacked(network, given.starts, given.steps)


if __name__ == "__main__":
    Path("docs/pictures").mkdir(exist_ok=True)
    main()
