"""The wheel: everything that runs needs, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("smoothgen", "app", "workers")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel built from this checkout, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    [path] = folder.glob("smoothgen-*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_module_and_data_file(wheel: set[str]) -> None:
    files = [p for room in ROOMS for p in (ROOT / room).rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert {str(path.relative_to(ROOT)) for path in files} <= wheel


def test_the_wheel_ships_calibrations_and_their_prompts(wheel: set[str]) -> None:
    assert "workers/stored/data/smollm2-135m.json" in wheel
    assert "workers/stored/data/prompts.txt" in wheel
    assert "workers/stored/data/prompts-image.txt" in wheel


def test_the_wheel_ships_the_picture_model(wheel: set[str]) -> None:
    folder = "workers/models/fashion-32"
    weights = {f"{folder}/{part}/model.safetensors" for part in ("judge", "text_head")}
    weights |= {f"{folder}/{part}/diffusion_pytorch_model.safetensors" for part in ("unet", "vae")}
    assert weights | {f"{folder}/model_index.json", f"{folder}/smoothgen.json"} <= wheel


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    assert {name.partition("/")[0] for name in wheel} - set(ROOMS) == {"smoothgen-0.1.0.dist-info"}
