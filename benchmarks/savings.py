"""What early stopping saves: python -m benchmarks.savings

Both default models, several prompts each. Of every prompt the 500 certification distances are drawn once, in the order
a job draws them; the noise belongs to (seed, index), so a job that stops early has seen the beginning of the same list.
What a fixed n = 500 proves of it, R500, says how hard an asked radius is; then the worker's own decisions are taken on
the list, for radii that are easy, middle, hard and impossible, and the samples they use are counted. Some of these jobs
are run for real as well, and must give the same certificate. Selection samples are paid on both sides.
"""

from __future__ import annotations

import argparse
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.fashion import MEANINGS, Silent, served
from smoothgen.certificates import Certificate
from smoothgen.certificates.bounds.theorems import total_variation_radius
from smoothgen.contracts import GenerateRequest, JobResult, JobSpec
from smoothgen.noise import Stream
from smoothgen.planning.plan import plan
from workers.generators.batching import Batcher
from workers.jobs.certification import NONE_DRAWN, after_selection, look_at, plan_of, result_of
from workers.jobs.in_process import run_job
from workers.jobs.measurement import measure
from workers.jobs.provenance import JobOnModel
from workers.jobs.sampling import Samples, condition_of, generate, rows_of
from workers.jobs.selection import Draws, Outputs, Selected, samples_to_draw, select_output

SAMPLES, SELECTION, BATCH = 500, 32, 64
LEAST_GAIN = 1.05
PICTURE = Path("docs/pictures/savings.png")
TEXTS = (
    "The capital of France is",
    "The main cause of the accident was",
    "Water boils at a temperature of",
    "The three primary colours are",
    "Once upon a time there was a",
    "My favourite food is",
    "The largest planet in the solar system is",
    "To make a cup of tea, first",
)


@dataclass(frozen=True)
class Kind:
    """How hard a radius is: `share` of the way from what T1 proves to R500, or `times` T1's radius, or R500."""

    name: str
    reachable: bool
    share: float | None = None
    times: float = 1.0

    def epsilon(self, universal: float, proven: float) -> float:
        if self.share is not None:
            return universal + self.share * (proven - universal)
        return self.times * (universal if self.reachable else proven)


KINDS = (
    Kind("below T1", True, times=0.8),
    Kind("easy", True, share=0.25),
    Kind("middle", True, share=0.6),
    Kind("hard", True, share=0.9),
    Kind("1.25 R500", False, times=1.25),
    Kind("1.5 R500", False, times=1.5),
    Kind("2 R500", False, times=2.0),
)
ASKED = ("below T1", "easy", "middle")
"""The kinds the savings are averaged over; near the edge, `hard`, no early look can decide."""


@dataclass(frozen=True)
class Model:
    """A default model as it is asked here."""

    name: str
    metric: str
    tolerance: float
    prompts: Sequence[str]
    parameters: dict[str, Any]

    def job(self, place: int, **asked: float) -> JobSpec:
        """The request for a prompt, as the gateway plans it; seed and time are the place's, so it can be repeated."""
        robustness = {"metric": self.metric, "tolerance": self.tolerance, **asked}
        request = {"model": self.name, "prompt": self.prompts[place], "parameters": self.parameters}
        planned = plan(
            GenerateRequest.model_validate({**request, "robustness": robustness}),
            served(self.name).card,
            max_samples=SAMPLES,
        )
        own = {"id": uuid.UUID(int=place).hex, "seed": f"{0xC0FFEE + place:032x}", "submitted_ms": 1_760_000_000_000}
        return planned.model_copy(update=own)

    def run(self, job: JobSpec) -> JobResult:
        """The job as a worker runs it."""
        model = served(self.name)
        metric = model.metric(job.metric)
        return run_job(job, model.generator, metric, batcher=Batcher(BATCH), watch=Silent())


@dataclass(frozen=True)
class Drawn:
    """A prompt's opening and all its certification distances, and what both ways of certifying make of them."""

    model: Model
    place: int
    opened: Selected
    distances: NDArray[np.float64]

    @cached_property
    def proven(self) -> float:
        """R500."""
        return self._radius(self.model.job(self.place))

    @cached_property
    def kept(self) -> float:
        """The part of R500 that the last of several looks proves, with its half of alpha."""
        # A tolerance for the radius instead of an epsilon: the same plan, and an answer that is a radius.
        return self._radius(self.model.job(self.place, radius_tolerance=0.5)) / self.proven

    def _radius(self, job: JobSpec) -> float:
        outcome = look_at(job, self.opened.stored, self.distances, "").outcome
        assert isinstance(outcome, Certificate)
        return outcome.radius

    @cached_property
    def universal(self) -> float:
        """T1's radius."""
        sigma = self.model.job(self.place).sigma
        assert sigma is not None
        return total_variation_radius(self.model.tolerance / self.opened.stored.diameter) * sigma

    def decide(self, epsilon: float) -> JobResult:
        """What a job that asks for this radius does: `run_job`, with the samples there already."""
        job = self.model.job(self.place, epsilon=epsilon)
        if (result := after_selection(job, self.opened)) is not None:
            return result
        seen = NONE_DRAWN
        for size in plan_of(job).sizes:
            seen = self.distances[:size]
            look = look_at(job, self.opened.stored, seen, "")
            if look.stop is not None:
                break
        return result_of(job, self.opened.stored, look.outcome, seen, 0.0)


@dataclass(frozen=True)
class Asked:
    """One request: which kind, what it used and how it ended."""

    kind: Kind
    drawn: Drawn
    epsilon: float
    result: JobResult

    @property
    def used(self) -> int:
        return self.result.usage.samples

    @property
    def certified(self) -> bool:
        return self.result.certificate is not None

    @property
    def agrees(self) -> bool:
        """Whether a fixed n = 500 says the same."""
        return self.certified == (self.epsilon <= self.drawn.proven)


def draw(model: Model, place: int) -> Drawn:
    """Opening and distances, drawn and measured in the very batches of `run_job`."""
    job = model.job(place, epsilon=1.0)  # any radius: it makes the plan one of several looks
    generator, metric = served(model.name).generator, served(model.name).metric(job.metric)
    condition = condition_of(job, generator)

    def batches(samples: list[Samples]) -> Iterator[Outputs]:
        return (outputs for _, outputs in Batcher(BATCH).run(rows_of(samples), partial(generate, generator)))

    chosen_from = [output for batch in batches(samples_to_draw(job, condition)) for output in batch]
    draws = Draws(chosen_from, device_s=0.0, started=time.time())
    opened = select_output(JobOnModel(job, generator, metric, condition), draws)
    centre = metric.read_centre(opened.stored.centre, opened.stored.bound)
    distances = NONE_DRAWN
    for size in plan_of(job).sizes:
        following = Samples(job, condition, Stream.CERTIFICATION, range(len(distances), size))
        # Batch by batch here too: an encoder that is given more texts at once differs in the last bits.
        distances = np.concatenate([distances, *(measure(batch, metric, centre) for batch in batches([following]))])
    return Drawn(model, place, opened, distances)


def ask(drawn: Drawn) -> list[Asked]:
    """Every kind of request for one prompt; where the samples add nothing to T1, no radius lies between the two."""
    kinds = [kind for kind in KINDS if kind.share is None or drawn.proven > LEAST_GAIN * drawn.universal]
    epsilons = [kind.epsilon(drawn.universal, drawn.proven) for kind in kinds]
    return [Asked(kind, drawn, epsilon, drawn.decide(epsilon)) for kind, epsilon in zip(kinds, epsilons, strict=True)]


def repeated_for_real(asked: Asked) -> str:
    """Run the job itself, and say whether it used as many samples and ended in the same certificate, or abstention."""
    model, here = asked.drawn.model, asked.result
    real = model.run(model.job(asked.drawn.place, epsilon=asked.epsilon))
    same = real.usage.samples == here.usage.samples and real.output == here.output
    same = same and real.certificate == here.certificate and real.abstention == here.abstention
    if not same:
        counts = f"{real.usage.samples} samples, the prefix {here.usage.samples}"
        return f"{model.name}, {asked.kind.name}: NOT the same: the job used {counts}"
    ending = "certificate" if asked.certified else "abstention"
    return f"{model.name}, {asked.kind.name}: {real.usage.samples} samples and the same {ending}, to the last byte"


def totals(asked: Sequence[Asked]) -> tuple[float, float]:
    """Times fewer samples than n = 500 on average: certification samples alone, and with the selection's."""
    used = float(np.mean([a.used for a in asked]))
    return SAMPLES / used if used else float("inf"), (SAMPLES + SELECTION) / (used + SELECTION)


def line(name: str, asked: Sequence[Asked]) -> str:
    used = [a.used for a in asked]
    alone, together = totals(asked)
    certified, lost = sum(a.certified for a in asked), sum(not a.agrees for a in asked)
    return (
        f"  {name:<22} {len(asked):>4} {certified:>11} {np.mean(used):>8.1f} {np.median(used):>7.0f} {max(used):>5}"
        f" {SELECTION + np.mean(used):>11.1f} {alone:>8.2f} {together:>10.2f} {lost:>9}"
    )


def report(model: Model, asked: Sequence[Asked]) -> None:
    drawn = {a.drawn.place: a.drawn for a in asked}.values()
    gains = [d.proven / d.universal for d in drawn]
    sigma = model.job(0).sigma
    print(f"\n{model.name}: {model.metric}, tolerance {model.tolerance}, sigma {sigma:g}, {len(gains)} prompts")
    print(f"R500 / T1's radius: mean {np.mean(gains):.2f}, min {min(gains):.2f}, max {max(gains):.2f}")
    kept = [d.kept for d in drawn]
    print(f"radius of the last look, half of alpha, / R500: mean {np.mean(kept):.3f}, min {min(kept):.3f}")
    print("                                         certification samples        with  times fewer samples    another")
    print("                        asked   certified     mean  median   max   selection    alone  with sel.   verdict")
    for kind in KINDS:
        print(line(kind.name, [a for a in asked if a.kind is kind]))
    print(line("reachable, not hard", [a for a in asked if a.kind.name in ASKED]))
    print(line("reachable, all", [a for a in asked if a.kind.reachable]))
    print(line("impossible", [a for a in asked if not a.kind.reachable]))


def picture(models: Sequence[Model], asked: Sequence[Asked], path: Path) -> None:
    """A bar for the mean of every kind and model, its number above the panel, and a dot for every request."""
    figure = Figure(figsize=(8.6, 4.2), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(models), sharey=True)
    random = np.random.default_rng(0)
    for axes, model in zip(panels, models, strict=True):
        for x, kind in enumerate(KINDS):
            used = [a.used for a in asked if a.kind is kind and a.drawn.model is model]
            colour = "#1f5fa8" if kind.reachable else "#dd8452"
            axes.bar(x, np.mean(used), color=colour, alpha=0.45, width=0.7)
            axes.scatter(x + random.uniform(-0.25, 0.25, len(used)), used, s=9, color=colour, lw=0)
            axes.text(x, SAMPLES + 18, f"{np.mean(used):.0f}", ha="center", fontsize=9, color=colour, weight="bold")
        axes.axhline(SAMPLES, color="#c44e52", lw=1.2)
        axes.axhline(SAMPLES / 4, color="#999999", lw=1, ls="--")
        names = [kind.name.replace(" ", "\n").replace("R500", "R₅₀₀") for kind in KINDS]
        axes.set_xticks(range(len(KINDS)), names, fontsize=8)
        axes.set_title(f"{model.name}, {len(model.prompts)} prompts", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set(ylabel="certification samples used", ylim=(0, 560))
    panels[0].text(-0.4, SAMPLES - 20, "fixed n = 500", color="#c44e52", fontsize=8)
    panels[0].text(-0.4, SAMPLES / 4 + 6, "a quarter", color="#777777", fontsize=8)
    figure.savefig(path)


def models(pictures: int, texts: int, tokens: int) -> list[Model]:
    # Every garment and colour in turn.
    prompts = [MEANINGS[(17 * k) % len(MEANINGS)].prompt for k in range(pictures)]
    return [
        Model("fashion-32", "pixel-rmse", 0.1, prompts, {}),
        Model("smollm2-135m", "sentence-chord", 0.2, TEXTS[:texts], {"max_new_tokens": tokens}),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=16, help="prompts of the picture model")
    parser.add_argument("--texts", type=int, default=len(TEXTS), help="prompts of the language model")
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--picture", type=Path, default=PICTURE)
    given = parser.parse_args()
    asked_of = models(given.pictures, given.texts, given.tokens)
    asked: list[Asked] = []
    for model in asked_of:
        places = tqdm(range(len(model.prompts)), desc=model.name, leave=False)
        asked += [a for place in places for a in ask(draw(model, place))]
        report(model, [a for a in asked if a.drawn.model is model])
    print("\nboth models")
    print(line("reachable, not hard", [a for a in asked if a.kind.name in ASKED]))
    print(line("impossible", [a for a in asked if not a.kind.reachable]))
    print("\nrun for real")
    for model in asked_of:
        of_model = [a for a in asked if a.drawn.model is model]
        for place, kind in enumerate(("easy", "middle", "1.25 R500")):
            [one] = [a for a in of_model if a.kind.name == kind and a.drawn.place == place % len(model.prompts)]
            print("  " + repeated_for_real(one))
    picture(asked_of, asked, given.picture)
    print(f"\npicture: {given.picture}")


if __name__ == "__main__":
    main()
