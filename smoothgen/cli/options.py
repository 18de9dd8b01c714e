"""Options that the commands which talk to a server have in common."""

from __future__ import annotations

from typing import Annotated, Final

import typer

Url = Annotated[str, typer.Option(envvar="SMOOTHGEN_URL", help="The server.")]
ApiKey = Annotated[str | None, typer.Option(envvar="SMOOTHGEN_API_KEY", help="Bearer key, where the server wants one.")]
LOCAL: Final = "http://127.0.0.1:8000"
"""Where `smoothgen serve` listens unless it is told otherwise."""
