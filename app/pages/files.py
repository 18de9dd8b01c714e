"""A folder of built files, sent with a content security policy of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

_HERE: Final = Path(__file__).parent
_POLICY: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "font-src": "'self'",
    "img-src": "'self' blob: data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_NAMED_BY_CONTENT: Final = "assets"
"""The folder whose files carry a digest in their names, so that a browser need not ask for them again."""


class PageFiles(StaticFiles):
    """The files of one page. A page runs scripts of this server alone, and none that is written inside its HTML."""

    def __init__(self, name: str, **policy: str) -> None:
        """name: of the folder. policy: directives that differ, with underscores for dashes."""
        super().__init__(directory=_HERE / name, html=True)
        changed = {directive.replace("_", "-"): sources for directive, sources in policy.items()}
        self._policy = "; ".join(f"{directive} {sources}" for directive, sources in (_POLICY | changed).items())

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """Returns a file with its headers, or 304 where the browser has it."""
        response = super().file_response(full_path, stat_result, scope, status_code)
        kept = _NAMED_BY_CONTENT in _folders(full_path)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        response.headers["Content-Security-Policy"] = self._policy
        return response


def _folders(path: str | os.PathLike[str]) -> Sequence[str]:
    return Path(path).relative_to(_HERE).parts[:-1]
