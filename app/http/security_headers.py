"""Header fields by which browsers keep an answer from being misused."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_FIELDS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
_POLICY: Final = "Content-Security-Policy"
_OF_DATA: Final = "default-src 'none'; frame-ancestors 'none'"
_OF_PAGES: Final = "frame-ancestors 'none'; object-src 'none'; base-uri 'none'; form-action 'none'"
"""For a page that does not say itself what it may load."""


class SecurityHeaders:
    """ASGI middleware that adds these fields to every answer that does not have them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes the request through and adds to its answer."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _FIELDS.items():
                    headers.setdefault(name, value)
                is_page = headers.get("Content-Type", "").startswith("text/html")
                headers.setdefault(_POLICY, _OF_PAGES if is_page else _OF_DATA)
                headers.setdefault("Cache-Control", "no-store")  # prompts and outputs are no cache's to keep
            await send(message)

        await self._app(scope, receive, adding if scope["type"] == "http" else send)
