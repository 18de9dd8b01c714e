"""From a budget to σ to what outputs do: python -m benchmarks.budget

Thirty prompts of the default picture model, three budgets, both forms of theory §5: (a) one σ for all prompts, (b) σ by
the prompt's own sensitivity, its choice certified. Every job runs as a worker runs it; then noisy outputs at the σ it
served are compared with the clean one, and the mean distance is set against the budget asked. Rows are kept as they
come, one JSON object a line, so that a run may be cut into pieces (--seconds) and goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.figure import Figure

from benchmarks.fashion import MEANINGS, run, served, spec
from benchmarks.smoke import parse_sizes, smoke_path
from smoothgen.contracts import JobResult, JobSpec
from smoothgen.mechanisms import Gaussian
from smoothgen.noise import Seed, Stream
from workers.generators import Draw, Failure
from workers.generators.batching import Batcher
from workers.jobs.sampling import condition_of, seed_of

BUDGETS: Final = (0.005, 0.01, 0.02)
PROMPTS: Final = 30
FORMS: Final = {"model": "(a) one σ for all prompts", "prompt": "(b) σ by the prompt"}
PICTURE = Path("docs/pictures/budget.png")
_MEASURED_WITH = Seed(0xB0D6E7, "client")
_BATCH = 64
Row = dict[str, Any]


def prompts() -> list[str]:
    """Thirty of the hundred meanings, in no order."""
    chosen = np.random.default_rng(5).choice(len(MEANINGS), PROMPTS, replace=False)
    return [MEANINGS[int(k)].prompt for k in chosen]


def jobs(steps: int, samples: int) -> Iterator[tuple[str, float, str, JobSpec]]:
    """Every job of the comparison, budget by budget within a prompt."""
    for place, prompt in enumerate(prompts()):
        for budget in BUDGETS:
            for form in FORMS:
                asked = {"budget": budget, "adapt": form, "samples": samples, "selection_samples": 16}
                yield (
                    prompt,
                    budget,
                    form,
                    spec(prompt, seed=place, parameters={"num_inference_steps": steps}, tolerance=0.1, **asked),
                )


def displacement(job: JobSpec, sigma: float, draws: int) -> float:
    """Mean distance from the clean output to noisy ones, at this σ, under the job's own ω."""
    model = served()
    condition, metric = condition_of(job, model.generator, sigma), model.metric(job.metric)
    noise = Gaussian(sigma).draw(_MEASURED_WITH, Stream.CALIBRATION, range(draws), condition.embedding.shape)
    rows = np.concatenate([np.zeros_like(noise[:1]), noise])
    draw = Draw(seed_of(job), Stream.GENERATOR_COMMON, 0)
    batches = Batcher(_BATCH).run(
        range(len(rows)),
        lambda batch: model.generator.generate(condition, rows[list(batch)], [draw] * len(batch), job.parameters),
    )
    outputs = [output for _, batch in batches for output in batch]
    clean, *noisy = [output.content for output in outputs if not isinstance(output, Failure)]
    return float(metric.distances(noisy, metric.choose_centre([clean])).mean())


def measured(prompt: str, budget: float, form: str, job: JobSpec, draws: int) -> Row:
    """One job, and what its σ does."""
    started = time.perf_counter()
    result: JobResult = run(job, _BATCH)
    row: Row = {"prompt": prompt, "budget": budget, "form": form, "generations": result.usage.overhead}
    row["own_sigma"] = job.sigma
    if result.certificate is None:
        row["abstained"] = None if result.abstention is None else result.abstention.detail
    else:
        sigma = result.certificate["mechanism"]["sigma"]
        row |= {"sigma": sigma, "radius": result.certificate["radius"], "displacement": displacement(job, sigma, draws)}
        if "sigma_selection" in result.certificate:
            row["selection_radius"] = result.certificate["sigma_selection"]["radius"]
    return row | {"seconds": round(time.perf_counter() - started, 1)}


def table(rows: list[Row]) -> str:
    """Budget by budget, form by form."""
    lines = [
        "| budget | form | prompts | served | displacement: median (range) | log₂ of it over the budget, spread "
        "| σ: median (range) | radius: median | radius is ε_sel | generations |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for budget in BUDGETS:
        for form, name in FORMS.items():
            of_form = [row for row in rows if (row["budget"], row["form"]) == (budget, form)]
            kept = [row for row in of_form if "sigma" in row]
            if not of_form:
                continue
            if not kept:
                lines.append(f"| {budget} | {name} | {len(of_form)} | 0 | | | | | | |")
                continue
            moved, sigma, radius = (np.array([row[key] for row in kept]) for key in ("displacement", "sigma", "radius"))
            held = [row["radius"] >= row["selection_radius"] for row in kept if "selection_radius" in row]
            lost = f"{sum(held)} of {len(held)}" if held else ""
            generations = np.mean([row["generations"] for row in of_form])
            lines.append(
                f"| {budget} | {name} | {len(of_form)} | {len(kept)} "
                f"| {np.median(moved):.4f} ({moved.min():.4f}–{moved.max():.4f}) "
                f"| {np.std(np.log2(moved / budget)):.2f} "
                f"| {np.median(sigma):.3f} ({sigma.min():.3f}–{sigma.max():.3f}) | {np.median(radius):.4f} | {lost} "
                f"| {generations:.0f} |"
            )
    return "\n".join(lines)


def draw(rows: list[Row], path: Path) -> None:
    """Displacement against budget: a point a prompt, (a) left and (b) right of the budget."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for (form, name), side, colour in zip(FORMS.items(), (0.93, 1.07), ("#4477aa", "#cc6677"), strict=True):
        kept = [row for row in rows if row["form"] == form and "sigma" in row]
        jitter = np.random.default_rng(0).uniform(0.97, 1.03, len(kept))
        places = np.array([row["budget"] for row in kept]) * side * jitter
        total = sum(row["form"] == form for row in rows)
        if not total:
            continue
        label = f"{name}: {len(kept)} of {total} jobs served"
        axes.scatter(places, [row["displacement"] for row in kept], s=16, alpha=0.7, color=colour, label=label)
        for budget in BUDGETS:
            moved = [row["displacement"] for row in kept if row["budget"] == budget]
            if moved:
                middle = float(np.median(moved))
                axes.plot([budget * side * 0.96, budget * side * 1.04], [middle, middle], color=colour, linewidth=2.5)
    ends = np.array([min(BUDGETS) / 1.3, max(BUDGETS) * 1.3])
    axes.plot(ends, ends, color="0.4", linestyle="--", label="displacement = budget")
    axes.set(xscale="log", yscale="log", xlabel="budget asked (pixel RMSE)", ylabel="mean displacement measured")
    axes.set_xticks(BUDGETS, [str(budget) for budget in BUDGETS])
    axes.set_xticks([], minor=True)
    axes.set_yticks(ticks := [0.0025, 0.005, 0.01, 0.02, 0.04, 0.08], [str(tick) for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper left")
    axes.set_title(f"{served().card.id}: what a budget does, a point a prompt (bars: medians)")
    figure.savefig(path, dpi=130)


def main() -> None:
    """Run what is not kept yet, then the table and the picture of all there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, default=Path("budget.jsonl"), help="where rows are kept")
    parser.add_argument("--steps", type=int, default=20, help="denoising steps")
    parser.add_argument("--samples", type=int, default=500, help="certification samples a job")
    parser.add_argument("--draws", type=int, default=32, help="noisy outputs a displacement is the mean of")
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=list(FORMS), help="model is (a), prompt is (b)")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after these, to go on another time")
    parser.add_argument("--picture", type=Path, default=PICTURE)
    given = parse_sizes(
        parser,
        samples=20,
        draws=2,
        steps=2,
        seconds=0.1,
        keep=smoke_path("budget.jsonl"),
        picture=smoke_path("budget.png"),
    )
    lines = given.keep.read_text(encoding="utf-8").splitlines() if given.keep.exists() else []
    rows: list[Row] = [json.loads(line) for line in lines]
    known, started = {(row["prompt"], row["budget"], row["form"]) for row in rows}, time.monotonic()
    for prompt, budget, form, job in jobs(given.steps, given.samples):
        if time.monotonic() - started > given.seconds:
            break
        if form in given.forms and (prompt, budget, form) not in known:
            rows.append(measured(prompt, budget, form, job, given.draws))
            with given.keep.open("a", encoding="utf-8") as kept:
                kept.write(json.dumps(rows[-1]) + "\n")
    print(table(rows))
    draw(rows, given.picture)
    print(f"\n{len(rows)} of {PROMPTS * len(BUDGETS) * len(FORMS)} jobs; picture: {given.picture}")


if __name__ == "__main__":
    main()
