"""Run a worker: python -m workers."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor

import structlog
import uvloop
from prometheus_client import start_http_server
from pydantic import ValidationError
from pydantic_settings import SettingsError

from smoothgen.errors import SmoothGenError
from smoothgen.garbage import settle_heap
from smoothgen.logs import configure_logs
from smoothgen.queue import WorkQueue, connect
from workers.loop import Worker
from workers.metrics import Metrics
from workers.served import load_models
from workers.settings import Settings


async def serve(settings: Settings) -> None:
    """Load the models, then serve jobs until SIGTERM or SIGINT."""
    # One thread for everything torch does, loading included. A second one would bring OpenMP a second team of threads;
    # with more of them than cores they sleep at barriers, which made picture jobs a third slower on two cores.
    compute = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compute")
    models = await asyncio.get_running_loop().run_in_executor(compute, load_models, settings)
    settle_heap()
    metrics = Metrics(models)
    if settings.metrics_port is not None:
        start_http_server(settings.metrics_port, registry=metrics.registry)
    redis = connect(settings.redis_url)
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    worker = Worker(WorkQueue(redis, worker_id, lease_s=settings.lease_s), models, settings, metrics, compute)
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, worker.stop)
    try:
        await worker.run()
    finally:
        await redis.aclose()


def main() -> int:
    """Exit code 1 and one clear line where the settings cannot be read or a model cannot be loaded."""
    try:
        settings = Settings()
    except (ValidationError, SettingsError) as error:
        structlog.get_logger().error("worker_cannot_start", detail=str(error))
        return 1
    configure_logs(settings.log_format)
    if settings.threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(settings.threads)  # read when torch is first imported, later
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except (SmoothGenError, OSError, ValueError) as error:
        structlog.get_logger().error("worker_cannot_start", models=settings.models, detail=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
