"""What a GPU gives: python -m benchmarks.gpu --out FILE

Random weights in the shape of Stable Diffusion v1.5, GPT-2 medium and a GPT-2 of 1.3 billion weights; no network. For
each precision and size of the batch: samples a second of the generator as a worker loads it, over the bare diffusers
pipeline or transformers' `generate` in batches of the same size; passes of the network for a batch; peak memory; and
the share of the device's matrix speed, that of a plain matrix product measured in the same run. Then pictures with
SMOOTHGEN_COMPILE, and a batch that does not fit the memory. FILE is a result that `benchmarks.report` reads.

Outputs of random weights mean nothing, and their texts hardly ever end early. After --seconds nothing new is begun.
--smoke: tiny models on the CPU in float32 and bfloat16, and nothing compiled.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import diffusers.utils.logging
import torch
import transformers.utils.logging

from benchmarks.gpu.device import Device
from benchmarks.gpu.measuring import Bare, Point, bare, load, points, release, survived
from benchmarks.gpu.shapes import SHAPES, TINY, Shape
from benchmarks.report import ROOT, Result, table
from benchmarks.smoke import parse_sizes, smoke_path

COLUMNS = ["model", "precision", "batch", "samples a second", "over bare", "passes", "peak memory", "of matrix speed"]
MATRIX = 8192
SHARE_OF_PEAK = 0.6
"""The memory given to the largest batch, over what it took beyond the weights: enough for half of it, too little for
all of it."""


@dataclass(frozen=True)
class Plan:
    """What is measured. too_large, room: a batch that does not fit the memory, and the bytes it is given; None for the
    largest of a shape's batches and a share of what it needs. splits_in: the precision in which this is tried."""

    device: Device
    shapes: tuple[Shape, ...]
    precisions: tuple[str, ...]
    compiled: bool
    matrix: int
    steps: int
    tokens: int
    rounds: int
    too_large: int | None
    room: int | None
    splits_in: str

    def steps_of(self, shape: Shape) -> int:
        return self.steps if shape.picture else self.tokens


def measured(plan: Plan, scratch: Path, deadline: float) -> Iterator[list[str]]:
    """Yields the rows of the table as they are measured."""
    speeds = {p: plan.device.matmul_speed(getattr(torch, p), plan.matrix) for p in plan.precisions}
    for precision, speed in speeds.items():
        yield ["plain matrix product", precision, "–", "–", "–", "–", "–", f"{speed / 1e12:.4g} TFLOP/s"]
    for shape in plan.shapes:
        folder = scratch / shape.name.replace(" ", "-")
        if time.monotonic() < deadline:
            shape.write(folder)
        for precision in plan.precisions:
            if time.monotonic() < deadline:
                yield from of_model(plan, shape, folder, precision, speeds[precision])


def of_model(plan: Plan, shape: Shape, folder: Path, precision: str, matmul: float) -> Iterator[list[str]]:
    """Yields the rows of one model in one precision, with those of compiled networks where there are any."""
    device, steps = plan.device, plan.steps_of(shape)
    release()
    base = bare(shape, folder, device, getattr(torch, precision), steps, plan.rounds)
    worker = load(shape, folder, device, precision, steps)
    found = list(points(worker, device, shape.batches, plan.rounds))
    yield from (row(shape.name, precision, point, base, matmul) for point in found)
    if shape.picture and precision == plan.splits_in:
        batch = plan.too_large or shape.batches[-1]
        room = plan.room or int(SHARE_OF_PEAK * (found[-1].peak - torch.cuda.memory_allocated(device.name)))
        end = survived(worker, device, batch, room)
        words = f"split, {end.made} of {batch} made in batches of {end.size}, {end.failed} failed"
        if end.size == batch:
            words = "all in one batch: the memory was not too small, and nothing was shown"
        yield [f"{shape.name}, {room / 1e9:.3g} GB for it", precision, str(batch), words, "–", "–", "–", "–"]
        if plan.compiled:
            del worker
            compiled = load(shape, folder, device, precision, steps, compiled=True)
            for point in points(compiled, device, shape.batches, plan.rounds):
                yield row(f"{shape.name}, compiled", precision, point, base, matmul)


def row(name: str, precision: str, point: Point, base: Bare, matmul: float) -> list[str]:
    """A row of the table."""
    made = f"{point.speed:.4g}" + (f", {point.failed} of {point.batch} failed" if point.failed else "")
    return [
        name,
        precision,
        str(point.batch),
        made,
        f"{point.speed / base.speed[point.batch]:.3f} times",
        str(point.passes),
        f"{point.peak / 1e9:.3g} GB",
        f"{100 * point.speed * base.operations / matmul:.3g} %",
    ]


def write(out: Path, plan: Plan, command: str, rows: list[list[str]], complete: bool) -> None:
    """Writes the result file. Raises ValueError for one that `benchmarks.report` would not read."""
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    fields = {
        "section": "Service",
        "order": 90,
        "title": "Generators on a GPU, random weights",
        "command": command,
        "machine": plan.device.machine,
        "date": datetime.now(UTC).date().isoformat(),
        "revision": revision.stdout.strip() or None,
        "columns": COLUMNS,
        "rows": rows,
        "notes": [
            f"Pictures of {plan.steps} guided steps, texts of {plan.tokens} tokens, the fastest of {plan.rounds} "
            "batches. Share of matrix speed: operations of a sample, counted in the bare library, times samples a "
            "second, over the plain product's.",
            *([] if complete else ["Cut short by --seconds: rows are missing."]),
        ],
    }
    out.write_text(json.dumps(fields, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    Result.read(out)


def main() -> None:
    """Measures, prints the table and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the result file to write")
    parser.add_argument("--device", default="cuda:0", help="cuda:0, cuda:1 …")
    parser.add_argument("--seconds", type=float, default=400, help="after so long nothing new is begun")
    given = parse_sizes(parser, device="cpu", out=None)
    device = Device(given.device)
    if device.is_gpu and not torch.cuda.is_available():
        parser.error(f"--device {given.device}: torch finds no GPU here; --smoke runs it at tiny size on the CPU")
    for library in (diffusers.utils.logging, transformers.utils.logging):
        library.set_verbosity_error()
        library.disable_progress_bar()
    if given.smoke:
        plan = Plan(device, TINY, ("float32", "bfloat16"), False, 128, 2, 2, 1, 512, 2**24, "float32")
    else:
        plan = Plan(device, SHAPES, ("float32", "bfloat16", "float16"), True, MATRIX, 10, 32, 2, None, None, "bfloat16")
    out, deadline = given.out or smoke_path("gpu.json"), time.monotonic() + given.seconds
    rows = []
    print("\n".join(table(COLUMNS, [])), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for found in measured(plan, Path(scratch), deadline):
            rows.append(found)
            print(f"| {' | '.join(found)} |", flush=True)
    command = "python -m benchmarks.gpu --out FILE" + (" --smoke" if given.smoke else "")
    write(out, plan, command, rows, complete=time.monotonic() < deadline)
    print(f"\n{out}")


if __name__ == "__main__":
    main()
