"""Run a worker: python -m workers."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
import sys
import time
from typing import Final, NoReturn

import structlog
import uvloop
from pydantic import ValidationError
from pydantic_settings import SettingsError

from smoothgen.errors import SmoothGenError
from smoothgen.process.cores import available_cores
from smoothgen.process.heap import settle_heap
from smoothgen.process.logs import asked_format, configure_logs
from smoothgen.process.settings_errors import settings_detail
from smoothgen.process.stray_lines import take_stderr
from smoothgen.queue import WorkQueue, connect
from smoothgen.tracing import start_traces
from workers.serving.compute import ComputeThread
from workers.serving.health import serve_health
from workers.serving.loaded_model import LoadedModel, load_models
from workers.serving.metrics import CountsPasses, Gpus, Metrics, NetworkPasses
from workers.serving.worker import Worker
from workers.settings import Settings

CANNOT_START = 1
"""Exit code of a worker that would fail the same way again: settings that cannot be read, a model that cannot be
loaded, a metrics port that is taken. One line says why."""
CRASHED = 70
"""Exit code after an error of our own (EX_SOFTWARE): worth another try, which `smoothgen serve` makes."""

_STOPS: Final = (signal.SIGTERM, signal.SIGINT)


class _CannotStartError(Exception):
    """Says in one line why the worker cannot start."""


async def serve(settings: Settings) -> None:
    """Loads the models, then serves jobs until SIGTERM or SIGINT. Raises _CannotStartError."""
    loop = asyncio.get_running_loop()
    for sign in _STOPS:
        loop.add_signal_handler(sign, _stop_loading)
    compute = ComputeThread()
    began = time.monotonic()
    worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    try:
        redis = connect(settings.redis_url)  # sends nothing; before the models, which may take minutes
        models = await compute.load(load_models, settings)
        metrics = _metrics(models, settings, time.monotonic() - began)
        worker = Worker(WorkQueue(redis, worker_id, lease_s=settings.lease_s), models, settings, metrics, compute)
        _serve_health(worker, metrics, settings)
    except Exception as error:  # from deep inside a library as well: a file that is broken stays so
        raise _CannotStartError(_one_line(error)) from error
    settle_heap()
    for sign in _STOPS:
        loop.add_signal_handler(sign, worker.stop)
    try:
        await worker.run()
    finally:
        await redis.aclose()


def _stop_loading() -> NoReturn:
    """Ends the process at once: there is no work in hand yet, and the thread that loads cannot be interrupted."""
    structlog.get_logger().info("stopped", detail="told to stop while the models were being loaded")
    os._exit(0)


def _metrics(models: dict[str, LoadedModel], settings: Settings, load_s: float) -> Metrics:
    """Returns the worker's metrics."""
    metrics = Metrics(models)
    metrics.load_seconds.set(load_s)
    for name in models:
        metrics.batch_size.labels(name).set(settings.batch_size)
    generators = {name: model.generator for name, model in models.items()}
    counting = {name: generator for name, generator in generators.items() if isinstance(generator, CountsPasses)}
    metrics.registry.register(NetworkPasses(counting))
    torch = sys.modules.get("torch")  # not imported for it: a closed-form worker needs none
    if torch is not None and torch.cuda.is_available():
        metrics.registry.register(Gpus())
    return metrics


def _serve_health(worker: Worker, metrics: Metrics, settings: Settings) -> None:
    """Serves metrics and /livez where the settings want them. Raises OSError if the port is taken."""
    if settings.metrics_port is not None:
        try:
            serve_health(settings.metrics_port, metrics.registry, lambda: worker.hanging.hang)
        except OSError as error:
            raise OSError(f"SMOOTHGEN_METRICS_PORT={settings.metrics_port}: {error}; choose another port") from error


def _one_line(error: Exception) -> str:
    """Returns the error's text, with its type unless it is our own or the system's, whose texts say enough."""
    text = " ".join(str(error).split())
    return text if isinstance(error, SmoothGenError | OSError) else f"{type(error).__name__}: {text}"


def main() -> int:
    """Returns the exit code: 1 and one clear line where the worker cannot start, 70 after an error of our own."""
    configure_logs(asked_format(), service="worker")
    take_stderr()
    try:
        settings = Settings()
    except (ValidationError, SettingsError) as error:
        structlog.get_logger().error("worker_cannot_start", detail=settings_detail(error))
        return CANNOT_START
    configure_logs(settings.log_format, service="worker", level=settings.log_level)
    try:
        stop_traces = start_traces("worker")
    except ValueError as error:
        structlog.get_logger().error("worker_cannot_start", detail=str(error))
        return CANNOT_START
    # Progress bars are no log lines. Read when the libraries are first imported, which is later.
    os.environ.update(TQDM_DISABLE="1", HF_HUB_DISABLE_PROGRESS_BARS="1")
    # Both are read when torch is first imported, which is later. Waiting threads sleep: those that spin take the cores
    # from the thread they wait for, where other processes want them too.
    if settings.threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(settings.threads)
    os.environ.setdefault("OMP_NUM_THREADS", str(available_cores()))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings))
    except _CannotStartError as error:
        structlog.get_logger().error("worker_cannot_start", models=settings.models, detail=str(error))
        return CANNOT_START
    except Exception:
        structlog.get_logger().exception("worker_crashed")
        return CRASHED
    finally:
        if stop_traces is not None:
            stop_traces()
    return 0


if __name__ == "__main__":
    sys.exit(main())
