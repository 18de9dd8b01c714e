"""Run a gateway: python -m app."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable
from socket import socket
from types import FrameType

import structlog
import uvicorn

from app.access.starting import require_key
from app.http.connections import ConnectionLimits, limited_protocol
from app.http.dependencies import Gateway
from app.main import create_app
from app.settings import Settings
from smoothgen.errors import InvalidInput
from smoothgen.ledger.database import Database
from smoothgen.process.heap import settle_heap
from smoothgen.process.logs import asked_format, configure_logs
from smoothgen.process.settings_errors import settings_detail
from smoothgen.process.stray_lines import take_stderr
from smoothgen.queue import connect
from smoothgen.signing import KeyFolder
from smoothgen.tracing import start_traces

_GRACE_S = 15
"""For answers being computed or sent when told to stop; nobody waits for a job then."""


class _Server(uvicorn.Server):
    """Serves HTTP. On SIGTERM, clients that wait for a job are answered with where to find it, instead of being waited
    for."""

    def __init__(self, config: uvicorn.Config, stop_traces: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._stop_traces = stop_traces

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        gateway: Gateway | None = getattr(self.config.app.state, "gateway", None)  # type: ignore[union-attr]
        if gateway is not None:
            asyncio.get_running_loop().call_soon_threadsafe(gateway.replies.release)
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Ends all connections, then the export of spans: once this has returned, the signal ends the process."""
        await super().shutdown(sockets)
        if self._stop_traces is not None:
            await asyncio.to_thread(self._stop_traces)


def main() -> int:
    """Serves until SIGTERM. Exit code 1 and one clear line where the settings cannot be read."""
    configure_logs(asked_format(), service="gateway")
    take_stderr()
    try:
        settings = Settings()
        connect(settings.redis_url)  # sends nothing: says what is wrong with the address
        if settings.signing_keys is not None:
            KeyFolder(settings.signing_keys).signing_key(int(time.time()))  # says what is wrong with the folder
        if settings.ledger_url is not None:
            Database(settings.ledger_url)  # likewise
        stop_traces = start_traces("gateway")
    except (ValueError, OSError) as error:
        detail = settings_detail(error) if isinstance(error, ValueError) else str(error)
        remedy = 'settings are read from variables such as SMOOTHGEN_API_KEYS, lists as JSON such as ["…"]'
        structlog.get_logger().error("gateway_cannot_start", detail=f"{detail}; {remedy}")
        return 1
    configure_logs(settings.log_format, service="gateway", level=settings.log_level)
    try:
        asyncio.run(require_key(settings))
    except InvalidInput as error:
        structlog.get_logger().error("gateway_cannot_start", detail=str(error))
        return 1
    app = create_app(settings, traced=stop_traces is not None)
    settle_heap()
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=limited_protocol(
            ConnectionLimits(
                head_bytes=settings.max_header_bytes,
                head_s=settings.header_timeout_s,
                body_s=settings.body_timeout_s,
                connections=settings.max_connections,
            )
        ),
        ws="none",
        log_config=None,  # its lines go where all go
        access_log=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    _Server(config, stop_traces).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
