"""Run a gateway: python -m app."""

from __future__ import annotations

import uvicorn

from app.main import create_app
from app.settings import Settings
from smoothgen.logs import configure_logs


def main() -> None:
    """Serve until SIGTERM, then finish the requests in hand."""
    settings = Settings()
    configure_logs(settings.log_format)
    uvicorn.run(
        create_app(settings),
        host=settings.host,
        port=settings.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=int(settings.max_wait_s),
    )


if __name__ == "__main__":
    main()
