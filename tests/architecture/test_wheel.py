"""The wheel: the library, the client and the command line, and nothing that bears another name."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from smoothgen import Certificate, Gaussian, certify, save_certificate

ROOT = Path(__file__).parents[2]
THIRD_PARTIES = next(path for path in sys.path if path.endswith("site-packages"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from this checkout, without a network."""
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
    return path


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `smoothgen` command of a fresh environment that holds the wheel, and sees this one's third-party packages.

    Without a network there is nothing to install them from. The entries of this environment's .pth files, among them
    the checkout, are not seen.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    [site] = folder.glob("lib/python3*/site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "third_parties.pth").write_text(THIRD_PARTIES)
    command = folder / "bin/smoothgen"
    command.write_text(f"#!{folder}/bin/python\nfrom smoothgen.cli import main\nmain()\n")
    command.chmod(0o755)
    return command


def run(command: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command of the fresh environment away from the checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [command, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=command.parent,
        env=environment,
    )


def test_the_wheel_holds_every_module_and_data_file_of_the_library(names: set[str]) -> None:
    files = [p for p in (ROOT / "smoothgen").rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    assert {path.relative_to(ROOT).as_posix() for path in files} <= names


def test_the_wheel_holds_nothing_else(names: set[str]) -> None:
    """No `app`, no `workers`, no `tests`: names that other people's packages may have."""
    assert {name.partition("/")[0] for name in names} == {"smoothgen", "smoothgen-0.1.0.dist-info"}


def test_the_installed_library_is_the_wheels(installed: Path) -> None:
    where = run(installed.parent / "python", "-c", "import smoothgen; print(smoothgen.__file__)")
    assert where.stdout.startswith(str(installed.parents[1])), where.stderr


def test_the_installed_command_verifies_a_certificate(installed: Path, tmp_path: Path) -> None:
    certificate = certify(
        [0.01] * 500, bound=1.0, diameter=1.0, mechanism=Gaussian(sigma=0.5), alpha=1e-3, tolerance=0.3
    )
    assert isinstance(certificate, Certificate)
    path = tmp_path / "certificate.json"
    save_certificate(certificate, path)

    verdict = run(installed, "verify", str(path))

    assert (verdict.returncode, "VALID" in verdict.stdout) == (0, True), verdict.stderr


def test_checking_with_a_model_needs_the_servers_and_says_so(installed: Path, tmp_path: Path) -> None:
    told = run(installed, "verify", str(tmp_path / "c.json"), "--model", "smollm2-135m", "--prompt", "hi")
    (tmp_path / "c.json").write_text('{"schema": "smoothgen/certificate/v2"}')
    again = run(installed, "verify", str(tmp_path / "c.json"), "--model", "smollm2-135m", "--prompt", "hi")

    assert (told.returncode, "there is no file" in told.stderr) == (2, True)
    assert again.returncode == 1
    assert again.stderr.startswith("smoothgen: verify --model needs the servers")


@pytest.mark.parametrize("command", ["serve", "demo", "worker", "calibrate", "coverage"])
def test_a_command_that_needs_the_servers_says_so_in_one_line(installed: Path, command: str) -> None:
    told = run(installed, command)

    assert (told.returncode, told.stdout) == (1, "")
    [line] = told.stderr.splitlines()
    assert line.startswith(f"smoothgen: {command} needs the servers")
    assert "make install" in line
    assert "images" in line


def test_a_strangers_package_of_the_same_name_is_not_taken_for_a_server(installed: Path, tmp_path: Path) -> None:
    for name in ("app", "workers"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('a stranger was run')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from smoothgen.cli import main; main()"

    told = run(installed.parent / "python", "-c", code, "serve")

    assert told.returncode == 1
    assert "needs the servers" in told.stderr
