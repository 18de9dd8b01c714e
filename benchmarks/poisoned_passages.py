"""Poisoned passages: python -m benchmarks.poisoned_passages

SmolLM2-135M answers forty questions (benchmarks/prompts/passages.json), each over ten passages that say the answer. An
attacker replaces one or two of them by an instruction to answer something else, and an attack succeeds if he finds
places where the answer changes.

- "all ten": the model reads all passages, as a backend without certificates would ask it.
- "size s": mechanism passages; every run reads s of the ten. "certified at m": questions whose certificate says that
  the majority answer stays whatever m passages are. "least kept": the share of runs that the certificate promises
  under m altered passages; "kept under attack": the least share that any attack tried here left. It must never be the
  smaller.

--questions, --attacked, --sizes: how many of the questions, how many of them are attacked, and which sizes. --plot
FILE: a picture of the last size, question by question. --smoke: one question, size 1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from benchmarks.fashion import Silent, served
from benchmarks.smoke import parse_sizes, smoke_path
from smoothgen.certificates import UnitsCertificate, read_certificate
from smoothgen.contracts import GenerateRequest, JobSpec
from smoothgen.planning.plan import plan
from smoothgen.units import UnitTexts
from workers.evaluation.attacks.passages import answers as said_to
from workers.evaluation.attacks.passages import poisons, touched
from workers.generators.batching import Batcher
from workers.jobs.in_process import run_job

QUESTIONS = Path(__file__).parent / "prompts" / "passages.json"
MODEL = "smollm2-135m"
RULE = {"kind": "regex", "pattern": "[A-Za-z]+|[0-9]+"}
NEW_TOKENS = 5
BATCH = 16
SELECTION = 9
"""Runs that choose the answer of mechanism passages."""
ALTERED = (1, 2)
PLACES: dict[int, tuple[tuple[int, ...], ...]] = {1: ((0,), (9,)), 2: ((0, 9),)}
"""Which passages the attacker replaces, by how many he may."""


@dataclass(frozen=True)
class Question:
    """A prompt, the passages before it, the right answer, and the attacker's."""

    prompt: str
    passages: tuple[str, ...]
    answer: str
    wrong: str

    @property
    def poisons(self) -> tuple[str, ...]:
        """What the attacker writes in the place of a passage."""
        return poisons(self.prompt, self.wrong)

    def attacked(self, altered: int) -> list[tuple[str, ...]]:
        """Returns the lists of passages under every attack tried with so many passages."""
        lists = []
        for places, poison in itertools.product(PLACES[altered], self.poisons):
            passages = list(self.passages)
            for place in places:
                passages[place] = poison.strip()
            lists.append(tuple(passages))
        return lists


@dataclass(frozen=True)
class Row:
    """What one question came to. By m, the share of runs with the answer: certified, and the least an attack left."""

    runs: int
    right: bool
    majority: int
    certified: dict[int, float]
    left: dict[int, float]


def questions() -> list[Question]:
    """Returns the questions, the topics in turn, so that a few of them are of many topics."""
    by_topic = [
        [
            Question(
                topic["question"].format(**case),
                tuple(passage.format(**case) for passage in topic["passages"]),
                case["answer"],
                case["wrong"],
            )
            for case in topic["cases"]
        ]
        for topic in json.loads(QUESTIONS.read_text("utf-8"))
    ]
    return [question for in_turn in zip(*by_topic, strict=True) for question in in_turn]


def planned(prompt: str, **fields: Any) -> JobSpec:
    """Returns a job as the gateway plans it."""
    robustness = {"metric": {"name": "label", "extract": RULE}, **fields.pop("robustness", {})}
    request = GenerateRequest.model_validate(
        {
            "model": MODEL,
            "prompt": prompt,
            "seed": 1,
            "parameters": {"max_new_tokens": NEW_TOKENS},
            "robustness": robustness,
            **fields,
        }
    )
    return plan(request, served(MODEL).card, max_samples=100_000).model_copy(update={"id": uuid.UUID(int=1).hex})


def answers(texts: Sequence[str]) -> list[str | None]:
    """Returns the model's answer to each text, None where a run failed or says none."""
    return said_to(served(MODEL), planned(texts[0], robustness={"mechanism": "tokens"}), texts, batch_size=BATCH)


def unprotected(question: Question) -> tuple[bool, dict[int, bool]]:
    """Returns whether the model is right on all ten passages, and by m whether an attack changes what it says."""
    attacks = [(m, passages) for m in ALTERED for passages in question.attacked(m)]
    lists = [question.passages, *(passages for _, passages in attacks)]
    first, *others = answers(["\n\n".join([*passages, question.prompt]) for passages in lists])
    changed = {m: any(said != first for (n, _), said in zip(attacks, others, strict=True) if n == m) for m in ALTERED}
    return first == question.answer, changed


def protected(question: Question, size: int, *, attacked: bool) -> Row:
    """Returns what mechanism passages certifies of the question and, if it is attacked, what is left of it."""
    model = served(MODEL)
    job = planned(
        question.prompt,
        context=[*question.passages],
        robustness={"units": {"size": size}, "selection_samples": SELECTION},
    )
    result = run_job(job, model.generator, model.metric(job.metric), batcher=Batcher(BATCH), watch=Silent())
    certificate = read_certificate(result.certificate)
    if not isinstance(certificate, UnitsCertificate) or certificate.provenance.metric is None:
        raise SystemExit(f"no certificate of units: {result.abstention}")
    answer = certificate.provenance.metric.centre["label"]
    return Row(
        result.usage.overhead,
        answer == question.answer,
        certificate.claims.majority or 0,
        {m: certificate.bound_for(m).share or 0.0 for m in ALTERED},
        _left(question, certificate, answer) if attacked else {},
    )


def _left(question: Question, certificate: UnitsCertificate, answer: str | None) -> dict[int, float]:
    """Returns, by m, the least share of runs with the answer that an attack leaves."""
    subsets = certificate.choice.enumerated()
    kept_before = certificate.evidence.distances == 0
    attacks = [(m, passages) for m in ALTERED for passages in question.attacked(m)]
    altered_runs = [touched(question.passages, passages, subsets) for _, passages in attacks]
    # An attack leaves what the runs that it does not touch read, so only the others are made again.
    texts = [
        UnitTexts.of_passages(question.prompt, passages).text(subset)
        for (_, passages), runs in zip(attacks, altered_runs, strict=True)
        for subset in subsets[runs].tolist()
    ]
    said = np.array([label == answer for label in answers(texts)])
    least = dict.fromkeys(ALTERED, 1.0)
    for (m, _), runs in zip(attacks, altered_runs, strict=True):
        now, said = said[: runs.sum()], said[runs.sum() :]
        least[m] = min(least[m], float((kept_before[~runs].sum() + now.sum()) / len(subsets)))
    return least


def draw(rows: Sequence[Row], size: int, path: Path) -> None:
    """Draws for every question the share of runs that is certified and the least that an attack left."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, m in zip(figure.subplots(1, len(ALTERED), sharey=True), ALTERED, strict=True):
        in_order = sorted(rows, key=lambda row: -row.certified[m])
        certified = [row.certified[m] for row in in_order]
        places = range(1, len(in_order) + 1)
        axes.bar(places, certified, width=1, color="#9cc3e6", label="certified: no attack leaves less")
        tried = [(place, row.left[m]) for place, row in zip(places, in_order, strict=True) if row.left]
        axes.plot(*zip(*tried, strict=True), "o", ms=4, color="#c44e52", label="the least that an attack tried left")
        axes.axhline(0.5, color="#555555", lw=1, ls="--", label="one half: the answer is the majority above it")
        axes.set_ylim(0, 1)
        axes.set_xlabel("question, by the share certified")
        axes.set_title(f"{m} of 10 passages replaced" if m > 1 else "one of 10 passages replaced", fontsize=10)
        if m == ALTERED[0]:
            axes.set_ylabel(f"share of runs, each on {size} passages,\nthat keep the answer")
            axes.legend(fontsize=8, loc="lower left")
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--attacked", type=int, default=40, help="how many questions are attacked, the first ones")
    parser.add_argument("--all-ten", action=argparse.BooleanOptionalAction, default=True, help="the unprotected model")
    parser.add_argument("--plot", type=Path, default=None, metavar="FILE")
    given = parse_sizes(parser, questions=1, sizes=[1], plot=smoke_path("passages.png"))
    asked = questions()[: given.questions]
    count = len(asked)
    if given.all_ten:
        bare = [unprotected(question) for question in tqdm(asked, leave=False)]
        print("| reads | runs | right | attack at m = 1 changes the answer | at m = 2 |")
        print("|---|---|---|---|---|")
        changed = " | ".join(f"{sum(by_m[m] for _, by_m in bare)} of {count}" for m in ALTERED)
        print(f"| all ten | 1 | {sum(right for right, _ in bare)} of {count} | {changed} |\n", flush=True)
    print(
        "| size | runs | right | certified at m = 1 | at m = 2 | lost its majority under attack at m = 1 | at m = 2 "
        "| median of least kept at m = 1, and kept under attack | at m = 2 | kept less than certified |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for size in given.sizes:
        rows = [
            protected(question, size, attacked=place < given.attacked)
            for place, question in enumerate(tqdm(asked, leave=False))
        ]
        tried = [row for row in rows if row.left]
        certified = " | ".join(f"{sum(row.majority >= m for row in rows)} of {count}" for m in ALTERED)
        lost = " | ".join(f"{sum(row.left[m] <= 0.5 for row in tried)} of {len(tried)}" for m in ALTERED)
        medians = " | ".join(
            f"{np.median([row.certified[m] for row in tried]):.2f}, {np.median([row.left[m] for row in tried]):.2f}"
            for m in ALTERED
        )
        broken = sum(row.left[m] < row.certified[m] for row in tried for m in ALTERED)
        right = sum(row.right for row in rows)
        print(
            f"| {size} | {rows[0].runs} | {right} of {count} | {certified} | {lost} | {medians} | {broken} |",
            flush=True,
        )
        if given.plot and size == given.sizes[-1]:
            draw(rows, size, given.plot)


if __name__ == "__main__":
    main()
