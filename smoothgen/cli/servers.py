"""Whether this installation has the servers: the packages `app` and `workers`, which the wheel leaves out."""

from __future__ import annotations

from importlib.machinery import PathFinder
from pathlib import Path

import typer

_A_FILE_OF = {"app": "routes/generate.py", "workers": "serving/worker.py"}
"""A file by which the project's package is told from somebody else's of the same name."""
_NO_SERVERS = 1


def require_servers(command: str, *packages: str) -> None:
    """Ends the command with exit code 1 and one line that names the remedy, unless all packages can be started."""
    missing = [package for package in packages if not _is_installed(package)]
    if missing:
        typer.secho(
            f"smoothgen: {command} needs the servers, and this installation is the library, the client and the command "
            f"line (no {' and no '.join(missing)}); run it in a checkout after `make install`, or use the images "
            "(docs/operations)",
            fg="red",
            err=True,
        )
        raise typer.Exit(_NO_SERVERS)


def _is_installed(package: str) -> bool:
    """Returns whether the package is on the path. Looks at files only, so nothing of a stranger's package runs."""
    spec = PathFinder.find_spec(package)
    folders = (spec.submodule_search_locations or ()) if spec is not None else ()
    return any((Path(folder) / _A_FILE_OF[package]).is_file() for folder in folders)
