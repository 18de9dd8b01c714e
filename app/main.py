"""The gateway as an application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app import errors
from app.body import BodyGuard
from app.cards import Cards
from app.dependencies import Gateway
from app.instruments import Instruments
from app.lean import LeanGenerate, is_generate
from app.metrics import Metrics
from app.routes import certificates, events, fleet, generate, health, jobs, models
from app.settings import Settings
from app.waiting import Waiting
from smoothgen import __version__
from smoothgen.queue import JobStore, connect

_DESCRIPTION = """\
Certified generation: every output comes with a proof of how far an attack on the prompt's embedding can move it.

A **certificate** states: no attack on the embedding of l2 norm at most ε moves the distribution of outputs by more than
w in Wasserstein-1, with confidence 1 − α. Anyone can check one with `smoothgen verify` or POST /certificates/verify.
"""


class _Gateway(FastAPI):
    """An application with one endpoint past FastAPI's own layers."""

    generate: LeanGenerate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if is_generate(scope):
            scope["app"] = self
            await self.generate(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def create_app(settings: Settings) -> FastAPI:
    """A gateway for these settings. Connects to Redis when it starts, and starts without it."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        redis = connect(settings.redis_url)
        store = JobStore(redis)
        waiting = Waiting(store)
        waiting.start()
        app.state.gateway = Gateway(settings, store, Cards(store), waiting, metrics)
        yield
        await waiting.stop()
        await redis.aclose()

    app = _Gateway(title="SmoothGen", version=__version__, description=_DESCRIPTION, lifespan=lifespan)
    app.generate = LeanGenerate(settings, metrics)
    errors.install(app)
    for room in (generate, jobs, events, certificates, fleet, models, health):
        app.include_router(room.router)

    def body_limit(path: str) -> int:
        return settings.max_certificate_bytes if path.startswith("/certificates") else settings.max_request_bytes

    app.add_middleware(BodyGuard, limit=body_limit)
    app.add_middleware(Instruments, metrics=metrics)
    return app
