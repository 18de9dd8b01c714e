"""The smoke form of every benchmark runs: the smallest sizes, whose figures mean nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IS_RUN = 'if __name__ == "__main__"'

SMALL = {
    "certify": "--smoke",
    "cluster": "--smoke",
    "failover": "--smoke",
    "gateway_cost": "--smoke",
    "gpu": "--smoke",
    "poisoned_passages": "--smoke",
    "scaling": "--smoke",
    "soak": "--smoke",
    "token_neighbours": "--smoke",
    "worker_overhead": "--quick",
}
"""The option that makes a benchmark small."""

_MODEL = "loads a model of torch and draws from it: its smoke form takes a minute or more on two busy cores"
_NO_SIZES = "has no sizes to make small, and takes minutes"
TOO_LARGE = {
    "bottleneck": "reads a language model for hours, and keeps what it measured between runs",
    "budget": _MODEL,
    "certificate_cost": _MODEL,
    "coverage": "needs Debian's wordnet-base, and loads a model of torch",
    "draft_decoding": _MODEL,
    "draft_passes": _MODEL,
    "fair_share": _NO_SIZES,
    "fleet": _MODEL,
    "gan": _MODEL,
    "image_quality": _MODEL,
    "image_radius": _MODEL,
    "image_speed": _MODEL,
    "lipschitz": _MODEL,
    "load": "compares with LitServe and BentoML, which have an environment of their own; --quick is its short form",
    "negations": "needs Debian's wordnet-base, and loads a model of torch",
    "prefix_cache": _MODEL,
    "savings": _MODEL,
    "score_claims": _MODEL,
    "shape": _MODEL,
    "spread": _MODEL,
    "statistics": _NO_SIZES,
    "text_edits": _MODEL,
    "text_fleet": _MODEL,
    "text_keeps": _MODEL,
    "text_mechanisms": _MODEL,
    "synonyms": "needs Debian's wordnet-base",
    "token_attacks": _MODEL,
}
"""Benchmarks that this test leaves out, and why."""


def every_benchmark() -> set[str]:
    files = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if IS_RUN in path.read_text("utf-8")}
    folders = {path.parent.name for path in (ROOT / "benchmarks").glob("*/__main__.py")}
    return (files | folders) - {"report", "baselines"}  # which measure nothing: they write tables


def test_every_benchmark_is_run_or_left_out_for_a_reason() -> None:
    assert every_benchmark() == {*SMALL, *TOO_LARGE}


@pytest.mark.parametrize("name", SMALL)
def test_the_smoke_form_runs(name: str, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", SMALL[name]],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert run.returncode == 0, run.stderr[-2000:]
    assert run.stdout.strip()
