"""The base image, made from Debian's packages: what stands in for the one that the Dockerfile names."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.containers.engine import CLIENT, ROOT, CommandFailed, Engine, run
from tests.containers.package_sources import hand_over, pip_options

_RELEASE = "bookworm"
_PACKAGES = ("python3", "python3-venv", "python-is-python3", "ca-certificates")


def base_name() -> str:
    """Returns the name of the base image in the Dockerfile."""
    found = re.search(r"^ARG BASE=(\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    if found is None:
        raise CommandFailed("the Dockerfile has no line ARG BASE=NAME")
    return found[1]


def make_base(engine: Engine, folder: Path) -> str:
    """Makes the base image under the Dockerfile's name and returns that name; a kept one is used as it is.
    folder: for its files, which are removed again."""
    name = base_name()
    if engine.docker("images", "--quiet", name):
        return name
    root = folder / "base"
    try:
        mirror = _mirror()
        packages = f"--include={','.join(_PACKAGES)}"
        command = ["debootstrap", "--variant=minbase", packages, _RELEASE, str(root)]
        run([*command, mirror] if mirror else command, engine.environment(), seconds=1800)
        hand_over(root, pip_options())
        for downloaded in ("var/cache/apt/archives", "var/lib/apt/lists"):
            shutil.rmtree(root / downloaded)
        with subprocess.Popen(["tar", "--create", "--directory", str(root), "."], stdout=subprocess.PIPE) as packed:
            imported = [str(CLIENT), "import", "--change", 'CMD ["python3"]', "-", name]
            subprocess.run(imported, stdin=packed.stdout, env=engine.environment(), capture_output=True, check=True)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    return name


def _mirror() -> str | None:
    """Returns where this machine's apt gets the release from, None where it does not: debootstrap knows a mirror."""
    asked = [
        "apt-get",
        "indextargets",
        "--format",
        "$(CODENAME) $(REPO_URI)",
        "Created-By: Packages",
        "Component: main",
    ]
    listed = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
    found = re.search(rf"^{_RELEASE} (\S+)$", listed, re.MULTILINE)
    return found[1] if found else None
