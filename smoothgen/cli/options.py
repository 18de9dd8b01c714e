"""Options that the commands which talk to a server have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

_PICTURES: Final = (".png", ".pdf", ".svg")

Url = Annotated[str, typer.Option(envvar="SMOOTHGEN_URL", help="The server.")]
ApiKey = Annotated[str | None, typer.Option(envvar="SMOOTHGEN_API_KEY", help="Bearer key, where the server wants one.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
LOCAL: Final = "http://127.0.0.1:8000"
"""Where `smoothgen serve` listens unless it is told otherwise."""


def picture_file(path: Path | None) -> Path | None:
    """Returns where a picture goes, as it is given. Raises BadParameter, before anything is asked of a server, for a
    path that no picture can be written to under that very name."""
    if path is None:
        return None
    if path.is_dir():
        raise typer.BadParameter(f"{str(path)!r} is a folder; name a file in it, such as {str(path / 'picture.png')!r}")
    if path.suffix.lower() not in _PICTURES:
        raise typer.BadParameter(
            f"{str(path)!r} must end in {', '.join(_PICTURES[:-1])} or {_PICTURES[-1]}, such as '{path.stem}.png'"
        )
    if not path.parent.is_dir():
        raise typer.BadParameter(f"{str(path.parent)!r} is no folder; make it first, or name another")
    return path
