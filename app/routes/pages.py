"""Pages for browsers: /console, /docs and /redoc."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from app.pages.files import PageFiles

router = APIRouter(include_in_schema=False)

_INLINE_STYLES = "'self' 'unsafe-inline'"
"""Swagger UI and ReDoc write style elements as they run."""


def _add(name: str, files: PageFiles) -> None:
    """Serves a page at /name/, relative to which it names its files, and leads there from /name."""

    async def enter() -> Response:
        return RedirectResponse(f"{name}/")  # relative, so that it holds behind a proxy too

    async def file(request: Request, path: str) -> Response:
        return await files.get_response(path or ".", request.scope)

    router.add_api_route(f"/{name}", enter)
    router.add_api_route(f"/{name}/{{path:path}}", file)


_add("console", PageFiles("console"))
_add("docs", PageFiles("docs", style_src=_INLINE_STYLES))
_add("redoc", PageFiles("redoc", style_src=_INLINE_STYLES, worker_src="blob:"))
